using MeshFromFaces.Core;

namespace MeshFromFaces.Server.Jobs;

/// <summary>
/// A request on its way in. Holds a place in the queue and the bytes of its photos on the disk until it is accepted as a
/// job, or disposed: then nothing is left of it.
/// </summary>
internal sealed class Upload(JobStore jobs, JobFolder folder) : IDisposable
{
    private readonly List<string> _photos = [];
    private long _bytes;
    private bool _accepted;

    public FaceOptions Options { get; set; } = new();

    public int PhotoCount => _photos.Count;

    /// <summary>Where the next photo goes. To be flushed to the disk before <see cref="Accept"/>.</summary>
    public FileStream CreatePhoto(string name)
    {
        _photos.Add(name);
        return folder.CreateInput(_photos.Count - 1);
    }

    /// <returns>False when all uploads together would then hold more than they may.</returns>
    public bool TryHold(int bytes)
    {
        _bytes += bytes;
        return jobs.TryHold(bytes);
    }

    /// <summary>Makes it a job that is on the disk for good and waits its turn.</summary>
    public Job Accept()
    {
        var request = new StoredRequest(Options, _photos);
        var state = new StoredState(JobRecord.New(folder.Id), Starts: 0, ResultKey: null);
        folder.Accept(request, state);
        _accepted = true;
        return jobs.Enqueue(new Job(folder, request, state));
    }

    public void Dispose() => jobs.Release(_bytes, _accepted ? null : folder);
}
