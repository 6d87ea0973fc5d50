using System.Text.Json.Nodes;
using Xunit;

namespace MeshFromFaces.Core.Tests.Support;

/// <summary>
/// A test of the shipped model's own judgement. An untrained export (its card has no metrics) is shown as skipped on a
/// developer's machine; with CI=true the test runs, and fails if that is what is shipped.
/// </summary>
internal sealed class TrainedModelFactAttribute : FactAttribute
{
    public TrainedModelFactAttribute() => Skip = Reason;

    internal static string? Reason { get; } = IsTrained() || Environment.GetEnvironmentVariable("CI") == "true"
        ? null
        : "models/compact is untrained: its card has no metrics.";

    private static bool IsTrained()
    {
        string card = Path.Combine(FacePipeline.DefaultModelFolder, "model.json");
        return File.Exists(card) && JsonNode.Parse(File.ReadAllText(card))!["metrics"] is JsonObject { Count: > 0 };
    }
}

/// <summary>The same of several cases.</summary>
internal sealed class TrainedModelTheoryAttribute : TheoryAttribute
{
    public TrainedModelTheoryAttribute() => Skip = TrainedModelFactAttribute.Reason;
}
