namespace MeshFromFaces.Core.Imaging;

/// <summary>The sRGB transfer curve (IEC 61966-2-1) as tables between bytes and linear light.</summary>
internal static class Srgb
{
    /// <summary>
    /// Linear light of each byte, rounded to a multiple of 2^-18. Sums of up to 64 such values (64 views) fit the 24 bits
    /// of a float's mantissa, so they are exact in any order; the darkest step of sRGB is 80 times larger.
    /// </summary>
    public static readonly float[] Linear = [.. Enumerable.Range(0, 256).Select(code =>
        (float)(Math.Round(Decode(code / 255.0) * (1 << 18)) / (1 << 18)))];

    // Border between code i and i + 1, in linear light; the last is out of reach.
    private static readonly float[] Borders = [.. Enumerable.Range(0, 256).Select(code =>
        code == 255 ? float.PositiveInfinity : (float)Decode((code + 0.5) / 255.0))];

    private const int Buckets = 4096;

    // The code at the lower end of each bucket of linear light; Encode climbs from there (twice at the dark end, mostly not at all).
    private static readonly byte[] FirstCode = MakeFirstCode();

    /// <summary>The byte nearest to a linear value in the encoded scale; values outside 0..1 are clamped. Undoes <see cref="Linear"/> exactly.</summary>
    public static byte Encode(float linear)
    {
        float clamped = Math.Clamp(linear, 0f, 1f);
        int code = FirstCode[(int)(clamped * (Buckets - 1))];
        while (clamped >= Borders[code])
        {
            code++;
        }
        return (byte)code;
    }

    private static double Decode(double encoded) =>
        encoded <= 0.04045 ? encoded / 12.92 : Math.Pow((encoded + 0.055) / 1.055, 2.4);

    private static byte[] MakeFirstCode()
    {
        var codes = new byte[Buckets];
        int code = 0;
        for (int bucket = 0; bucket < Buckets; bucket++)
        {
            // A hair below the bucket's lower end, as (int)(x * n) may round up into it.
            float lower = MathF.Max(0, (bucket - 0.01f) / (Buckets - 1));
            while (lower >= Borders[code])
            {
                code++;
            }
            codes[bucket] = (byte)code;
        }
        return codes;
    }
}
