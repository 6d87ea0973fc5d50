using System.Numerics;

namespace MeshFromFaces.Core.Geometry;

/// <summary>
/// The photo's own camera: the face image's pinhole followed by theta, to pixels of the photo.
/// </summary>
public sealed class PhotoCamera
{
    /// <summary>Width of the sensor that focal lengths refer to.</summary>
    public const float SensorMm = 36;

    // Photo pixels from (X, -Y) / -Z.
    private readonly double _xx, _xy, _x0, _yx, _yy, _y0;

    public PhotoCamera(Pose pose, Theta theta, int width, int height)
    {
        (Pose, Theta, Width, Height) = (pose, theta, width, height);
        double side = Math.Max(width, height), half = side / 2;
        double zoom = 2.0 * pose.FocalMm / SensorMm; // Face-image units a unit of X / -Z.
        // pixel = (p + 1) / 2 * side - (side - width) / 2 = p * half + width / 2
        (_xx, _xy, _x0) = (theta.Xx * zoom * half, theta.Xy * zoom * half, (theta.X0 * half) + (width / 2.0));
        (_yx, _yy, _y0) = (theta.Yx * zoom * half, theta.Yy * zoom * half, (theta.Y0 * half) + (height / 2.0));
    }

    public Pose Pose { get; }
    public Theta Theta { get; }

    /// <summary>Of the photo, pixels.</summary>
    public int Width { get; }

    /// <summary>Of the photo, pixels.</summary>
    public int Height { get; }

    /// <summary>Photo pixels a unit of the face image's [-1, 1]: what turns a sigma into pixels.</summary>
    public float PixelsPerFaceUnit => Theta.Scale * Math.Max(Width, Height) / 2f;

    /// <summary>Focal length of this camera on a sensor whose <see cref="SensorMm"/> are the photo's longer side.</summary>
    public float LensMm => Pose.FocalMm * Theta.Scale;

    /// <summary>Photo pixels a metre across at the head's depth.</summary>
    public float PixelsPerMetre => PixelsPerFaceUnit * 2 * Pose.FocalMm / SensorMm / -Pose.Translation.Z;

    /// <summary>Only meaningful in front of the camera.</summary>
    public PixelPoint Project(Vector3 head)
    {
        var (x, y, depth) = Homogeneous(Pose.ToCamera(head));
        return new PixelPoint((float)(x / depth), (float)(y / depth));
    }

    /// <summary>Photo pixels times depth, and the depth (-Z, metres), of a point in camera space: linear in the point.</summary>
    public (double X, double Y, double Depth) Homogeneous(Vector3 camera)
    {
        double depth = -camera.Z;
        return ((_xx * camera.X) - (_xy * camera.Y) + (_x0 * depth), (_yx * camera.X) - (_yy * camera.Y) + (_y0 * depth), depth);
    }

    /// <summary>Whether bilinear sampling at this point reads photo pixels only.</summary>
    public bool Sees(double x, double y) => x >= 0.5 && y >= 0.5 && x <= Width - 0.5 && y <= Height - 0.5;
}
