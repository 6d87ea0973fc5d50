namespace MeshFromFaces.Core.Imaging;

/// <summary>A 2D affine: <c>x' = Xx x + Xy y + X0; y' = Yx x + Yy y + Y0</c>.</summary>
public readonly record struct Affine(double Xx, double Xy, double X0, double Yx, double Yy, double Y0)
{
    public (double X, double Y) Apply(double x, double y) => ((Xx * x) + (Xy * y) + X0, (Yx * x) + (Yy * y) + Y0);
}
