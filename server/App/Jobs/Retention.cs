namespace MeshFromFaces.Server.Jobs;

/// <summary>Removes results that have grown too old while no job ends; after each job the worker sees to it.</summary>
internal sealed class Retention(JobStore jobs) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromHours(1));
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            jobs.Prune();
        }
    }
}
