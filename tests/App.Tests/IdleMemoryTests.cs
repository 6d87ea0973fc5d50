using System.Net;

namespace MeshFromFaces.App.Tests;

/// <summary>What a server holds that has nothing to do.</summary>
public sealed class IdleMemoryTests : IDisposable
{
    // The map of the last atlas stays, some 60 MB at this size, for the next job mostly wants the same.
    private const long Allowed = 150_000_000;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Some_seconds_after_a_job_its_memory_is_given_back()
    {
        if (!OperatingSystem.IsLinux())
        {
            return; // Other systems take it from whom they like; the figure would say nothing.
        }
        using var server = await ServerProcess.StartAsync(_folder["data"]);
        Assert.Equal(HttpStatusCode.OK, (await server.Client.GetAsync("/v1/model")).StatusCode); // Waits for the model.
        long before = server.Resident;
        var job = await (Capture.Number(4) with { Options = """{"textureSize": 2048}""" }).RunAsync(server.Client);
        Assert.Equal("succeeded", job.GetProperty("state").GetString());

        using var patience = new CancellationTokenSource(Executable.Patience);
        while (server.Resident > before + Allowed)
        {
            Assert.False(patience.IsCancellationRequested, $"{before / 1e6:0} MB before, {server.Resident / 1e6:0} MB now.");
            await Task.Delay(500);
        }
    }
}
