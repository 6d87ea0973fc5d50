using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace MeshFromFaces.Core.Geometry;

/// <summary>A named list of queries.</summary>
public sealed record Layout(string Name, ImmutableArray<Uv> Queries)
{
    /// <summary>The layout that every topology implies: its own vertices.</summary>
    public const string Dense = "dense";

    private const int MaxQueries = 200_000;

    /// <summary>Reads <c>{"name": ..., "uv": [[u, v], ...]}</c>.</summary>
    /// <param name="file">For messages.</param>
    /// <param name="json">UTF-8.</param>
    /// <exception cref="InputException">Not such a file.</exception>
    public static Layout Read(string file, byte[] json)
    {
        LayoutFile? read;
        try
        {
            read = JsonSerializer.Deserialize(json, LayoutJson.Default.LayoutFile);
        }
        catch (JsonException exception)
        {
            throw new InputException($"Layout '{file}' is not JSON of the form {{\"name\": ..., \"uv\": [[u, v], ...]}} (line {exception.LineNumber + 1}).", exception);
        }
        if (read is not { Name.Length: > 0, Uv.Length: > 0 and <= MaxQueries } || !Array.TrueForAll(read.Uv, IsUv))
        {
            throw new InputException($"Layout '{file}' needs a name and 1 to {MaxQueries} pairs [u, v] between 0 and 1.");
        }
        return new Layout(read.Name, [.. read.Uv.Select(uv => new Uv(uv[0], uv[1]))]);
    }

    private static bool IsUv(float[]? uv) => uv is [>= 0 and <= 1, >= 0 and <= 1];
}

internal sealed record LayoutFile(string? Name, float[][]? Uv);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(LayoutFile))]
internal sealed partial class LayoutJson : JsonSerializerContext;
