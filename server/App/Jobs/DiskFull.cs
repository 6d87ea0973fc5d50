namespace MeshFromFaces.Server.Jobs;

/// <summary>Tells a full disk from other faults, and what to say of it.</summary>
internal static class DiskFull
{
    public const string Message = "The disk that holds the server's data is full. Free some space on it, or delete jobs that are no longer needed, and send the photos again.";

    // On Unix the number is errno: no space left, or the user's quota is used up (Linux and macOS number that differently).
    private static readonly int[] Codes = OperatingSystem.IsWindows()
        ? [unchecked((int)0x80070070), unchecked((int)0x80070027)] // ERROR_DISK_FULL, ERROR_HANDLE_DISK_FULL
        : [28, OperatingSystem.IsLinux() ? 122 : 69]; // ENOSPC, EDQUOT

    public static bool Is(Exception exception) => exception is IOException && Codes.Contains(exception.HResult);
}
