using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace MeshFromFaces.Core;

/// <summary>Files that are there whole or not at all, even after a loss of power.</summary>
public static partial class WholeFile
{
    /// <summary>
    /// Writes beside the place, flushes to the disk, renames: whoever looks sees the old file or the new one. Folders that
    /// are missing are made.
    /// </summary>
    /// <param name="ownerOnly">Mode 600, from the first byte on, where the system knows such modes.</param>
    /// <exception cref="IOException">It cannot be written; the old file is untouched.</exception>
    public static void Write(string path, ReadOnlySpan<byte> bytes, bool ownerOnly = false)
    {
        string folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        Directory.CreateDirectory(folder);
        string temporary = path + "." + Path.GetRandomFileName() + ".tmp";
        try
        {
            using (var file = Create(temporary, ownerOnly))
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
        FlushFolder(folder);
    }

    /// <summary>Makes what was created, renamed or removed in a folder last. Windows does so by itself.</summary>
    public static void FlushFolder(string path)
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }
        // .NET opens no folders. 0 is O_RDONLY.
        using var folder = new SafeFileHandle(Open(path, 0), ownsHandle: true);
        if (folder.IsInvalid)
        {
            throw new IOException($"'{path}' cannot be opened: {Marshal.GetLastPInvokeErrorMessage()}", Marshal.GetLastPInvokeError());
        }
        RandomAccess.FlushToDisk(folder);
    }

    private static FileStream Create(string path, bool ownerOnly)
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, BufferSize = 0 };
        if (ownerOnly && !OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }
        return new FileStream(path, options);
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);
}
