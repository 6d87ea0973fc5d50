using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using MeshFromFaces.Core;

namespace MeshFromFaces.Server.Jobs;

/// <summary>
/// A job on disk: request.json, state.json, inputs/ until it has ended, outputs/ once it succeeded. Whatever moment
/// the process or the machine stops at, two rules hold: a folder is a job from when its request.json appears, which comes
/// last, to when it goes, which comes first; and outputs/ is whole, for it is filled under another name.
/// </summary>
internal sealed class JobFolder
{
    private const string Inputs = "inputs";
    private const string Outputs = "outputs";
    private const string HalfWritten = "outputs.part";

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        RespectRequiredConstructorParameters = true,
        RespectNullableAnnotations = true,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
    };

    // Held while files are removed, or read in the name of another job.
    private readonly Lock _files = new();
    private readonly string _path;

    private JobFolder(string path) => _path = path;

    public string Id => Path.GetFileName(_path);

    private string RequestFile => Path.Combine(_path, "request.json");

    private string StateFile => Path.Combine(_path, "state.json");

    /// <summary>A new folder under <paramref name="jobs"/>, not yet a job.</summary>
    public static JobFolder Create(string jobs)
    {
        // Version 7: in the order of their time, also by name.
        var folder = new JobFolder(Path.Combine(jobs, Guid.CreateVersion7().ToString("N")));
        try
        {
            PrivateFolder.Create(Path.Combine(folder._path, Inputs));
            return folder;
        }
        catch
        {
            folder.Remove(); // On a full disk there may be room for one folder and not for two.
            throw;
        }
    }

    /// <summary>Every folder there is. What is no job, be it half received or half removed, is to be removed.</summary>
    public static IEnumerable<JobFolder> In(string jobs) => Directory.GetDirectories(jobs).Select(path => new JobFolder(path));

    /// <summary>A file for a photo. Its name on disk is ours: what a client calls it never reaches the file system.</summary>
    /// <param name="number">Counted from 0.</param>
    public FileStream CreateInput(int number) => new(Input(number), FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0);

    /// <summary>Makes it a job, for good: after this, a loss of power loses nothing of it.</summary>
    /// <param name="request">Its photos are in place, flushed each.</param>
    public void Accept(StoredRequest request, StoredState state)
    {
        WholeFile.FlushFolder(Path.Combine(_path, Inputs));
        Write(state);
        WholeFile.Write(RequestFile, JsonSerializer.SerializeToUtf8Bytes(request, Json), ownerOnly: true);
        WholeFile.FlushFolder(Path.GetDirectoryName(_path)!);
    }

    /// <returns>Null when it is no job.</returns>
    /// <exception cref="JsonException">The files are not as they were written here.</exception>
    public (StoredRequest Request, StoredState State)? Read() =>
        File.Exists(RequestFile) ? (Read<StoredRequest>(RequestFile), Read<StoredState>(StateFile)) : null;

    public void Write(StoredState state) => WholeFile.Write(StateFile, JsonSerializer.SerializeToUtf8Bytes(state, Json), ownerOnly: true);

    public IReadOnlyList<PhotoFile> ReadInputs(StoredRequest request) =>
        [.. PhotoNames.Distinct(request.Photos).Select((name, number) => new PhotoFile(name, File.ReadAllBytes(Input(number))))];

    /// <summary>Puts the outputs in place, all at once.</summary>
    /// <param name="write">Fills the folder it is given and returns the files' names, or null when it cannot.</param>
    /// <returns>What <paramref name="write"/> returns.</returns>
    public IReadOnlyList<string>? Publish(Func<string, IReadOnlyList<string>?> write)
    {
        RemoveOutputs(); // Of a run that was cut off.
        string part = Path.Combine(_path, HalfWritten);
        PrivateFolder.Create(part);
        var names = write(part);
        if (names is not null)
        {
            Directory.Move(part, Path.Combine(_path, Outputs));
            WholeFile.FlushFolder(_path);
        }
        return names;
    }

    /// <summary>Copies outputs into another folder.</summary>
    /// <returns>False when one is not there any more.</returns>
    public bool TryCopyOutputs(IReadOnlyList<string> names, string folder, CancellationToken cancellation)
    {
        lock (_files)
        {
            if (names.Any(name => !File.Exists(Output(name))))
            {
                return false;
            }
            foreach (string name in names)
            {
                cancellation.ThrowIfCancellationRequested();
                WholeFile.Write(Path.Combine(folder, name), File.ReadAllBytes(Output(name)));
            }
            return true;
        }
    }

    /// <returns>Null when it is not there any more.</returns>
    public FileStream? OpenOutput(string name)
    {
        lock (_files)
        {
            // Removing it is not held up by who still reads it.
            return File.Exists(Output(name)) ? new FileStream(Output(name), FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete) : null;
        }
    }

    /// <summary>Bytes that all its files take.</summary>
    public long Size() => new DirectoryInfo(_path).EnumerateFiles("*", SearchOption.AllDirectories).Sum(file => file.Length);

    public void RemoveInputs() => Remove(Path.Combine(_path, Inputs));

    public void RemoveOutputs()
    {
        Remove(Path.Combine(_path, HalfWritten));
        Remove(Path.Combine(_path, Outputs));
    }

    /// <summary>From here on it is no job, though its files be in use; takes no room, so that it works on a full disk.</summary>
    public void Withdraw()
    {
        lock (_files)
        {
            if (File.Exists(RequestFile))
            {
                File.Delete(RequestFile);
                WholeFile.FlushFolder(_path);
            }
        }
    }

    public void Remove()
    {
        Withdraw();
        Remove(_path);
    }

    private void Remove(string folder)
    {
        lock (_files)
        {
            if (Directory.Exists(folder))
            {
                Directory.Delete(folder, recursive: true);
            }
        }
    }

    private string Input(int number) => Path.Combine(_path, Inputs, number.ToString("00", CultureInfo.InvariantCulture));

    private string Output(string name) => Path.Combine(_path, Outputs, name);

    private static T Read<T>(string path) => JsonSerializer.Deserialize<T>(File.ReadAllBytes(path), Json) ?? throw new JsonException($"'{path}' is empty.");
}
