using System.Buffers.Binary;
using NetVips;

namespace MeshFromFaces.App.Tests;

/// <summary>Photos nobody should send, and what the answer must say about them.</summary>
internal static class TestPhotos
{
    public static byte[] Text => "I am not a picture, whatever my name says."u8.ToArray();

    public static byte[] Empty => [];

    /// <summary>A picture that decodes and shows no face: a colour ramp.</summary>
    public static byte[] NoFace
    {
        get
        {
            using var ramp = Image.Xyz(320, 240);
            using var scaled = ramp.Linear([0.7, 1.0], [0, 0]);
            using var blue = scaled.ExtractBand(0).NewFromImage(90);
            using var picture = scaled.Bandjoin(blue).Cast(Enums.BandFormat.Uchar).Copy(interpretation: Enums.Interpretation.Srgb);
            return picture.JpegsaveBuffer();
        }
    }

    /// <summary>The example portrait beside itself, mirrored and smaller: two faces, the left one the larger.</summary>
    public static byte[] TwoFaces
    {
        get
        {
            using var portrait = Image.NewFromFile(Repository.Portrait).ExtractBand(0, n: 3);
            using var mirrored = portrait.FlipHor().Resize(0.6);
            using var picture = portrait.Join(mirrored, Enums.Direction.Horizontal, expand: true, background: [90]);
            return picture.JpegsaveBuffer(q: 95);
        }
    }

    public static byte[] Truncated => NoFace[..(NoFace.Length / 2)];

    public static byte[] OnePixel
    {
        get
        {
            using var pixel = Image.Black(1, 1, 3).Copy(interpretation: Enums.Interpretation.Srgb);
            return pixel.PngsaveBuffer();
        }
    }

    public static byte[] Huge => Png(40_000, 40_000);

    /// <summary>A PNG of one pixel whose header says another size, with a right checksum.</summary>
    public static byte[] Png(int width, int height)
    {
        byte[] png = OnePixel;
        // Signature 8, chunk length 4, then the checksummed part: "IHDR", width, height, 5 bytes more; its CRC follows.
        const int TypeAt = 12, WidthAt = 16, CrcAt = 29;
        BinaryPrimitives.WriteInt32BigEndian(png.AsSpan(WidthAt), width);
        BinaryPrimitives.WriteInt32BigEndian(png.AsSpan(WidthAt + 4), height);
        BinaryPrimitives.WriteUInt32BigEndian(png.AsSpan(CrcAt), Crc32(png.AsSpan(TypeAt..CrcAt)));
        return png;
    }

    /// <summary>Cases for both edges, the command line and HTTP: file name, bytes, and a word the message must hold.</summary>
    public static TheoryData<string, byte[], string> Bad => new()
    {
        { "text.jpg", Text, "JPEG, PNG, TIFF or WebP" },
        { "empty.jpg", Empty, "0 bytes" },
        { "truncated.jpg", Truncated, "truncated" },
        { "pixel.png", OnePixel, "1x1" },
        { "huge.png", Huge, "40000x40000" },
        { "ramp.jpg", NoFace, "no face" },
    };

    private static uint Crc32(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte value in bytes)
        {
            crc ^= value;
            for (int bit = 0; bit < 8; bit++)
            {
                crc = (crc & 1) != 0 ? (crc >> 1) ^ 0xEDB88320 : crc >> 1;
            }
        }
        return ~crc;
    }
}
