using MeshFromFaces.Core.Imaging;
using NetVips;

namespace MeshFromFaces.Core.Tests.Support;

internal static class Pictures
{
    /// <summary>Seeded noise in soft blobs with fine grain: compressible, yet no two pixels' surroundings alike.</summary>
    public static Photo Noise(int width, int height, int seed = 1)
    {
        var random = new Random(seed);
        var pixels = new byte[width * height * 3];
        for (int i = 0; i < pixels.Length; i++)
        {
            int x = i / 3 % width, y = i / 3 / width;
            pixels[i] = (byte)(100 + (60 * Math.Sin((x * 0.05) + (i % 3) + seed)) + (50 * Math.Cos(y * 0.08)) + random.Next(40));
        }
        return new Photo("noise", width, height, pixels);
    }

    public static Photo Plain(int width, int height, byte r, byte g, byte b) =>
        new("plain", width, height, [.. Enumerable.Repeat((byte[])[r, g, b], width * height).SelectMany(pixel => pixel)]);

    public static Image ToImage(Photo photo)
    {
        using var image = Image.NewFromMemory(photo.Pixels, photo.Width, photo.Height, 3, Enums.BandFormat.Uchar);
        return image.Copy(interpretation: Enums.Interpretation.Srgb);
    }

    public static byte[] Png(Photo photo) => PictureEncoder.Png(photo.Pixels, photo.Width, photo.Height);

    public static byte[] Jpeg(Photo photo) => PictureEncoder.Jpeg(photo.Pixels, photo.Width, photo.Height);
}
