using System.Net;
using MeshFromFaces.Server.Api;

namespace MeshFromFaces.App.Tests;

/// <summary>When a server that nobody uses stops: measured by a clock of the test's own.</summary>
public sealed class IdleExitTests : IAsyncLifetime
{
    // Longer than the server takes to look at the clock again.
    private static readonly TimeSpan Moment = TimeSpan.FromSeconds(3);

    private readonly ManualClock _clock = new();
    private readonly TestServer _server;

    public IdleExitTests() => _server = new TestServer(new ServerSettings { IdleExit = TimeSpan.FromMinutes(10), Clock = _clock });

    public Task InitializeAsync() => _server.InitializeAsync();

    public Task DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Calls_and_jobs_put_it_off_and_without_them_it_comes()
    {
        for (int call = 0; call < 3; call++)
        {
            _clock.Advance(TimeSpan.FromMinutes(9));
            await Task.Delay(Moment);
            Assert.False(_server.Stopping.IsCancellationRequested);
            Assert.Equal(HttpStatusCode.OK, (await _server.Client.GetAsync("/health")).StatusCode);
        }

        // Work for longer than a moment.
        var jobs = new List<Uri>();
        for (int job = 0; job < 3; job++)
        {
            using var accepted = await _server.PostPortraitAsync("""{"textureSize": 8192}""");
            jobs.Add(accepted.Headers.Location!);
        }
        _clock.Advance(TimeSpan.FromHours(1));
        await Task.Delay(Moment);
        Assert.False(_server.Stopping.IsCancellationRequested);
        foreach (var job in jobs)
        {
            Assert.Equal(HttpStatusCode.NoContent, (await _server.Client.DeleteAsync(job)).StatusCode);
        }

        _clock.Advance(TimeSpan.FromMinutes(11));
        using var patience = new CancellationTokenSource(Executable.Patience);
        while (!_server.Stopping.IsCancellationRequested)
        {
            await Task.Delay(100, patience.Token);
        }
    }

    private sealed class ManualClock : TimeProvider
    {
        private long _now;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Interlocked.Read(ref _now);

        public void Advance(TimeSpan time) => Interlocked.Add(ref _now, time.Ticks);
    }
}
