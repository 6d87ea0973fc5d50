using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using MeshFromFaces.Core;

namespace MeshFromFaces.Server.Jobs;

internal enum JobState { Queued, Running, Succeeded, Failed, Cancelled }

/// <summary>A job as clients see it.</summary>
/// <param name="Progress">Part of the whole job that is done, 0..1.</param>
/// <param name="Error">Why it failed, in words for the user.</param>
/// <param name="Files">Names under /v1/jobs/{id}/files/, once it succeeded.</param>
/// <param name="Skipped">Photos left out, once it succeeded.</param>
internal sealed record JobRecord(
    string Id,
    JobState State,
    string? Stage,
    double Progress,
    string? Error,
    IReadOnlyList<string> Files,
    IReadOnlyList<SkippedView> Skipped,
    DateTimeOffset CreatedAt);

/// <summary>
/// One capture on its way: its folder (<c>inputs/</c> until it has run, <c>outputs/</c> after) and its record.
/// Thread-safe; a job that ended stays as it ended.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "A token source without timer or wait handle holds nothing to free.")]
internal sealed class Job
{
    private readonly Lock _gate = new();
    private readonly CancellationTokenSource _cancellation = new();
    private readonly string _folder;
    private readonly List<(string Name, string Path)> _inputs = [];
    private JobRecord _record;

    /// <param name="jobsFolder">Where jobs have their folders; this one's is made here.</param>
    public Job(string jobsFolder)
    {
        string id = Guid.CreateVersion7().ToString("N");
        _folder = Path.Combine(jobsFolder, id);
        _record = new JobRecord(id, JobState.Queued, null, 0, null, [], [], DateTimeOffset.UtcNow);
        PrivateFolder.Create(Path.Combine(_folder, "inputs"));
    }

    public string Id => _record.Id;

    public FaceOptions Options { get; set; } = new();

    public int PhotoCount => _inputs.Count;

    public CancellationToken Cancellation => _cancellation.Token;

    public string OutputFolder => Path.Combine(_folder, "outputs");

    public JobRecord Record
    {
        get
        {
            lock (_gate)
            {
                return _record;
            }
        }
    }

    /// <summary>A new file for the next photo. Its name on disk is ours: what a client calls it never reaches the file system.</summary>
    public FileStream CreateInput(string name)
    {
        string path = Path.Combine(_folder, "inputs", _inputs.Count.ToString("00", CultureInfo.InvariantCulture));
        _inputs.Add((name, path));
        return new FileStream(path, FileMode.CreateNew);
    }

    public IReadOnlyList<PhotoFile> ReadInputs()
    {
        var names = PhotoNames.Distinct(_inputs.Select(input => input.Name));
        return [.. names.Zip(_inputs, (name, input) => new PhotoFile(name, File.ReadAllBytes(input.Path)))];
    }

    /// <returns>False when it was cancelled before.</returns>
    public bool TryStart() => Change(record => record with { State = JobState.Running }) == JobState.Queued;

    public void Report(PipelineProgress progress) =>
        Change(record => record with { Stage = progress.Stage, Progress = progress.Fraction });

    public void Succeed(IReadOnlyList<string> files, IReadOnlyList<SkippedView> skipped) =>
        Change(record => record with { State = JobState.Succeeded, Stage = null, Progress = 1, Files = files, Skipped = skipped });

    public void Fail(string error) => Change(record => record with { State = JobState.Failed, Stage = null, Error = error });

    /// <summary>Ends it now if it has not ended; a worker that is at it notices by <see cref="Cancellation"/>.</summary>
    /// <returns>The state before. Was it running, the worker removes its folder; else the caller does.</returns>
    public JobState Cancel()
    {
        var before = Change(record => record with { State = JobState.Cancelled, Stage = null });
        _cancellation.Cancel();
        return before;
    }

    public void RemoveInputs() => Remove(Path.Combine(_folder, "inputs"));

    public void RemoveFolder() => Remove(_folder);

    private JobState Change(Func<JobRecord, JobRecord> change)
    {
        lock (_gate)
        {
            var before = _record.State;
            if (before is JobState.Queued or JobState.Running)
            {
                _record = change(_record);
            }
            return before;
        }
    }

    private static void Remove(string folder)
    {
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
