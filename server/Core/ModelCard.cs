using System.Text.Json;
using System.Text.Json.Serialization;

namespace MeshFromFaces.Core;

/// <summary>What model.json says of a model, and the hash that identifies it.</summary>
public sealed record ModelCard
{
    public required string Name { get; init; }
    public required string Version { get; init; }

    /// <summary>SHA-256 (lower-case hex) by file name, of each graph in the folder.</summary>
    public required IReadOnlyDictionary<string, string> Files { get; init; }

    /// <summary>Names of the query deformer's dataset codes, in the order of the graph's <c>style</c> weights.</summary>
    public required IReadOnlyList<string> Styles { get; init; }

    public required string DefaultStyle { get; init; }

    /// <summary>A face is there when sigmoid(presence) is at least this, 0..1.</summary>
    public required double PresenceThreshold { get; init; }

    /// <summary>
    /// Whoever no look at the whole photo shows is a face when the mean sigma of its landmarks is at most this, in face-image units
    /// (the outer eyes are 0.7 apart): the presence threshold is chosen for one look a photo, fifty looks let through fifty times as
    /// many wrong places, and these betray themselves by uncertain landmarks.
    /// </summary>
    public double SearchSigma { get; init; } = 0.01;

    public string? Licence { get; init; }
    public JsonElement? TrainingData { get; init; }
    public JsonElement? Metrics { get; init; }

    /// <summary>SHA-256 over the sorted file names and their hashes: one value for the whole model.</summary>
    public string Hash { get; init; } = "";
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(ModelCard))]
public sealed partial class ModelCardJson : JsonSerializerContext;
