using System.Buffers.Binary;
using MeshFromFaces.Core.Imaging;
using MeshFromFaces.Core.Tests.Support;
using NetVips;
using Xunit;

namespace MeshFromFaces.Core.Tests;

public sealed class PhotoDecoderTests
{
    [Fact]
    public void Png_bytes_come_back_as_they_went_in()
    {
        var picture = Pictures.Noise(200, 150);
        var photo = PhotoDecoder.Decode(new PhotoFile("a.png", Pictures.Png(picture)));
        Assert.Equal((200, 150, "a.png"), (photo.Width, photo.Height, photo.Name));
        Assert.Equal(picture.Pixels, photo.Pixels);
    }

    [Theory]
    [InlineData(".webp[lossless]")]
    [InlineData(".tif")]
    public void Other_lossless_formats_are_read(string format)
    {
        var picture = Pictures.Noise(200, 150);
        using var image = Pictures.ToImage(picture);
        Assert.Equal(picture.Pixels, PhotoDecoder.Decode(new PhotoFile("a", image.WriteToBuffer(format))).Pixels);
    }

    [Fact]
    public void Sixteen_bits_come_to_the_nearest_eight()
    {
        var picture = Pictures.Noise(160, 140);
        using var image = Pictures.ToImage(picture);
        using var deep = (image.Cast(Enums.BandFormat.Ushort) * 257).Cast(Enums.BandFormat.Ushort).Copy(interpretation: Enums.Interpretation.Rgb16);
        Assert.Equal(picture.Pixels, PhotoDecoder.Decode(new PhotoFile("deep.png", deep.PngsaveBuffer(bitdepth: 16))).Pixels);
    }

    [Fact]
    public void Grey_becomes_three_equal_channels()
    {
        using var image = Pictures.ToImage(Pictures.Noise(160, 140));
        using var grey = image.Colourspace(Enums.Interpretation.Bw);
        byte[] values = grey.WriteToMemory<byte>();
        var photo = PhotoDecoder.Decode(new PhotoFile("grey.png", grey.PngsaveBuffer()));
        Assert.Equal(values.SelectMany(value => Enumerable.Repeat(value, 3)), photo.Pixels);
    }

    [Fact]
    public void What_is_transparent_shows_mid_grey_and_what_is_opaque_itself()
    {
        var picture = Pictures.Noise(160, 140);
        using var image = Pictures.ToImage(picture);
        byte[] alphas = [.. Enumerable.Range(0, 160 * 140).Select(pixel => (byte)(pixel % 160 < 80 ? 0 : 255))];
        using var alpha = Image.NewFromMemory(alphas, 160, 140, 1, Enums.BandFormat.Uchar);
        using var joined = image.Bandjoin(alpha);
        var photo = PhotoDecoder.Decode(new PhotoFile("cut.png", joined.PngsaveBuffer()));
        for (int pixel = 0; pixel < alphas.Length; pixel++)
        {
            byte[] expected = alphas[pixel] == 0 ? [128, 128, 128] : picture.Pixels[(pixel * 3)..((pixel * 3) + 3)];
            Assert.Equal(expected, photo.Pixels[(pixel * 3)..((pixel * 3) + 3)]);
        }
    }

    [Fact]
    public void A_Cmyk_jpeg_is_read_through_a_profile()
    {
        // Half cyan, half white, in ink. Whatever the press profile, cyan ink shows blue-green and no ink shows near white.
        byte[] ink = [.. Enumerable.Range(0, 200 * 150).SelectMany(pixel => (byte[])(pixel % 200 < 100 ? [255, 0, 0, 0] : [0, 0, 0, 0]))];
        using var cmyk = Image.NewFromMemory(ink, 200, 150, 4, Enums.BandFormat.Uchar);
        using var marked = cmyk.Copy(interpretation: Enums.Interpretation.Cmyk);
        var photo = PhotoDecoder.Decode(new PhotoFile("press.jpg", marked.JpegsaveBuffer(q: 95)));
        Assert.Equal((200, 150), (photo.Width, photo.Height));
        int left = ((75 * 200) + 40) * 3, right = ((75 * 200) + 160) * 3;
        Assert.True(photo.Pixels[left] < 90 && photo.Pixels[left + 1] > 120 && photo.Pixels[left + 2] > 170, $"cyan is {string.Join(",", photo.Pixels[left..(left + 3)])}");
        Assert.All(photo.Pixels[right..(right + 3)], value => Assert.True(value > 240));
    }

