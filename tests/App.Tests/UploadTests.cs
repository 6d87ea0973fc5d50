using System.Net;
using System.Text;

namespace MeshFromFaces.App.Tests;

/// <summary>Requests that are being received are bounded in number and in bytes, and give back what they held.</summary>
public sealed class UploadTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string JobsFolder => _folder["data/jobs"];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("""{"uploads": 1}""", "1 requests are being received")]
    [InlineData("""{"queuedJobs": 1}""", "1 jobs are waiting")]
    [InlineData("""{"uploadBytes": 300000}""", "300,000 bytes together")]
    public async Task Past_a_bound_a_request_is_refused_with_the_reason_until_another_ends(string limits, string reason)
    {
        using var server = await StartAsync(limits);
        byte[] photo = await File.ReadAllBytesAsync(Repository.Portrait);
        photo = photo[..200_000];
        using (var upload = new HeldUpload(server.Client, bytes: 200_000))
        {
            await upload.ReceivedAsync(JobsFolder);
            using var refused = await TestServer.PostAsync(server.Client, [("me.png", photo)]);
            Assert.Contains(reason, await TestServer.ProblemAsync(HttpStatusCode.TooManyRequests, refused), StringComparison.Ordinal);
            Assert.True(refused.Headers.RetryAfter?.Delta > TimeSpan.Zero);
            Assert.Single(Directory.GetDirectories(JobsFolder));
        }

        // Cut off, it is as if it had not been, as soon as the server knows.
        using var patience = new CancellationTokenSource(Executable.Patience);
        while (Directory.GetDirectories(JobsFolder).Length > 0)
        {
            await Task.Delay(20, patience.Token);
        }
        using var accepted = await TestServer.PostAsync(server.Client, [("me.png", photo)]);
        Assert.Equal(HttpStatusCode.Accepted, accepted.StatusCode);
    }

    [Fact]
    public async Task A_request_that_fails_gives_its_place_back()
    {
        using var server = await StartAsync("""{"uploads": 1, "queuedJobs": 1}""");
        for (int attempt = 0; attempt < 3; attempt++)
        {
            using var refused = await TestServer.PostAsync(server.Client, Capture.Number(0).Photos, "{");
            await TestServer.ProblemAsync(HttpStatusCode.BadRequest, refused);
        }
        Assert.Equal("succeeded", (await Capture.Number(0).RunAsync(server.Client)).GetProperty("state").GetString());
    }

    // Held uploads are not what a slow client is let go for.
    private Task<ServerProcess> StartAsync(string limits) => ServerProcess.StartAsync(_folder["data"], "--limits",
        _folder.Write("limits.json", Encoding.UTF8.GetBytes(limits[..^1] + """, "patienceSeconds": 600, "bytesPerSecond": 1}""")));
}
