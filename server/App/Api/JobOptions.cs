using System.Text.Json;
using MeshFromFaces.Core;

namespace MeshFromFaces.Server.Api;

/// <summary>The JSON of the <c>options</c> field. Every key is optional; a key that is not known is an error, not ignored.</summary>
internal static class JobOptions
{
    // No key for FaceOptions.TopologyFile: it would let a client name any file of the server's.
    private static readonly Dictionary<string, Func<FaceOptions, JsonElement, FaceOptions?>> Keys = new()
    {
        ["textureSize"] = (options, value) => value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int size) ? options with { TextureSize = size } : null,
        ["topology"] = (options, value) => Text(value) is { } name ? options with { Topology = name } : null,
        ["layout"] = (options, value) => Text(value) is { } name ? options with { Layout = name } : null,
        ["style"] = (options, value) => Text(value) is { } name ? options with { Style = name } : null,
        ["face"] = (options, value) => value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number) ? options with { Face = number } : null,
        ["skipBadViews"] = (options, value) => value.ValueKind is JsonValueKind.True or JsonValueKind.False ? options with { SkipBadViews = value.GetBoolean() } : null,
    };

    /// <exception cref="RequestException">400: not JSON, an unknown key, or a value of the wrong kind.</exception>
    /// <exception cref="InputException">A value out of range or an unknown name.</exception>
    public static FaceOptions Parse(byte[] json, FacePipeline pipeline)
    {
        var options = Parse(json);
        pipeline.Validate(options);
        return options;
    }

    private static FaceOptions Parse(byte[] json)
    {
        try
        {
            using var document = Read(json);
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                throw Bad("'options' is not a JSON object such as {\"textureSize\": 2048}.");
            }
            var options = new FaceOptions();
            foreach (var property in document.RootElement.EnumerateObject())
            {
                if (!Keys.TryGetValue(property.Name, out var set))
                {
                    throw Bad($"Option '{Shown(property.Name)}' is not known. Allowed: {string.Join(", ", Keys.Keys)}.");
                }
                options = set(options, property.Value)
                    ?? throw Bad($"Option '{property.Name}' cannot be {Shown(property.Value.GetRawText())}: that is the wrong kind of value.");
            }
            return options;
        }
        catch (InvalidOperationException)
        {
            // What the parser throws for an escape that cannot be made a text.
            throw Bad("'options' has half of a surrogate pair, such as \\ud800 alone, which is no text.");
        }
    }

    private static JsonDocument Read(byte[] json)
    {
        try
        {
            return JsonDocument.Parse(json, new JsonDocumentOptions { AllowDuplicateProperties = false });
        }
        catch (JsonException e)
        {
            throw Bad($"'options' is not valid JSON (line {e.LineNumber + 1}, byte {e.BytePositionInLine}).");
        }
    }

    private static string? Text(JsonElement value) => value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static string Shown(string text) => text.Length <= 60 ? text : text[..60] + "...";

    private static RequestException Bad(string message) => new(StatusCodes.Status400BadRequest, message);
}
