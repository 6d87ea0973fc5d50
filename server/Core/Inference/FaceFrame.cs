using System.Numerics;
using MeshFromFaces.Core.Geometry;

namespace MeshFromFaces.Core.Inference;

/// <summary>The crop that the transformer is taught, drawn round a face whose pose is known. As in the training package's faces.py.</summary>
internal static class FaceFrame
{
    private const float Margin = 1.45f; // Its side over the larger side of the landmarks' upright box.
    private const float NearestDepth = 0.05f; // m

    // On the mean face, metres: between the eyes, the mouth's middle, and outline and ridge of the face.
    private static readonly Vector3 Eyes = new(0, 0.0134f, 0.0840f), Mouth = new(0, -0.054f, 0.1052f);

    private static readonly Vector3[] Outline =
    [
        new(0, 0.0735f, 0.0922f), new(0, 0.0137f, 0.1044f), new(0, -0.0148f, 0.1253f), new(0, -0.0955f, 0.0995f),
        new(-0.0632f, 0.0522f, 0.0582f), new(0.0632f, 0.0522f, 0.0582f), new(-0.0717f, -0.007f, 0.0427f), new(0.0717f, -0.007f, 0.0427f),
        new(-0.0554f, -0.0693f, 0.0557f), new(0.0554f, -0.0693f, 0.0557f), new(-0.0475f, -0.078f, 0.0645f), new(0.0475f, -0.078f, 0.0645f),
    ];

    /// <summary>Upright along the face, from its own face image to that of <paramref name="pose"/>.</summary>
    public static Theta Of(Pose pose)
    {
        Vector2 Seen(Vector3 head)
        {
            var camera = pose.ToCamera(head);
            float scale = 2 / PhotoCamera.SensorMm * pose.FocalMm / Math.Max(-camera.Z, NearestDepth);
            return new Vector2(scale * camera.X, -scale * camera.Y);
        }
        var down = Vector2.Normalize(Seen(Mouth) - Seen(Eyes));
        var right = new Vector2(down.Y, -down.X);
        var (low, high) = (new Vector2(float.MaxValue), new Vector2(float.MinValue));
        foreach (var point in Outline)
        {
            var seen = Seen(point);
            var local = new Vector2(Vector2.Dot(seen, right), Vector2.Dot(seen, down));
            (low, high) = (Vector2.Min(low, local), Vector2.Max(high, local));
        }
        float half = Margin / 2 * Math.Max(high.X - low.X, high.Y - low.Y);
        var middle = (low + high) / 2;
        var centre = (middle.X * right) + (middle.Y * down);
        return new Theta(half * right.X, half * down.X, centre.X, half * right.Y, half * down.Y, centre.Y);
    }

    /// <summary>How far a crop's corners lie from those of the image it is in, in its own half sides, the mean of both axes; NaN for none.</summary>
    public static float Off(Theta crop)
    {
        float sum = 0;
        foreach (var (x, y) in (ReadOnlySpan<(int, int)>)[(-1, -1), (1, -1), (1, 1), (-1, 1)])
        {
            sum += MathF.Abs((crop.Xx * x) + (crop.Xy * y) + crop.X0 - x) + MathF.Abs((crop.Yx * x) + (crop.Yy * y) + crop.Y0 - y);
        }
        return sum / 8 / crop.Scale;
    }
}
