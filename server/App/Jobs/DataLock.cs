namespace MeshFromFaces.Server.Jobs;

/// <summary>
/// Keeps a data folder to one server. The system holds the lock for as long as the process lives, however it ends, so
/// nothing stale can be left behind.
/// </summary>
internal sealed class DataLock : IDisposable
{
    private readonly FileStream _file;

    private DataLock(FileStream file) => _file = file;

    /// <returns>Null when another process holds the folder.</returns>
    /// <exception cref="IOException">No lock can be had there at all.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder is not ours to write.</exception>
    public static DataLock? TryTake(string dataFolder)
    {
        string path = Path.Combine(dataFolder, "lock");
        try
        {
            return new DataLock(new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
        }
        // The kinds of IOException with a name of their own say what else is wrong.
        catch (IOException e) when (e.GetType() == typeof(IOException) && File.Exists(path))
        {
            return null;
        }
    }

    public void Dispose() => _file.Dispose();
}
