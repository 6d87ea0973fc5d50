using System.Diagnostics;

namespace MeshFromFaces.App.Tests;

/// <summary>A test that needs a small file system of its own; left out, saying so, where none may be mounted.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class TmpfsFactAttribute : FactAttribute
{
    public TmpfsFactAttribute()
    {
        if (!CanMount())
        {
            Skip = "Left out: a small tmpfs cannot be mounted here (needs Linux and `unshare --mount --map-root-user`).";
        }
    }

    /// <summary>
    /// A command that mounts a file system of this many bytes on a folder, for the process alone that then takes its place
    /// (and its command line from what follows): nothing is left mounted when that ends, however it does.
    /// </summary>
    public static IEnumerable<string> Mount(string folder, long bytes) =>
        ["unshare", "--mount", "--map-root-user", "sh", "-c", $"mount -t tmpfs -o size={bytes} tmpfs \"$0\" && exec \"$@\"", folder];

    private static bool CanMount()
    {
        if (!OperatingSystem.IsLinux())
        {
            return false;
        }
        using var folder = new TemporaryFolder();
        try
        {
            using var attempt = Process.Start(new ProcessStartInfo("env", [.. Mount(folder.Path, 1 << 20), "true"]) { RedirectStandardError = true })!;
            attempt.WaitForExit();
            return attempt.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }
}
