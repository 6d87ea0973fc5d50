using MeshFromFaces.Core.Imaging;
using Xunit;

namespace MeshFromFaces.Core.Tests;

public sealed class SrgbTests
{
    [Fact]
    public void Every_byte_survives_linear_light_and_back()
    {
        for (int code = 0; code < 256; code++)
        {
            Assert.Equal(code, Srgb.Encode(Srgb.Linear[code]));
        }
        Assert.Equal((0f, 1f), (Srgb.Linear[0], Srgb.Linear[255]));
    }

    [Fact]
    public void Encoding_rounds_as_the_formula_does()
    {
        for (int i = -1000; i <= 1_001_000; i++)
        {
            float linear = i / 1e6f;
            double clamped = Math.Clamp(linear, 0, 1);
            double exact = 255 * (clamped <= 0.0031308 ? clamped * 12.92 : (1.055 * Math.Pow(clamped, 1 / 2.4)) - 0.055);
            Assert.InRange(Srgb.Encode(linear) - exact, -0.5001, 0.5001);
        }
        Assert.Equal(0, Srgb.Encode(float.NaN));
    }
}
