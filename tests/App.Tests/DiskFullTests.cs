using System.Net;
using System.Text.Json;

namespace MeshFromFaces.App.Tests;

/// <summary>The jobs' folder on a file system of a few megabytes.</summary>
public sealed class DiskFullTests : IDisposable
{
    private const long DiskBytes = 6 << 20;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [TmpfsFact]
    public async Task A_full_disk_is_named_harms_no_result_and_when_there_is_room_again_work_goes_on()
    {
        string data = _folder["data"], jobs = Path.Combine(data, "jobs");
        Directory.CreateDirectory(jobs);
        var process = Executable.Start(["serve", "--data", data], under: TmpfsFactAttribute.Mount(jobs, DiskBytes));
        using var server = await ServerProcess.FollowAsync(process, data);
        var client = server.Client;

        // Jobs until one finds no room for its result: it says so, and whatever was there before is as it was.
        var results = new List<(JsonElement Job, SortedDictionary<string, string> Files)>();
        JsonElement last;
        while ((last = await Capture.Number(results.Count).RunAsync(client)).GetProperty("state").GetString() == "succeeded")
        {
            results.Add((last, await Results.OfAsync(client, last)));
            Assert.InRange(results.Count, 1, 100);
        }
        Assert.NotEmpty(results);
        Assert.Equal("failed", last.GetProperty("state").GetString());
        Assert.Contains("disk", last.GetProperty("error").GetString(), StringComparison.Ordinal);
        Assert.Contains("full", last.GetProperty("error").GetString(), StringComparison.Ordinal);

        // Photos that do not fit are refused at once, however they come, and leave nothing.
        byte[] portrait = await File.ReadAllBytesAsync(Repository.Portrait);
        for (int attempt = 0; attempt < 3; attempt++)
        {
            using var refused = await TestServer.PostAsync(client, Enumerable.Range(0, 8).Select(photo => ($"{photo}.png", portrait)));
            string problem = await TestServer.ProblemAsync(HttpStatusCode.InsufficientStorage, refused);
            Assert.Contains("full", problem, StringComparison.Ordinal);
            Assert.Contains("Free some space", problem, StringComparison.Ordinal);
        }
        var known = await Results.AllAsync(client);
        Assert.Equal(results.Count + 1, known.Length);
        Assert.Equal(known.Length, Directory.GetDirectories($"/proc/{process.Id}/root{jobs}").Length);
        await AssertIntactAsync(client, results);

        // A client makes room.
        Assert.Equal(HttpStatusCode.NoContent, (await client.DeleteAsync(Results.AddressOf(results[0].Job))).StatusCode);
        var again = await Capture.Number(0).RunAsync(client);
        Assert.Equal(results[0].Files, await Results.OfAsync(client, again));
        await AssertIntactAsync(client, results[1..]);
        Assert.Equal(0, await server.StopAsync());
    }

    private static async Task AssertIntactAsync(HttpClient client, IEnumerable<(JsonElement Job, SortedDictionary<string, string> Files)> results)
    {
        foreach (var (job, files) in results)
        {
            Assert.Equal(files, await Results.OfAsync(client, job));
        }
    }
}
