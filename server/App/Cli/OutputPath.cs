using MeshFromFaces.Core;

namespace MeshFromFaces.Server.Cli;

/// <summary>
/// Where a command writes, checked before any work is done, so that a wrong path costs no waiting. Missing folders
/// are made when the result is there; every file appears whole or not at all.
/// </summary>
/// <param name="Path">As the user gave it.</param>
/// <param name="IsFolder">A whole capture goes into it, not one file.</param>
internal sealed record OutputPath(string Path, bool IsFolder)
{
    public const string StandardOutput = "-";

    private const string GlbExtension = ".glb";

    /// <exception cref="CommandException">Nothing can be written there.</exception>
    public static OutputPath ForMesh(string path, IReadOnlyList<string> photos)
    {
        bool isFolder = System.IO.Path.EndsInDirectorySeparator(path) || Directory.Exists(path);
        if (!isFolder && !path.EndsWith(GlbExtension, StringComparison.OrdinalIgnoreCase))
        {
            throw new CommandException(ExitCode.Usage,
                $"--output '{path}' is no {GlbExtension} file: meshes are written as GLB. End it in {GlbExtension}, or in / for a folder with all files.");
        }
        return Checked(new OutputPath(path, isFolder), photos);
    }

    /// <exception cref="CommandException">Nothing can be written there.</exception>
    public static OutputPath ForLandmarks(string path, IReadOnlyList<string> photos)
    {
        if (path == StandardOutput)
        {
            return new OutputPath(path, IsFolder: false);
        }
        if (path.Length == 0 || System.IO.Path.EndsInDirectorySeparator(path) || Directory.Exists(path))
        {
            throw new CommandException(ExitCode.Usage, $"--output '{path}' is a folder. Name a file in it, for example {System.IO.Path.Combine(path, FaceFiles.Landmarks)}.");
        }
        return Checked(new OutputPath(path, IsFolder: false), photos);
    }

    /// <exception cref="CommandException">Nothing can be written there.</exception>
    public static OutputPath ForVideo(string path)
    {
        if (path.Length == 0 || File.Exists(path))
        {
            throw new CommandException(ExitCode.Usage, $"--output '{path}' is no folder. Name a folder; it is made if it is missing.");
        }
        return Checked(new OutputPath(path, IsFolder: true), []);
    }

    /// <returns>The paths of the files written.</returns>
    public IReadOnlyList<string> Write(Face face) =>
        IsFolder ? [.. FaceFiles.Write(face, Path).Select(name => System.IO.Path.Combine(Path, name))] : Write(face.Glb);

    /// <returns>The paths of the files written: none for standard output.</returns>
    public IReadOnlyList<string> Write(byte[] bytes)
    {
        if (Path == StandardOutput)
        {
            using var stdout = Console.OpenStandardOutput();
            stdout.Write(bytes);
            stdout.Write("\n"u8);
            return [];
        }
        WholeFile.Write(Path, bytes);
        return [Path];
    }

    private static OutputPath Checked(OutputPath output, IReadOnlyList<string> photos)
    {
        string full = System.IO.Path.GetFullPath(output.Path);
        if (photos.Any(photo => photo.Length > 0 && System.IO.Path.GetFullPath(photo) == full))
        {
            throw new CommandException(ExitCode.Usage, $"--output '{output.Path}' is one of the photos and would overwrite it. Choose another name.");
        }
        string? folder = output.IsFolder ? full : System.IO.Path.GetDirectoryName(full);
        while (folder is not null && !Directory.Exists(folder))
        {
            if (File.Exists(folder))
            {
                throw new CommandException(ExitCode.Failed, $"--output '{output.Path}' lies in '{folder}', which is a file, not a folder. Choose another place.");
            }
            folder = System.IO.Path.GetDirectoryName(folder);
        }
        try
        {
            string probe = System.IO.Path.Combine(folder ?? full, System.IO.Path.GetRandomFileName());
            File.Create(probe, 1, FileOptions.DeleteOnClose).Dispose();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CommandException(ExitCode.Failed, $"--output '{output.Path}': nothing can be written into '{folder}'. Choose another place, or change its permissions.");
        }
        return output;
    }
}
