using System.Collections.Concurrent;
using System.Threading.Channels;
using MeshFromFaces.Server.Api;

namespace MeshFromFaces.Server.Jobs;

/// <summary>All jobs of this server's life, and the queue the worker takes them from.</summary>
internal sealed class JobStore
{
    private readonly ConcurrentDictionary<string, Job> _jobs = new();
    private readonly Channel<Job> _queue = Channel.CreateUnbounded<Job>(); // Bounded by IsFull.
    private readonly Lock _enqueueing = new();
    private readonly string _folder;
    private readonly int _capacity;

    public JobStore(ServerSettings settings)
    {
        _folder = Path.GetFullPath(Path.Combine(settings.DataFolder, "jobs"));
        _capacity = settings.Limits.QueuedJobs;
        PrivateFolder.Create(_folder);
    }

    /// <summary>Oldest first.</summary>
    public IReadOnlyList<JobRecord> Records => [.. _jobs.Values.Select(job => job.Record).OrderBy(record => record.CreatedAt)];

    public ChannelReader<Job> Queue => _queue.Reader;

    /// <summary>As many jobs wait as may. One that was cancelled while it waited makes room at once.</summary>
    public bool IsFull => _jobs.Values.Count(job => job.Record.State == JobState.Queued) >= _capacity;

    /// <summary>A job whose folder is there to be filled, not yet known to anybody.</summary>
    public Job Create() => new(_folder);

    public bool TryEnqueue(Job job)
    {
        lock (_enqueueing)
        {
            if (IsFull)
            {
                return false;
            }
            _jobs[job.Id] = job;
            return _queue.Writer.TryWrite(job);
        }
    }

    public Job? Find(string id) => _jobs.GetValueOrDefault(id);

    /// <summary>Forgets a job, cancels it if it has not ended, and removes its files.</summary>
    public bool TryRemove(string id)
    {
        if (!_jobs.TryRemove(id, out var job))
        {
            return false;
        }
        if (job.Cancel() != JobState.Running)
        {
            job.RemoveFolder();
        }
        return true;
    }
}
