namespace MeshFromFaces.Server.Jobs;

/// <summary>Files that are their owner's business alone: mode 600 where the system knows such modes.</summary>
internal static class PrivateFile
{
    /// <summary>
    /// Writes beside the place, flushes to the disk, renames: whoever looks, even after a loss of power, sees the
    /// old file or the new one, whole.
    /// </summary>
    /// <exception cref="IOException">It cannot be written; the old file is untouched.</exception>
    public static void WriteWhole(string path, ReadOnlySpan<byte> bytes)
    {
        string temporary = $"{path}.{Path.GetRandomFileName()}.tmp";
        try
        {
            using (var file = Create(temporary))
            {
                file.Write(bytes);
                file.Flush(flushToDisk: true);
            }
            File.Move(temporary, path, overwrite: true);
        }
        finally
        {
            File.Delete(temporary);
        }
    }

    private static FileStream Create(string path)
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }
        return new FileStream(path, options);
    }
}
