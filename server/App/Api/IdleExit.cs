using MeshFromFaces.Server.Jobs;

namespace MeshFromFaces.Server.Api;

/// <summary>Stops a server, in good order, that nobody has used for a while: no call and no job that waits or runs.</summary>
internal sealed partial class IdleExit(
    TimeSpan after, JobStore jobs, IHostApplicationLifetime lifetime, TimeProvider clock, ILogger<IdleExit> log) : BackgroundService
{
    private long _lastUse = clock.GetTimestamp();
    private int _calls;

    /// <summary>A call counts from its first byte to its last: a client that follows a job's events is there all the time.</summary>
    public async Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        Interlocked.Increment(ref _calls);
        try
        {
            await next(context);
        }
        finally
        {
            Volatile.Write(ref _lastUse, clock.GetTimestamp());
            Interlocked.Decrement(ref _calls);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(1));
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            if (Volatile.Read(ref _calls) > 0 || jobs.Records.Any(job => job.State is JobState.Queued or JobState.Running))
            {
                Volatile.Write(ref _lastUse, clock.GetTimestamp());
            }
            else if (clock.GetElapsedTime(Volatile.Read(ref _lastUse)) >= after)
            {
                LogIdle(after.TotalMinutes);
                lifetime.StopApplication();
                return;
            }
        }
    }

    [LoggerMessage(1, LogLevel.Information, "Nothing to do for {Minutes} minutes: the server stops.")]
    private partial void LogIdle(double minutes);
}
