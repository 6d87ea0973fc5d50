namespace MeshFromFaces.Core.Geometry;

/// <summary>A point of the photo in pixels, x right, y down; the top-left pixel's centre is (0.5, 0.5).</summary>
public readonly record struct PixelPoint(float X, float Y);

/// <summary>A query on the canonical face, 0..1: u to the subject's left, v up (as OBJ's <c>vt</c>).</summary>
public readonly record struct Uv(float U, float V);

/// <summary>
/// The affine from face image to photo, both in [-1, 1] of their squares, x right, y down, pixel edges at -1 and 1:
/// <c>x' = Xx x + Xy y + X0; y' = Yx x + Yy y + Y0</c>.
/// </summary>
public readonly record struct Theta(float Xx, float Xy, float X0, float Yx, float Yy, float Y0)
{
    public static readonly Theta Identity = new(1, 0, 0, 0, 1, 0);

    /// <summary>sqrt |det|: how much larger a length is in the photo's square than in the face image.</summary>
    public float Scale => MathF.Sqrt(MathF.Abs((Xx * Yy) - (Xy * Yx)));

    /// <summary>The same crop, its sides this many times as long.</summary>
    public Theta Zoom(float factor) => this with { Xx = Xx * factor, Xy = Xy * factor, Yx = Yx * factor, Yy = Yy * factor };

    /// <summary>The same crop, turned about its centre by so many degrees.</summary>
    public Theta Roll(float degrees)
    {
        var (sin, cos) = MathF.SinCos(degrees * MathF.PI / 180);
        return After(new Theta(cos, -sin, 0, sin, cos, 0));
    }

    /// <summary>First <paramref name="inner"/>, then this.</summary>
    public Theta After(Theta inner) => new(
        (Xx * inner.Xx) + (Xy * inner.Yx), (Xx * inner.Xy) + (Xy * inner.Yy), (Xx * inner.X0) + (Xy * inner.Y0) + X0,
        (Yx * inner.Xx) + (Yy * inner.Yx), (Yx * inner.Xy) + (Yy * inner.Yy), (Yx * inner.X0) + (Yy * inner.Y0) + Y0);

    /// <summary>Row-major 2x3.</summary>
    public float[] ToArray() => [Xx, Xy, X0, Yx, Yy, Y0];
}
