namespace MeshFromFaces.Core.Texturing;

/// <summary>A texture over the canonical UVs.</summary>
/// <param name="Size">Texels a side.</param>
/// <param name="Rgba">[Size, Size, 4] sRGB-encoded, the top row is v = 1; alpha 255 = seen, 0 = not.</param>
internal sealed record Atlas(int Size, byte[] Rgba)
{
    /// <summary>[Size, Size, 3]: the colours alone.</summary>
    public byte[] Rgb()
    {
        var rgb = new byte[Size * Size * 3];
        for (int texel = 0; texel < Size * Size; texel++)
        {
            Rgba.AsSpan(texel * 4, 3).CopyTo(rgb.AsSpan(texel * 3));
        }
        return rgb;
    }
}