    [Fact]
    public void An_embedded_profile_is_honoured()
    {
        // The same light written in Display P3 and in sRGB: a file's numbers differ, the photo must not.
        using var srgb = Pictures.ToImage(Pictures.Plain(160, 160, 180, 110, 90));
        using var wide = srgb.IccTransform("p3", inputProfile: "srgb", intent: Enums.Intent.Relative);
        byte[] stored = wide.WriteToMemory<byte>();
        var photo = PhotoDecoder.Decode(new PhotoFile("p3.png", wide.PngsaveBuffer()));
        Assert.True(Math.Abs(stored[0] - 180) > 4, "The numbers in the file differ from sRGB's.");
        Assert.All(photo.Pixels.Chunk(3), pixel =>
        {
            Assert.InRange(pixel[0], 178, 182);
            Assert.InRange(pixel[1], 108, 112);
            Assert.InRange(pixel[2], 88, 92);
        });
    }

    public static TheoryData<int> Orientations => [1, 2, 3, 4, 5, 6, 7, 8];

    [Theory]
    [MemberData(nameof(Orientations))]
    public void A_photo_turned_by_exif_equals_the_photo_turned_by_hand(int orientation)
    {
        var upright = Pictures.Noise(200, 150);
        // Stored so that the tag turns it upright: for each stored pixel, where the upright one comes from (EXIF 2.3, tag 0x0112).
        bool swapped = orientation >= 5;
        int width = swapped ? 150 : 200, height = swapped ? 200 : 150;
        var stored = new byte[width * height * 3];
        for (int row = 0; row < height; row++)
        {
            for (int column = 0; column < width; column++)
            {
                var (x, y) = orientation switch
                {
                    1 => (column, row),
                    2 => (199 - column, row),
                    3 => (199 - column, 149 - row),
                    4 => (column, 149 - row),
                    5 => (row, column),
                    6 => (199 - row, column),
                    7 => (199 - row, 149 - column),
                    _ => (row, 149 - column),
                };
                upright.Pixels.AsSpan(((y * 200) + x) * 3, 3).CopyTo(stored.AsSpan(((row * width) + column) * 3));
            }
        }
        using var image = Pictures.ToImage(new Photo("stored", width, height, stored));
        using var tagged = image.Mutate(mutable => mutable.Set(GValue.GIntType, "orientation", orientation));
        var photo = PhotoDecoder.Decode(new PhotoFile("turned.tif", tagged.TiffsaveBuffer()));
        Assert.Equal((200, 150, orientation), (photo.Width, photo.Height, photo.Orientation));
        Assert.Equal(upright.Pixels, photo.Pixels);
    }

