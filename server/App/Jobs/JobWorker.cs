using MeshFromFaces.Core;

namespace MeshFromFaces.Server.Jobs;

/// <summary>Runs the jobs, one at a time, in the order they came: one job already uses every core.</summary>
internal sealed partial class JobWorker(JobStore jobs, ModelHost model, ILogger<JobWorker> log) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await foreach (var job in jobs.Queue.ReadAllAsync(stoppingToken))
            {
                await RunAsync(job, stoppingToken);
            }
        }
        finally
        {
            // Jobs do not outlive the server yet, so the photos of those still waiting must not either.
            while (jobs.Queue.TryRead(out var waiting))
            {
                jobs.TryRemove(waiting.Id);
            }
        }
    }

    private async Task RunAsync(Job job, CancellationToken stopping)
    {
        if (!job.TryStart())
        {
            return;
        }
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(stopping, job.Cancellation);
        var end = await WorkAsync(job, ending.Token);
        // Before the record says so: once it does, a DELETE may remove the folder at the same moment.
        Tidy(job, job.RemoveInputs);
        end(job);
        LogEnded(job.Id, job.Record.State);
        if (job.Record.State == JobState.Cancelled)
        {
            Tidy(job, job.RemoveFolder);
        }
    }

    // Files that cannot be removed are no reason to stop serving.
    private void Tidy(Job job, Action remove)
    {
        try
        {
            remove();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            LogLeft(job.Id, e);
        }
    }

    /// <returns>How the job ends.</returns>
    private async Task<Action<Job>> WorkAsync(Job job, CancellationToken cancellation)
    {
        try
        {
            LogStarted(job.Id, job.PhotoCount);
            var pipeline = await model.ReadyAsync(cancellation);
            var face = pipeline.Build(job.ReadInputs(), job.Options, new JobProgress(job), cancellation);
            cancellation.ThrowIfCancellationRequested();
            var files = FaceFiles.Write(face, job.OutputFolder);
            return job => job.Succeed(files, face.Skipped);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            return job => job.Cancel();
        }
        catch (InputException e)
        {
            return job => job.Fail(e.Message);
        }
        catch (Exception e)
        {
            LogFailed(job.Id, e);
            return job => job.Fail("Something failed in the server, not in the photos; its log says what.");
        }
    }

    [LoggerMessage(1, LogLevel.Information, "Job {Id} started; photos: {Photos}.")]
    private partial void LogStarted(string id, int photos);

    [LoggerMessage(2, LogLevel.Information, "Job {Id}: {State}.")]
    private partial void LogEnded(string id, JobState state);

    [LoggerMessage(4, LogLevel.Warning, "Files of job {Id} could not be removed.")]
    private partial void LogLeft(string id, Exception exception);

    [LoggerMessage(3, LogLevel.Error, "Job {Id} failed unexpectedly.")]
    private partial void LogFailed(string id, Exception exception);

    private sealed class JobProgress(Job job) : IProgress<PipelineProgress>
    {
        public void Report(PipelineProgress value) => job.Report(value);
    }
}
