using MeshFromFaces.Core;
using MeshFromFaces.Core.Imaging;

namespace MeshFromFaces.Server.Cli;

/// <summary>Reads the photos that the command line names.</summary>
internal static class PhotoArguments
{
    /// <exception cref="CommandException">The list itself makes no sense.</exception>
    /// <exception cref="InputException">A photo is missing or cannot be read.</exception>
    public static IReadOnlyList<PhotoFile> Read(IReadOnlyList<string> paths, CancellationToken cancellation)
    {
        if (paths.Count > FacePipeline.MaxViews)
        {
            throw new InputException($"{paths.Count} photos were given; at most {FacePipeline.MaxViews} make one capture. Name fewer photos.");
        }
        if (paths.Contains("-"))
        {
            throw new CommandException(ExitCode.Usage, "'-' is no photo: photos are not read from standard input. Name a file.");
        }
        // The parser takes an option it does not know for a photo.
        if (paths.FirstOrDefault(path => path.StartsWith('-')) is { } option)
        {
            throw new CommandException(ExitCode.Usage, $"'{option}' is no option of this command; see --help. A photo of that name is ./{option}");
        }
        if (paths.Contains(""))
        {
            throw new CommandException(ExitCode.Usage, "A photo's name is empty. Name a file.");
        }
        if (paths.CountBy(Path.GetFullPath).FirstOrDefault(path => path.Value > 1) is { Key: { } twice })
        {
            throw new CommandException(ExitCode.Usage, $"'{Path.GetFileName(twice)}' is given {paths.Count(path => Path.GetFullPath(path) == twice)} times. Name each photo once.");
        }
        var names = PhotoNames.Distinct(paths.Select(path => Path.GetFileName(path)));
        var photos = new List<PhotoFile>(paths.Count);
        for (int i = 0; i < paths.Count; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            photos.Add(new PhotoFile(names[i], ReadFile(paths[i])));
        }
        return photos;
    }

    /// <exception cref="InputException">It is missing or cannot be read.</exception>
    public static byte[] ReadFile(string path)
    {
        if (Directory.Exists(path))
        {
            throw new InputException($"'{path}' is a folder, not a photo. Name the photos in it, for example {Path.Combine(path, "*.jpg")}; the frames of a video are for the command 'video'.");
        }
        if (!File.Exists(path))
        {
            throw new InputException($"'{path}' does not exist. Check the path.");
        }
        try
        {
            using var stream = File.OpenRead(path);
            return ReadAtMost(stream, path, PhotoLimits.Standard.FileBytes);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"'{path}' cannot be read ({e.Message.TrimEnd('.')}). Check that it is a file you may read.", e);
        }
    }

    // Counted while reading: the length of a pipe or a device is not known, and may have no end.
    private static byte[] ReadAtMost(Stream stream, string path, long limit)
    {
        var bytes = new MemoryStream();
        var buffer = new byte[1 << 16];
        for (int read; (read = stream.Read(buffer)) > 0;)
        {
            bytes.Write(buffer, 0, read);
            if (bytes.Length > limit)
            {
                throw new InputException($"'{path}' is larger than {limit / 1_000_000} MB, the most a photo may have. Use a smaller file.");
            }
        }
        return bytes.ToArray();
    }
}
