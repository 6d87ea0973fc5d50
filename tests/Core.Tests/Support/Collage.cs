using System.Numerics;
using MeshFromFaces.Core.Imaging;
using Xunit;

namespace MeshFromFaces.Core.Tests.Support;

/// <summary>A picture made of other pictures' heads, so that it is known where the faces are.</summary>
internal sealed class Collage(int width, int height)
{
    private readonly byte[] _pixels = new byte[width * height * 3];

    public Photo Photo => new("collage", width, height, _pixels);

    public PhotoFile File(string name) => new(name, Pictures.Png(Photo));

    /// <summary>Fills it with soft blobs and grain of seeded colours.</summary>
    public Collage Background(int seed)
    {
        Pictures.Noise(width, height, seed).Pixels.CopyTo(_pixels, 0);
        return this;
    }

    /// <summary>Lays the ellipse around a head over the picture, its rim softened.</summary>
    /// <param name="middle">Of the ellipse, in the photo's pixels.</param>
    /// <param name="radii">Of the ellipse, in the photo's pixels.</param>
    /// <param name="toCollage">Photo pixels to pixels here.</param>
    /// <param name="tint">Factors of red, green and blue.</param>
    public void Paste(Photo photo, Vector2 middle, Vector2 radii, Matrix3x2 toCollage, Vector3 tint)
    {
        Assert.True(Matrix3x2.Invert(toCollage, out var toPhoto));
        // Samples a side of one pixel here: about one a pixel of the photo.
        int samples = Math.Clamp((int)MathF.Round(MathF.Sqrt(MathF.Abs(toPhoto.GetDeterminant()))), 1, 16);
        for (int y = 0; y < height; y++)
        {
            for (int x = 0; x < width; x++)
            {
                var inside = (Vector2.Transform(new Vector2(x + 0.5f, y + 0.5f), toPhoto) - middle) / radii;
                float cover = Math.Clamp((1 - inside.Length()) / 0.1f, 0, 1);
                for (int channel = 0; cover > 0 && channel < 3; channel++)
                {
                    float sum = 0;
                    for (int i = 0; i < samples * samples; i++)
                    {
                        var at = Vector2.Transform(new Vector2(x + (((i % samples) + 0.5f) / samples), y + (((i / samples) + 0.5f) / samples)), toPhoto);
                        sum += Sample(photo, at, channel);
                    }
                    ref byte pixel = ref _pixels[(((y * width) + x) * 3) + channel];
                    pixel = (byte)Math.Clamp(pixel + (cover * ((sum / (samples * samples) * tint[channel]) - pixel)), 0, 255);
                }
            }
        }
    }

    private static float Sample(Photo photo, Vector2 at, int channel)
    {
        float fx = Math.Clamp(at.X - 0.5f, 0, photo.Width - 1.001f), fy = Math.Clamp(at.Y - 0.5f, 0, photo.Height - 1.001f);
        int x = (int)fx, y = (int)fy;
        float Pixel(int px, int py) => photo.Pixels[(((py * photo.Width) + px) * 3) + channel];
        float upper = float.Lerp(Pixel(x, y), Pixel(x + 1, y), fx - x), lower = float.Lerp(Pixel(x, y + 1), Pixel(x + 1, y + 1), fx - x);
        return float.Lerp(upper, lower, fy - y);
    }
}
