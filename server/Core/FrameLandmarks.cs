using System.Text.Json;
using System.Text.Json.Serialization;

namespace MeshFromFaces.Core;

/// <summary>What one frame of a video gave: a line of landmarks.jsonl.</summary>
/// <param name="Frame">From 1.</param>
/// <param name="Time">Seconds from the first frame.</param>
/// <param name="View">The landmarks and the fit; null, and absent from the JSON, when the frame is at fault.</param>
/// <param name="Fault">Why there are none, in words for the user; else null and absent.</param>
public sealed record FrameLandmarks(
    int Frame,
    double Time,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] ViewLandmarks? View,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Fault)
{
    /// <summary>UTF-8, without the line's end.</summary>
    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this, LandmarksJson.Default.FrameLandmarks);
}
