using System.Collections.Concurrent;
using System.Text.Json;
using System.Threading.Channels;
using MeshFromFaces.Core;
using MeshFromFaces.Server.Api;

namespace MeshFromFaces.Server.Jobs;

/// <summary>All jobs of the data folder, and the queue the worker takes them from.</summary>
internal sealed partial class JobStore
{
    // A job that was at work each of so many times when the server was killed is likely why it was: it must not kill every server to come.
    private const int MostStarts = 10;

    private readonly ConcurrentDictionary<string, Job> _jobs = new();
    private readonly Channel<Job> _queue = Channel.CreateUnbounded<Job>(); // Bounded by TryReceive.
    private readonly Lock _receiving = new();
    private readonly string _folder;
    private readonly ServerLimits _limits;
    private readonly RetentionSettings _retention;
    private readonly ILogger<JobStore> _log;
    private int _uploads;
    private long _uploadBytes;

    /// <summary>Takes up what an earlier server left: what had ended is there, what had not waits again, what is no job goes.</summary>
    public JobStore(ServerSettings settings, ILogger<JobStore> log)
    {
        _folder = Path.GetFullPath(Path.Combine(settings.DataFolder, "jobs"));
        (_limits, _retention, _log) = (settings.Limits, settings.Retention, log);
        PrivateFolder.Create(_folder);
        WholeFile.FlushFolder(Path.GetDirectoryName(_folder)!);
        // Those that were not begun yet come first: one that brings the server down holds up no other.
        foreach (var (job, _) in JobFolder.In(_folder).Select(Restore).OfType<(Job Job, int Starts)>().OrderBy(each => each.Starts).ThenBy(each => each.Job.Record.CreatedAt))
        {
            _jobs[job.Id] = job;
            if (!job.Record.HasEnded)
            {
                _queue.Writer.TryWrite(job);
            }
        }
        Prune();
    }

    /// <summary>Oldest first.</summary>
    public IReadOnlyList<JobRecord> Records => [.. _jobs.Values.Select(job => job.Record).OrderBy(record => record.CreatedAt)];

    public ChannelReader<Job> Queue => _queue.Reader;

    /// <summary>A place for one more request.</summary>
    /// <exception cref="RequestException">429: as many jobs wait, or are being received, as may.</exception>
    public Upload Receive()
    {
        lock (_receiving)
        {
            if (_uploads >= _limits.Uploads)
            {
                throw Busy($"{_limits.Uploads} requests are being received already, the most there may be.");
            }
            // One that was cancelled while it waited makes room at once.
            if (_jobs.Values.Count(job => job.Record.State == JobState.Queued) + _uploads >= _limits.QueuedJobs)
            {
                throw Busy($"{_limits.QueuedJobs} jobs are waiting already, the most there may be.");
            }
            _uploads++;
        }
        try
        {
            return new Upload(this, JobFolder.Create(_folder));
        }
        catch
        {
            Release(0, null);
            throw;
        }
    }

    public Job? Find(string id) => _jobs.GetValueOrDefault(id);

    /// <summary>A job whose outputs are those that a job of this key would make.</summary>
    public Job? FindResult(string key) => _jobs.Values.FirstOrDefault(job => job.ResultKey == key);

    /// <summary>Forgets a job, cancels it if it has not ended, and removes its files.</summary>
    public bool TryRemove(string id)
    {
        if (!_jobs.TryRemove(id, out var job))
        {
            return false;
        }
        job.Remove();
        return true;
    }

    /// <summary>Removes jobs that ended too long ago, and the oldest of those whose files are too much together; the one that ended last stays.</summary>
    public void Prune()
    {
        long total = 0;
        var oldest = DateTimeOffset.UtcNow - _retention.Age;
        foreach (var job in _jobs.Values.Where(job => job.Record.HasEnded).OrderByDescending(job => job.Record.EndedAt))
        {
            bool last = total == 0;
            total += job.Size;
            if (job.Record.EndedAt < oldest || (total > _retention.Bytes && !last))
            {
                LogRetired(job.Id);
                Tidy(job.Id, () => TryRemove(job.Id));
            }
        }
    }

    // Files that cannot be removed are no reason to stop serving; the next start removes them.
    private void Tidy(string id, Action remove)
    {
        try
        {
            remove();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            LogLeft(id, e);
        }
    }

    /// <summary>For <see cref="Upload"/>: counts bytes that it has written.</summary>
    internal bool TryHold(int bytes)
    {
        lock (_receiving)
        {
            _uploadBytes += bytes;
            return _uploadBytes <= _limits.UploadBytes;
        }
    }

    /// <summary>For <see cref="Upload"/>: a job that is on the disk joins the queue.</summary>
    internal Job Enqueue(Job job)
    {
        _jobs[job.Id] = job;
        _queue.Writer.TryWrite(job);
        return job;
    }

    /// <summary>For <see cref="Upload"/>: it is over.</summary>
    /// <param name="rest">What is left of it, unless it became a job.</param>
    internal void Release(long bytes, JobFolder? rest)
    {
        if (rest is not null)
        {
            Tidy(rest.Id, rest.Remove);
        }
        lock (_receiving)
        {
            _uploads--;
            _uploadBytes -= bytes;
        }
    }

    /// <returns>Null for a folder that is no job, and is gone then, or that cannot be read, and is left as it is.</returns>
    private (Job Job, int Starts)? Restore(JobFolder folder)
    {
        try
        {
            if (folder.Read() is not var (request, state))
            {
                folder.Remove();
                return null;
            }
            if (state.Record.HasEnded)
            {
                folder.RemoveInputs();
                return (new Job(folder, request, state), state.Starts);
            }
            folder.RemoveOutputs();
            var job = new Job(folder, request, state with { Record = state.Record.Waiting() });
            if (state.Starts >= MostStarts)
            {
                job.Fail($"The server ended {state.Starts} times while it was at work on these photos, so it does not try them again. Use fewer or smaller photos, or a smaller texture.");
            }
            return (job, state.Starts);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            LogUnreadable(folder.Id, e);
            return null;
        }
    }

    private static RequestException Busy(string reason) => new(StatusCodes.Status429TooManyRequests, $"{reason} Try again later.")
    {
        RetryAfter = TimeSpan.FromSeconds(5),
    };

    [LoggerMessage(2, LogLevel.Information, "Job {Id} was removed: results are not kept for ever.")]
    private partial void LogRetired(string id);

    [LoggerMessage(3, LogLevel.Warning, "Files of job {Id} could not be removed.")]
    private partial void LogLeft(string id, Exception exception);

    [LoggerMessage(1, LogLevel.Error, "Job {Id} cannot be taken up; its folder is left as it is.")]
    private partial void LogUnreadable(string id, Exception exception);
}
