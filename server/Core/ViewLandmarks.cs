using System.Numerics;
using System.Text.Json;
using System.Text.Json.Serialization;
using MeshFromFaces.Core.Geometry;

namespace MeshFromFaces.Core;

/// <summary>The landmarks of one face: an entry of landmarks.json and of the HTTP answers.</summary>
/// <param name="Image">The photo's name as given.</param>
/// <param name="Face">The face's number, from 1, the largest; null (and absent from the JSON) when the photo was not searched for all its faces.</param>
/// <param name="Width">Pixels, after the EXIF orientation was applied.</param>
/// <param name="Height">Pixels, after the EXIF orientation was applied.</param>
/// <param name="Presence">Probability that the photo shows a face, 0..1.</param>
/// <param name="Layout">Name of the layout that <paramref name="Landmarks"/> follow, point by point.</param>
/// <param name="Landmarks">One a query of the layout, in its order.</param>
/// <param name="Theta">[6] row-major 2x3 affine: face image to square-padded photo, both in [-1, 1].</param>
/// <param name="Rotation">[9] row-major R of <c>x_camera = R x_head + T</c>.</param>
/// <param name="Translation">[3] T in metres; T.z is negative.</param>
/// <param name="FocalMm">Focal length of the face image's camera on a 36 mm sensor.</param>
public sealed record ViewLandmarks(
    string Image,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? Face,
    int Width,
    int Height,
    double Presence,
    string Layout,
    IReadOnlyList<Landmark> Landmarks,
    IReadOnlyList<float> Theta,
    IReadOnlyList<float> Rotation,
    IReadOnlyList<float> Translation,
    float FocalMm)
{
    /// <summary>Focal length of the photo's own camera, on a sensor whose 36 mm are the photo's longer side.</summary>
    [JsonIgnore]
    public float LensMm => Camera.LensMm;

    /// <summary>Photo pixels a metre across at the head's depth.</summary>
    [JsonIgnore]
    public float PixelsPerMetre => Camera.PixelsPerMetre;

    private PhotoCamera Camera => new(
        new Pose(Row(0), Row(3), Row(6), new(Translation[0], Translation[1], Translation[2]), FocalMm),
        new Geometry.Theta(Theta[0], Theta[1], Theta[2], Theta[3], Theta[4], Theta[5]), Width, Height);

    private Vector3 Row(int at) => new(Rotation[at], Rotation[at + 1], Rotation[at + 2]);

    /// <summary>The bytes of landmarks.json: an array, one entry a face.</summary>
    public static byte[] ToJson(IReadOnlyList<ViewLandmarks> views) =>
        JsonSerializer.SerializeToUtf8Bytes(views, LandmarksJson.Default.IReadOnlyListViewLandmarks);
}

/// <param name="X">Photo pixels, right; the top-left pixel's centre is 0.5.</param>
/// <param name="Y">Photo pixels, down; the top-left pixel's centre is 0.5.</param>
/// <param name="Position">[3] canonical position in head space, metres.</param>
/// <param name="Sigma">Standard deviation of the 2D position in photo pixels.</param>
/// <param name="Visible">The posed mesh does not hide it, and it lies inside the photo.</param>
public sealed record Landmark(float X, float Y, IReadOnlyList<float> Position, float Sigma, bool Visible);

/// <summary>The one JSON form of landmarks, for the command line and HTTP.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = false)]
[JsonSerializable(typeof(IReadOnlyList<ViewLandmarks>))]
[JsonSerializable(typeof(FrameLandmarks))]
public sealed partial class LandmarksJson : JsonSerializerContext;
