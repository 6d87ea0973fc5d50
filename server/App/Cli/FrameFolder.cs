using System.Text.RegularExpressions;
using MeshFromFaces.Core;
using MeshFromFaces.Core.Imaging;

namespace MeshFromFaces.Server.Cli;

/// <summary>A folder of pictures, read as a video: in the order of their names, numbers in them by their value.</summary>
internal static partial class FrameFolder
{
    private static readonly string[] Extensions = [".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp"];

    /// <param name="rate">Frames a second.</param>
    /// <exception cref="InputException">It is missing, or there is no picture in it.</exception>
    public static IReadOnlyList<Frame> Open(string folder, double rate)
    {
        if (!Directory.Exists(folder))
        {
            throw new InputException($"'{folder}' does not exist. Check the path.");
        }
        string[] files = [.. Directory.GetFiles(folder)
            .Where(file => Extensions.Contains(Path.GetExtension(file), StringComparer.OrdinalIgnoreCase))
            .OrderBy(file => Number().Replace(Path.GetFileName(file), digits => digits.Value.PadLeft(20, '0')), StringComparer.Ordinal)];
        if (files.Length == 0)
        {
            throw new InputException($"'{folder}' holds no frame: no file that ends in {string.Join(", ", Extensions)}. Name a folder of pictures, or a video file.");
        }
        return [.. files.Select((file, i) => new Frame(i + 1, i / rate, Path.GetFileName(file), () => Decode(file)))];
    }

    private static Photo Decode(string file) => PhotoDecoder.Decode(new PhotoFile(Path.GetFileName(file), PhotoArguments.ReadFile(file)));

    [GeneratedRegex("[0-9]+")]
    private static partial Regex Number();
}
