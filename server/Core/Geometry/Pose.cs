using System.Numerics;

namespace MeshFromFaces.Core.Geometry;

/// <summary>
/// The head in the face image's camera: <c>x_camera = R x_head + T</c>. The camera looks down -Z, so T.Z &lt; 0.
/// </summary>
/// <param name="Row0">First row of R.</param>
/// <param name="Row1">Second row of R.</param>
/// <param name="Row2">Third row of R.</param>
/// <param name="Translation">T, metres.</param>
/// <param name="FocalMm">On a sensor 36 mm wide.</param>
public readonly record struct Pose(Vector3 Row0, Vector3 Row1, Vector3 Row2, Vector3 Translation, float FocalMm)
{
    /// <summary>
    /// R from its first two columns before Gram-Schmidt (Zhou et al. 2019, "On the Continuity of Rotation
    /// Representations in Neural Networks", section 4.2).
    /// </summary>
    public static Pose FromColumns(Vector3 a1, Vector3 a2, Vector3 translation, float focalMm)
    {
        var b1 = Vector3.Normalize(a1);
        var b2 = Vector3.Normalize(a2 - (Vector3.Dot(b1, a2) * b1));
        var b3 = Vector3.Cross(b1, b2);
        return new Pose(new(b1.X, b2.X, b3.X), new(b1.Y, b2.Y, b3.Y), new(b1.Z, b2.Z, b3.Z), translation, focalMm);
    }

    /// <summary>The pose of the head in the mirror image of the picture.</summary>
    public Pose Mirrored()
    {
        var flip = new Vector3(-1, 1, 1);
        return new Pose(-Row0 * flip, Row1 * flip, Row2 * flip, Translation * flip, FocalMm);
    }

    /// <summary>Halfway between two poses that are near one another.</summary>
    public static Pose Mean(Pose a, Pose b) => FromColumns(
        new(a.Row0.X + b.Row0.X, a.Row1.X + b.Row1.X, a.Row2.X + b.Row2.X),
        new(a.Row0.Y + b.Row0.Y, a.Row1.Y + b.Row1.Y, a.Row2.Y + b.Row2.Y),
        (a.Translation + b.Translation) / 2, (a.FocalMm + b.FocalMm) / 2);

    /// <summary>Head space to camera space, metres.</summary>
    public Vector3 ToCamera(Vector3 head) => Turn(head) + Translation;

    /// <summary>R times a direction of head space.</summary>
    public Vector3 Turn(Vector3 head) => new(Vector3.Dot(Row0, head), Vector3.Dot(Row1, head), Vector3.Dot(Row2, head));

    /// <summary>R, row-major.</summary>
    public float[] RotationArray() => [Row0.X, Row0.Y, Row0.Z, Row1.X, Row1.Y, Row1.Z, Row2.X, Row2.Y, Row2.Z];
}
