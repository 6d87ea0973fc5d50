using System.Text.Json.Serialization;

namespace MeshFromFaces.Core;

/// <summary>What a user may choose. <see cref="FacePipeline"/> checks it once, before any work.</summary>
public sealed record FaceOptions
{
    public const int MinTextureSize = 512;
    public const int MaxTextureSize = 8192;

    /// <summary>Side of the square atlas in texels: a power of two, 512 to 8192.</summary>
    public int TextureSize { get; init; } = 2048;

    /// <summary>A name in <see cref="FacePipeline.Topologies"/>.</summary>
    public string Topology { get; init; } = "mid";

    /// <summary>The path of the user's own OBJ (its <c>vt</c> are canonical UVs) in place of <see cref="Topology"/>; never taken from JSON, so no HTTP caller can name a file.</summary>
    [JsonIgnore]
    public string? TopologyFile { get; init; }

    /// <summary>A name in <see cref="FacePipeline.Layouts"/>; <c>dense</c> is the topology's own vertices.</summary>
    public string Layout { get; init; } = "ibug68";

    /// <summary>
    /// A name in <see cref="ModelCard.Styles"/>; a blend, <c>render:0.3,photo:0.7</c>, of any weights from 0 up;
    /// <c>none</c> for the canonical points themselves; null takes the model's default.
    /// </summary>
    public string? Style { get; init; }

    /// <summary>
    /// Which face of each photo: 1 is the largest, and so on. Null takes the one that a single look at the photo finds,
    /// which is much faster; where that finds none, the photo is searched and its largest face taken.
    /// </summary>
    public int? Face { get; init; }

    /// <summary>Leave out a photo that cannot be used instead of failing; the job still fails when none is left.</summary>
    public bool SkipBadViews { get; init; }
}
