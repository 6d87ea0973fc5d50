using System.Globalization;
using System.Reflection;
using System.Text;
using System.Text.Json;
using MeshFromFaces.Server.Api;

namespace MeshFromFaces.Server.Cli;

/// <summary>The file of <c>serve --limits</c>: a JSON object with any of the limits' names, each with a whole number.</summary>
internal static class LimitsFile
{
    private static readonly (string Name, LimitAttribute Range, PropertyInfo Property)[] Known =
        [.. typeof(ServerLimits).GetProperties(BindingFlags.Public | BindingFlags.Instance)
            .Select(property => (JsonNamingPolicy.CamelCase.ConvertName(property.Name), property.GetCustomAttribute<LimitAttribute>()!, property))];

    /// <summary>Every limit with what it stands for, its standard value and its range: a line each.</summary>
    public static string Help { get; } = Describe();

    /// <exception cref="CommandException">It cannot be read, or a limit in it is unknown or out of its range.</exception>
    public static ServerLimits Read(string path)
    {
        var limits = new ServerLimits();
        using var document = Open(path);
        if (document.RootElement.ValueKind != JsonValueKind.Object)
        {
            throw Wrong(path, "it is not a JSON object such as {\"views\": 8}");
        }
        foreach (var entry in document.RootElement.EnumerateObject())
        {
            var (name, range, property) = Known.FirstOrDefault(limit => limit.Name == entry.Name);
            if (property is null)
            {
                throw Wrong(path, $"'{entry.Name}' is no limit; there are {string.Join(", ", Known.Select(limit => limit.Name))}");
            }
            if (entry.Value.ValueKind != JsonValueKind.Number || !entry.Value.TryGetInt64(out long value) || value < range.Least || value > range.Most)
            {
                throw Wrong(path, string.Create(CultureInfo.InvariantCulture,
                    $"'{name}' takes a whole number from {range.Least} to {range.Most}, not {entry.Value.GetRawText()}"));
            }
            property.SetValue(limits, Convert.ChangeType(value, property.PropertyType, CultureInfo.InvariantCulture));
        }
        return limits;
    }

    private static JsonDocument Open(string path)
    {
        try
        {
            return JsonDocument.Parse(File.ReadAllBytes(path), new JsonDocumentOptions { AllowDuplicateProperties = false });
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw Wrong(path, $"it cannot be read ({e.Message.TrimEnd('.')})");
        }
        catch (JsonException e)
        {
            throw Wrong(path, $"it is not valid JSON (line {e.LineNumber + 1}, byte {e.BytePositionInLine})");
        }
    }

    private static CommandException Wrong(string path, string what) =>
        new(ExitCode.Usage, $"--limits '{path}': {what}. See: mesh-from-faces serve --help");

    private static string Describe()
    {
        var standard = new ServerLimits();
        var text = new StringBuilder();
        foreach (var (name, range, property) in Known)
        {
            text.Append(CultureInfo.InvariantCulture, $"\n  {name} {property.GetValue(standard)} ({range.Least} to {range.Most}): {range.Meaning}");
        }
        return text.ToString();
    }
}
