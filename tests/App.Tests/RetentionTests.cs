using MeshFromFaces.Server.Api;
using MeshFromFaces.Server.Jobs;
using Microsoft.Extensions.Logging.Abstractions;

namespace MeshFromFaces.App.Tests;

/// <summary>What retention leaves alone, where it is so strict that nothing that ended may stay.</summary>
public sealed class RetentionTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_job_that_waits_or_runs_is_never_removed()
    {
        var settings = new ServerSettings { DataFolder = _folder.Path, Retention = new RetentionSettings { Age = TimeSpan.Zero, Bytes = 0 } };
        var jobs = new JobStore(settings, NullLogger<JobStore>.Instance);
        Job waits = Accept(jobs), runs = Accept(jobs), ended = Accept(jobs);
        Assert.True(runs.TryStart());
        ended.Fail("It is over.");

        jobs.Prune();

        Assert.Equal(new[] { waits.Id, runs.Id }.Order(StringComparer.Ordinal), jobs.Records.Select(job => job.Id).Order(StringComparer.Ordinal));
        Assert.False(Directory.Exists(_folder[$"jobs/{ended.Id}"]));
        Assert.All([waits, runs], job =>
        {
            Assert.Equal([7], Assert.Single(job.ReadInputs()).Bytes);
            Assert.False(job.Cancellation.IsCancellationRequested);
        });
    }

    private static Job Accept(JobStore jobs)
    {
        using var upload = jobs.Receive();
        using (var photo = upload.CreatePhoto("face.jpg"))
        {
            photo.WriteByte(7);
        }
        return upload.Accept();
    }
}
