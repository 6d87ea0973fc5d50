using System.Collections.Concurrent;
using System.Threading.Channels;
using MeshFromFaces.Server.Api;

namespace MeshFromFaces.Server.Jobs;

/// <summary>All jobs of this server's life, and the queue the worker takes them from.</summary>
internal sealed class JobStore
{
    private readonly ConcurrentDictionary<string, Job> _jobs = new();
    private readonly Channel<Job> _queue;
    private readonly string _folder;
    private readonly int _capacity;

    public JobStore(ServerSettings settings)
    {
        _folder = Path.GetFullPath(Path.Combine(settings.DataFolder, "jobs"));
        _capacity = settings.Limits.QueuedJobs;
        _queue = Channel.CreateBounded<Job>(_capacity);
        PrivateFolder.Create(_folder);
    }

    /// <summary>Oldest first.</summary>
    public IReadOnlyList<JobRecord> Records => [.. _jobs.Values.Select(job => job.Record).OrderBy(record => record.CreatedAt)];

    public ChannelReader<Job> Queue => _queue.Reader;

    public bool IsFull => _queue.Reader.Count >= _capacity;

    /// <summary>A job whose folder is there to be filled, not yet known to anybody.</summary>
    public Job Create() => new(_folder);

    public bool TryEnqueue(Job job)
    {
        _jobs[job.Id] = job;
        if (_queue.Writer.TryWrite(job))
        {
            return true;
        }
        _jobs.TryRemove(job.Id, out _);
        return false;
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
