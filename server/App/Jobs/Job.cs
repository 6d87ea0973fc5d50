using System.Diagnostics.CodeAnalysis;
using System.Threading.Channels;
using MeshFromFaces.Core;

namespace MeshFromFaces.Server.Jobs;

/// <summary>
/// One capture on its way: its folder and its record, the disk always first, so that no client knows more than is kept.
/// Thread-safe; a job that ended stays as it ended.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "A token source without timer or wait handle holds nothing to free.")]
internal sealed class Job(JobFolder folder, StoredRequest request, StoredState state)
{
    private readonly Lock _gate = new();
    private readonly CancellationTokenSource _cancellation = new();
    private readonly List<ChannelWriter<JobRecord>> _followers = [];
    private StoredState _state = state;

    public string Id => folder.Id;

    public FaceOptions Options => request.Options;

    public int PhotoCount => request.Photos.Count;

    public CancellationToken Cancellation => _cancellation.Token;

    public JobRecord Record => State.Record;

    /// <summary>Of a result, see <see cref="Jobs.ResultKey"/>; null as long as there is none.</summary>
    public string? ResultKey => State.ResultKey;

    /// <summary>Bytes on the disk once it has ended.</summary>
    public long Size { get; private set; } = state.Record.HasEnded ? folder.Size() : 0;

    private StoredState State
    {
        get
        {
            lock (_gate)
            {
                return _state;
            }
        }
    }

    public IReadOnlyList<PhotoFile> ReadInputs() => folder.ReadInputs(request);

    /// <returns>Null when the file has been removed, and the job with it.</returns>
    public FileStream? OpenOutput(string name) => folder.OpenOutput(name);

    /// <summary>From now on gets the record as it is, then each change, and is complete when the job has ended.</summary>
    public Channel<JobRecord> Follow()
    {
        var records = Channel.CreateUnbounded<JobRecord>(); // A job changes some hundred times at most.
        lock (_gate)
        {
            records.Writer.TryWrite(_state.Record);
            if (_state.Record.HasEnded)
            {
                records.Writer.Complete();
            }
            else
            {
                _followers.Add(records.Writer);
            }
        }
        return records;
    }

    public void Unfollow(Channel<JobRecord> records)
    {
        lock (_gate)
        {
            _followers.Remove(records.Writer);
        }
    }

    /// <returns>False when it was cancelled before.</returns>
    public bool TryStart() =>
        Change(state => state with { Record = state.Record with { State = JobState.Running }, Starts = state.Starts + 1 }) == JobState.Queued;

    /// <summary>Notes on disk that it runs.</summary>
    public void KeepState() => folder.Write(State);

    public void Report(PipelineProgress progress) =>
        Change(state => state with { Record = state.Record with { Stage = progress.Stage, Progress = progress.Fraction } });

    /// <param name="write">Fills the folder it is given and returns the files' names, or null when it cannot.</param>
    /// <returns>False when <paramref name="write"/> could not: the job runs on.</returns>
    public bool TrySucceed(string resultKey, IReadOnlyList<SkippedView> skipped, Func<string, IReadOnlyList<string>?> write)
    {
        if (folder.Publish(write) is not { } files)
        {
            return false;
        }
        var succeeded = Ended(record => record with { State = JobState.Succeeded, Progress = 1, Files = files, Skipped = skipped }) with { ResultKey = resultKey };
        folder.Write(succeeded);
        folder.RemoveInputs();
        Size = folder.Size();
        Change(_ => succeeded);
        return true;
    }

    /// <summary>Copies the outputs into another folder.</summary>
    /// <returns>Their names, or null when they are not there any more.</returns>
    public IReadOnlyList<string>? CopyOutputs(string to, CancellationToken cancellation) =>
        folder.TryCopyOutputs(Record.Files, to, cancellation) ? Record.Files : null;

    /// <summary>Ends it, for clients even where the disk takes no more; the next server then tries it again.</summary>
    public void Fail(string error)
    {
        var failed = Ended(record => record with { State = JobState.Failed, Error = error });
        try
        {
            folder.RemoveOutputs();
            folder.Write(failed);
            folder.RemoveInputs();
            Size = folder.Size();
        }
        finally
        {
            Change(_ => failed);
        }
    }

    /// <summary>Gives it back to the queue on disk, for the next server: this one stops, which is not the job's fault.</summary>
    public void Requeue()
    {
        folder.RemoveOutputs();
        var state = State;
        folder.Write(state with { Record = state.Record.Waiting(), Starts = state.Starts - 1 });
    }

    /// <summary>
    /// Ends it, if it has not ended, and takes it off the disk: at once, or when the worker that is at it notices by
    /// <see cref="Cancellation"/> and calls this again. Either way no later server knows it.
    /// </summary>
    public void Remove()
    {
        folder.Withdraw();
        bool atWork = Change(state => state with { Record = state.Record with { State = JobState.Cancelled, Stage = null, EndedAt = DateTimeOffset.UtcNow } }) == JobState.Running;
        _cancellation.Cancel();
        if (!atWork)
        {
            folder.Remove();
        }
    }

    private StoredState Ended(Func<JobRecord, JobRecord> change)
    {
        var state = State;
        return state with { Record = change(state.Record) with { Stage = null, EndedAt = DateTimeOffset.UtcNow } };
    }

    /// <returns>The state before; once that is an end, nothing changes any more.</returns>
    private JobState Change(Func<StoredState, StoredState> change)
    {
        lock (_gate)
        {
            var before = _state.Record;
            if (!before.HasEnded)
            {
                _state = change(_state);
                if (_state.Record != before)
                {
                    Tell(_state.Record);
                }
            }
            return before.State;
        }
    }

    private void Tell(JobRecord record)
    {
        foreach (var follower in _followers)
        {
            follower.TryWrite(record);
            if (record.HasEnded)
            {
                follower.Complete();
            }
        }
    }
}
