namespace MeshFromFaces.Core.Imaging;

/// <summary>A decoded photo, upright, sRGB-encoded.</summary>
/// <param name="Name">For messages.</param>
/// <param name="Pixels">[Height, Width, 3] RGB bytes, top row first.</param>
public sealed record Photo(string Name, int Width, int Height, byte[] Pixels)
{
    /// <summary>The EXIF orientation, 1..8, that was applied to make the file's pixels upright; 1 is none.</summary>
    public int Orientation { get; init; } = 1;

    /// <summary>Side in pixels of the square the photo is centred in, with black around it.</summary>
    public int SquareSide => Math.Max(Width, Height);
}