    public static TheoryData<string, byte[], string> Unusable()
    {
        byte[] jpeg = Pictures.Jpeg(Pictures.Noise(400, 300));
        byte[] png = Pictures.Png(Pictures.Noise(400, 300));
        return new TheoryData<string, byte[], string>
        {
            { "cut.jpg", jpeg[..(jpeg.Length / 2)], "damaged or incomplete" },
            { "cut.png", png[..(png.Length / 2)], "damaged or incomplete" },
            { "header.jpg", jpeg[..20], "damaged or incomplete" },
            { "notes.jpg", "Dear diary, this is not a photo."u8.ToArray(), "is a text" },
            { "empty.jpg", [], "is empty (0 bytes)" },
            { "dot.png", Pictures.Png(Pictures.Noise(1, 1)), "is 1x1 pixels; at least 128x128" },
            { "small.png", Pictures.Png(Pictures.Noise(300, 127)), "is 300x127 pixels; at least 128x128" },
            { "huge.png", ClaimedPng(40_000, 40_000), "is 40000x40000 pixels; at most 100 megapixels" },
            { "wide.png", ClaimedPng(20_001, 200), "is 20001x200 pixels; at most 100 megapixels and 20000 pixels a side" },
            { "area.png", ClaimedPng(12_000, 12_000), "is 12000x12000 pixels; at most 100 megapixels" },
            { "moving.gif", "GIF89a"u8.ToArray().Concat(new byte[100]).ToArray(), "is a GIF picture" },
            { "phone.heic", new byte[] { 0, 0, 0, 24 }.Concat("ftypheic"u8.ToArray()).Concat(new byte[50]).ToArray(), "is a HEIC picture" },
            { "paper.pdf", "%PDF-1.7 and so on"u8.ToArray(), "is a PDF document" },
            { "drawing.svg", "<svg xmlns='http://www.w3.org/2000/svg'/>"u8.ToArray(), "is an SVG or XML text" },
            { "random.bin", Enumerable.Range(0, 3000).Select(i => (byte)((i * 151) + 200)).ToArray(), "is not a picture" },
        };
    }

    [Theory]
    [MemberData(nameof(Unusable))]
    public void What_cannot_be_used_is_refused_in_one_sentence_that_names_it(string name, byte[] bytes, string found)
    {
        var fault = Assert.Throws<InputException>(() => PhotoDecoder.Decode(new PhotoFile(name, bytes)));
        Assert.StartsWith($"'{name}'", fault.Message, StringComparison.Ordinal);
        Assert.Contains(found, fault.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', fault.Message);
    }

    [Fact]
    public void A_file_over_the_size_limit_is_refused_unread()
    {
        var fault = Assert.Throws<InputException>(() => PhotoDecoder.Decode(new PhotoFile("big.tif", new byte[PhotoLimits.Standard.FileBytes + 1])));
        Assert.Contains("at most 100 MB", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Damage_anywhere_in_a_file_never_crashes()
    {
        byte[][] files = [Pictures.Jpeg(Pictures.Noise(160, 130)), Pictures.Png(Pictures.Noise(160, 130))];
        var random = new Random(11);
        int refused = 0;
        for (int i = 0; i < 300; i++)
        {
            byte[] bytes = (byte[])files[i % 2].Clone();
            for (int hit = 0; hit < 4; hit++)
            {
                bytes[random.Next(4, bytes.Length)] = (byte)random.Next(256);
            }
            try
            {
                PhotoDecoder.Decode(new PhotoFile("damaged", bytes));
            }
            catch (InputException)
            {
                refused++;
            }
        }
        Assert.True(refused > 50);
    }

    // A PNG whose header claims a size; what follows is a valid stream of nothing.
    private static byte[] ClaimedPng(int width, int height)
    {
        var header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), height);
        (header[8], header[9]) = (8, 2); // 8 bits, RGB
        byte[] nothing = [0x78, 0x9C, 0x03, 0, 0, 0, 0, 1];
        return [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, .. Chunk("IHDR"u8, header), .. Chunk("IDAT"u8, nothing), .. Chunk("IEND"u8, [])];
    }

    private static byte[] Chunk(ReadOnlySpan<byte> type, byte[] data)
    {
        byte[] body = [.. type, .. data];
        var result = new byte[body.Length + 8];
        BinaryPrimitives.WriteInt32BigEndian(result, data.Length);
        body.CopyTo(result, 4);
        BinaryPrimitives.WriteUInt32BigEndian(result.AsSpan(body.Length + 4), Crc32(body));
        return result;
    }

    private static uint Crc32(byte[] bytes)
    {
        uint crc = 0xFFFFFFFF;
        foreach (byte value in bytes)
        {
            crc ^= value;
            for (int bit = 0; bit < 8; bit++)
            {
                crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xEDB88320 : 0);
            }
        }
        return ~crc;
    }
}
