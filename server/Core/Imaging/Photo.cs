namespace MeshFromFaces.Core.Imaging;

/// <summary>A decoded photo, upright, sRGB-encoded.</summary>
/// <param name="Name">For messages.</param>
/// <param name="Pixels">[Height, Width, 3] RGB bytes, top row first.</param>
public sealed record Photo(string Name, int Width, int Height, byte[] Pixels)
{
    /// <summary>Side in pixels of the square the photo is centred in, with black around it.</summary>
    public int SquareSide => Math.Max(Width, Height);
}
