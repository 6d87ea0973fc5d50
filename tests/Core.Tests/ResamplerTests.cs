using MeshFromFaces.Core.Imaging;
using MeshFromFaces.Core.Tests.Support;
using Xunit;

namespace MeshFromFaces.Core.Tests;

public sealed class ResamplerTests
{
    [Theory]
    [InlineData(1024, 1024, 256)]
    [InlineData(640, 480, 256)]
    [InlineData(333, 701, 256)]
    [InlineData(2000, 131, 64)]
    public void Shrinking_equals_its_naive_twin(int width, int height, int size)
    {
        var photo = Pictures.Noise(width, height);
        var planes = new float[(3 * size * size) + 5];
        Resampler.Square(photo, size, planes, 5);
        var expected = new float[planes.Length];
        NaiveResampler.Square(photo, size, expected, 5);
        AssertSame(expected, planes);
    }

    [Fact]
    public void A_photo_of_the_size_wanted_passes_unchanged()
    {
        var photo = Pictures.Noise(256, 256);
        var planes = new float[3 * 256 * 256];
        Resampler.Square(photo, 256, planes);
        Assert.Equal(Enumerable.Range(0, 256 * 256 * 3).Select(i => photo.Pixels[i]), Enumerable.Range(0, 256 * 256 * 3).Select(i => (byte)MathF.Round(planes[(i % 3 * 256 * 256) + (i / 3)] * 255)));
    }

    [Fact]
    public void A_small_photo_is_enlarged_smoothly()
    {
        var planes = new float[3 * 256 * 256];
        Resampler.Square(Pictures.Plain(128, 128, 51, 102, 204), 256, planes);
        Assert.Equal(0.2f, planes[(100 * 256) + 100], 4);
        Assert.Equal(0.8f, planes[(2 * 256 * 256) + (100 * 256) + 100], 4);
    }

    [Theory]
    [InlineData(1.0, 0.0)]
    [InlineData(1.84, 0.3)]
    [InlineData(2.6, 0.7)]
    [InlineData(6.3, -0.4)]
    [InlineData(0.4, 2.0)]
    [InlineData(40.0, 0.1)]
    public void Cropping_equals_its_naive_twin(double step, double turn)
    {
        const int Size = 96;
        var photo = Pictures.Noise(600, 500);
        var (sin, cos) = Math.SinCos(turn);
        // Centred off the middle, so that a part lies outside the photo.
        var affine = new Affine(step * cos, -step * sin, 380 - (step * (cos - sin) * Size / 2), step * sin, step * cos, 200 - (step * (sin + cos) * Size / 2));
        var planes = new float[(3 * Size * Size) + 7];
        Resampler.Crop(photo, affine, Size, planes, 7);
        var expected = new float[planes.Length];
        NaiveResampler.Crop(photo, affine, Size, expected, 7);
        AssertSame(expected, planes);
    }

    [Theory]
    [InlineData(1.7, 0.3)]
    [InlineData(3.1, -1.2)]
    [InlineData(9.4, 0.8)]
    public void A_crop_shows_the_photo_where_it_is(double step, double turn)
    {
        // Waves longer than what an output pixel averages: their value at its centre is what it shows.
        const int Size = 64, Side = 900;
        double Wave(double x, double y, int channel) => 127.5 + (100 * Math.Sin((x * 0.021) + (channel * 2)) * Math.Cos(y * 0.017));
        var photo = new Photo("waves", Side, Side, [.. Enumerable.Range(0, Side * Side * 3).Select(i => (byte)Math.Round(Wave((i / 3 % Side) + 0.5, (i / 3 / Side) + 0.5, i % 3)))]);
        var (sin, cos) = Math.SinCos(turn);
        var affine = new Affine(step * cos, -step * sin, 450 - (step * (cos - sin) * Size / 2), step * sin, step * cos, 450 - (step * (sin + cos) * Size / 2));
        var planes = new float[3 * Size * Size];
        Resampler.Crop(photo, affine, Size, planes);
        for (int i = 0; i < planes.Length; i++)
        {
            var (x, y) = affine.Apply((i % Size) + 0.5, (i / Size % Size) + 0.5);
            Assert.Equal(Wave(x, y, i / (Size * Size)) / 255, planes[i], tolerance: 0.006);
        }
    }

    [Fact]
    public void A_crop_of_a_large_photo_does_not_alias()
    {
        // Stripes of one photo pixel: at eight pixels a step only their mean may remain.
        var photo = new Photo("stripes", 1600, 1600, [.. Enumerable.Range(0, 1600 * 1600).SelectMany(pixel => Enumerable.Repeat((byte)(pixel % 2 * 255), 3))]);
        var planes = new float[3 * 192 * 192];
        Resampler.Crop(photo, new Affine(8, 0, 20, 0, 8, 20), 192, planes);
        Assert.All(planes, value => Assert.InRange(value, 0.49f, 0.51f));
    }

    private static void AssertSame(float[] expected, float[] actual)
    {
        for (int i = 0; i < expected.Length; i++)
        {
            // A float holds a position of a few hundred pixels to 4e-5, at full contrast as much of a value.
            Assert.Equal(expected[i], actual[i], tolerance: 1e-4f);
        }
    }
}
