using System.Runtime.InteropServices;

namespace MeshFromFaces.Core;

/// <summary>What work has used and nobody needs any more, but the process still holds.</summary>
public static partial class SpareMemory
{
    /// <summary>Gives it back to the system. Takes some tens of milliseconds, in which every thread stands still.</summary>
    public static void GiveBack()
    {
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        if (OperatingSystem.IsLinux())
        {
            try
            {
                // vips and ONNX Runtime allocate by glibc, which keeps what is freed until it is told.
                _ = MallocTrim(0);
            }
            catch (Exception e) when (e is EntryPointNotFoundException or DllNotFoundException)
            {
                // Another C library, such as musl.
            }
        }
    }

    [LibraryImport("libc", EntryPoint = "malloc_trim")]
    private static partial int MallocTrim(nuint pad);
}
