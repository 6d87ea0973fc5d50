using MeshFromFaces.Core;
using MeshFromFaces.Server.Api;
using MeshFromFaces.Server.Cli;

namespace MeshFromFaces.Server.Jobs;

/// <summary>Runs the jobs, one at a time, in the order they came: one job already uses every core.</summary>
internal sealed partial class JobWorker(JobStore jobs, ModelHost model, IHostApplicationLifetime lifetime, ILogger<JobWorker> log) : BackgroundService
{
    // Of the time a stopping server has: for the job at work to be finished. The rest is for it to notice that it was not.
    private static readonly TimeSpan Grace = CommandLine.StopTimeout * 0.6;

    // Without a job: what they have used is not needed soon.
    private static readonly TimeSpan Quiet = TimeSpan.FromSeconds(5);

    /// <summary>Ends when the job at work has ended, whatever the host's patience: the model must not be freed under it.</summary>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        await (ExecuteTask ?? Task.CompletedTask).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var stopping = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken, lifetime.ApplicationStopping);
        try
        {
            if (await PipelineAsync(stopping.Token) is { } pipeline)
            {
                while (!stopping.IsCancellationRequested)
                {
                    var job = await NextAsync(stopping.Token);
                    stopping.Token.ThrowIfCancellationRequested();
                    Run(job, pipeline, stopping.Token);
                    jobs.Prune();
                }
            }
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // What waits, waits on the disk for the next server.
        }
    }

    private async Task<Job> NextAsync(CancellationToken stopping)
    {
        var next = jobs.Queue.ReadAsync(stopping).AsTask();
        var quiet = Task.Delay(Quiet, stopping);
        if (await Task.WhenAny(next, quiet) == quiet && quiet.IsCompletedSuccessfully)
        {
            SpareMemory.GiveBack();
        }
        return await next;
    }

    // A server that cannot listen, or has no model, begins no job: they wait for one that can.
    private async Task<FacePipeline?> PipelineAsync(CancellationToken stopping)
    {
        using var started = CancellationTokenSource.CreateLinkedTokenSource(stopping, lifetime.ApplicationStarted);
        await Task.Delay(Timeout.InfiniteTimeSpan, started.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        try
        {
            return await model.ReadyAsync(stopping);
        }
        catch (RequestException)
        {
            return null; // The model's host has said why.
        }
    }

    private void Run(Job job, FacePipeline pipeline, CancellationToken stopping)
    {
        if (!job.TryStart())
        {
            return;
        }
        LogStarted(job.Id, job.PhotoCount);
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(job.Cancellation);
        using var grace = stopping.Register(() => ending.CancelAfter(Grace));
        try
        {
            job.KeepState();
            Work(job, pipeline, ending.Token);
        }
        catch (OperationCanceledException) when (ending.IsCancellationRequested)
        {
            if (!job.Cancellation.IsCancellationRequested)
            {
                LogRequeued(job.Id);
                Keep(job, job.Requeue);
                return;
            }
        }
        catch (InputException e)
        {
            Keep(job, () => job.Fail(e.Message));
        }
        catch (IOException e) when (DiskFull.Is(e))
        {
            Keep(job, () => job.Fail(DiskFull.Message));
        }
        catch (Exception e)
        {
            LogFailed(job.Id, e);
            Keep(job, () => job.Fail("Something failed in the server, not in the photos; its log says what."));
        }
        LogEnded(job.Id, job.Record.State);
        if (job.Record.State == JobState.Cancelled)
        {
            Keep(job, job.Remove);
        }
    }

    private void Work(Job job, FacePipeline pipeline, CancellationToken cancellation)
    {
        var photos = job.ReadInputs();
        string key = ResultKey.Of(photos, job.Options, pipeline);
        if (jobs.FindResult(key) is { } same && job.TrySucceed(key, same.Record.Skipped, part => same.CopyOutputs(part, cancellation)))
        {
            LogAnswered(job.Id, same.Id);
            return;
        }
        var face = pipeline.Build(photos, job.Options, new JobProgress(job), cancellation);
        job.TrySucceed(key, face.Skipped, part => FaceFiles.Write(face, part, cancellation: cancellation));
    }

    // A disk that takes no more is no reason to stop serving. What is kept of the job then is older than what clients are
    // told, and the next server does it again or removes it.
    private void Keep(Job job, Action change)
    {
        try
        {
            change();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            LogNotKept(job.Id, e);
        }
    }

    [LoggerMessage(1, LogLevel.Information, "Job {Id} started; photos: {Photos}.")]
    private partial void LogStarted(string id, int photos);

    [LoggerMessage(2, LogLevel.Information, "Job {Id}: {State}.")]
    private partial void LogEnded(string id, JobState state);

    [LoggerMessage(3, LogLevel.Error, "Job {Id} failed unexpectedly.")]
    private partial void LogFailed(string id, Exception exception);

    [LoggerMessage(4, LogLevel.Warning, "The end of job {Id} could not be written to the disk.")]
    private partial void LogNotKept(string id, Exception exception);

    [LoggerMessage(5, LogLevel.Information, "Job {Id} is not done in time; it runs again when a server is there again.")]
    private partial void LogRequeued(string id);

    [LoggerMessage(6, LogLevel.Information, "Job {Id} is answered with the result of job {Same}.")]
    private partial void LogAnswered(string id, string same);

    private sealed class JobProgress(Job job) : IProgress<PipelineProgress>
    {
        public void Report(PipelineProgress value) => job.Report(value);
    }
}
