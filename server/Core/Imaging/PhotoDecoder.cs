using System.Text;
using NetVips;

namespace MeshFromFaces.Core.Imaging;

/// <summary>
/// Reads an untrusted photo: its format by its first bytes, its limits by its header, its pixels only then.
/// Only vips' JPEG, PNG, TIFF and WebP loaders are reachable in this process.
/// </summary>
public static class PhotoDecoder
{
    public const int MinSide = 128;
    public const int MaxSide = 20_000;

    private const string Formats = "JPEG, PNG, TIFF or WebP";

    // What a cut-out portrait is laid on: a plain mid-grey backdrop shows neither a bright nor a dark rim.
    private const double Backdrop = 128;

    static PhotoDecoder()
    {
        Operation.Block("VipsForeignLoad", true);
        foreach (string loader in (string[])["Jpeg", "Png", "Tiff", "Webp"])
        {
            Operation.Block("VipsForeignLoad" + loader, false);
        }
        Cache.Max = 0; // A photo is decoded once; vips need not remember it.
        Log.SetLogHandler("VIPS", Enums.LogLevelFlags.Warning, (_, _, _) => { }); // What matters comes back as an exception.
    }

    /// <summary>
    /// Decodes a photo: EXIF orientation applied, embedded colour profile (or vips' own for CMYK) taken to sRGB,
    /// 16 bits to 8, grey to RGB, transparency laid on mid-grey; of several pages the first.
    /// </summary>
    /// <exception cref="InputException">Not a photo we read, damaged, or outside the limits; the message says which.</exception>
    /// <param name="limits">Null takes the standard ones.</param>
    public static Photo Decode(PhotoFile file, PhotoLimits? limits = null, CancellationToken cancellation = default)
    {
        limits ??= PhotoLimits.Standard;
        RequireFormat(file, limits);
        try
        {
            using var header = Open(file, Enums.Access.Sequential);
            RequireSize(file.Name, header.Width, header.Height, limits);
            int orientation = header.Contains("orientation") ? Convert.ToInt32(header.Get("orientation"), null) : 1;
            bool turned = orientation != 1;
            // Turning reads the pixels out of order.
            using var encoded = Open(file, turned ? Enums.Access.Random : Enums.Access.Sequential);
            using var colours = ToSrgb(encoded);
            using var opaque = colours.HasAlpha() ? colours.Flatten(background: [Backdrop]) : colours.Copy();
            using var bytes = opaque.Format == Enums.BandFormat.Uchar ? opaque.Copy() : opaque.Cast(Enums.BandFormat.Uchar);
            using var rgb = bytes.Bands > 3 ? bytes.ExtractBand(0, n: 3) : bytes.Copy();
            using var upright = turned ? rgb.Autorot() : rgb.Copy();
            return new Photo(file.Name, upright.Width, upright.Height, VipsWork.Run(upright, upright.WriteToMemory<byte>, cancellation)) { Orientation = orientation };
        }
        catch (VipsException exception)
        {
            throw new InputException(
                $"'{file.Name}' is damaged or incomplete: {Reason(exception)}. A whole {Formats} file is needed; copy or export it again.",
                exception);
        }
    }

    // 'Error' refuses truncated files too, and lets mere warnings (stray bytes between markers) pass.
    private static Image Open(PhotoFile file, Enums.Access access) =>
        Image.NewFromBuffer(file.Bytes, access: access, failOn: Enums.FailOn.Error);

    private static Image ToSrgb(Image image)
    {
        if (image.Contains("icc-profile-data"))
        {
            try
            {
                return image.IccTransform("srgb", embedded: true, intent: Enums.Intent.Relative, blackPointCompensation: true, depth: 8);
            }
            catch (VipsException)
            {
                // A profile that does not fit its pixels (CMYK on an RGB photo, damaged) counts as none, as in browsers.
            }
        }
        return image.Colourspace(Enums.Interpretation.Srgb);
    }

    private static void RequireFormat(PhotoFile file, PhotoLimits limits)
    {
        if (file.Bytes.Length == 0)
        {
            throw new InputException($"'{file.Name}' is empty (0 bytes). A {Formats} photo is needed; copy or export it again.");
        }
        if (file.Bytes.Length > limits.FileBytes)
        {
            throw new InputException(
                $"'{file.Name}' has {file.Bytes.Length / 1e6:F0} MB; at most {limits.FileBytes / 1e6:0.#} MB are allowed. Save it smaller, as JPEG for example.");
        }
        string? found = Signature(file.Bytes);
        if (found is not null)
        {
            throw new InputException($"'{file.Name}' is {found}; a {Formats} photo is needed. Export it as JPEG.");
        }
    }

    /// <exception cref="InputException">A photo of this size is not taken; the message says which would be.</exception>
    public static void RequireSize(string name, int width, int height, PhotoLimits limits)
    {
        if (width < MinSide || height < MinSide)
        {
            throw new InputException($"'{name}' is {width}x{height} pixels; at least {MinSide}x{MinSide} is needed. Use a larger photo.");
        }
        if (width > MaxSide || height > MaxSide || (long)width * height > limits.Pixels)
        {
            throw new InputException(
                $"'{name}' is {width}x{height} pixels; at most {limits.Pixels / 1e6:0.#} megapixels and {MaxSide} pixels a side are allowed. Scale it down.");
        }
    }

    /// <summary>What the first bytes say the file is, or null when it is a format we read.</summary>
    private static string? Signature(ReadOnlySpan<byte> bytes)
    {
        bool Webp(ReadOnlySpan<byte> b) => b.Length > 12 && b.StartsWith("RIFF"u8) && b[8..].StartsWith("WEBP"u8);
        if (bytes.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xD8, 0xFF]) || bytes.StartsWith((ReadOnlySpan<byte>)[0x89, 0x50, 0x4E, 0x47])
            || bytes.StartsWith("II*\0"u8) || bytes.StartsWith("MM\0*"u8) || bytes.StartsWith("II+\0"u8) || bytes.StartsWith("MM\0+"u8) || Webp(bytes))
        {
            return null;
        }
        if (bytes.Length > 12 && bytes[4..].StartsWith("ftyp"u8))
        {
            return bytes[8..].StartsWith("avif"u8) ? "an AVIF picture" : "a HEIC picture or a film";
        }
        if (bytes.StartsWith("GIF8"u8)) { return "a GIF picture"; }
        if (bytes.StartsWith("BM"u8)) { return "a BMP picture"; }
        if (bytes.StartsWith("%PDF"u8)) { return "a PDF document"; }
        if (bytes.StartsWith((ReadOnlySpan<byte>)[0x76, 0x2F, 0x31, 0x01])) { return "an OpenEXR picture"; }
        if (bytes.StartsWith((ReadOnlySpan<byte>)[0xFF, 0x0A])) { return "a JPEG XL picture"; }
        if (bytes.StartsWith("<svg"u8) || bytes.StartsWith("<?xml"u8)) { return "an SVG or XML text"; }
        return bytes[..Math.Min(bytes.Length, 512)].IndexOfAnyExceptInRange((byte)9, (byte)126) < 0 ? "a text" : "not a picture";
    }

    // vips repeats itself over several lines, the first says it.
    private static string Reason(VipsException exception)
    {
        string first = exception.Message.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) switch
        {
            [_, var line, ..] => line,
            [var line] => line,
            _ => "it cannot be decoded",
        };
        return new StringBuilder(first).Replace("vips__", "").ToString().TrimEnd('.');
    }
}
