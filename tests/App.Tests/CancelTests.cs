using System.Net;
using System.Text.Json;

namespace MeshFromFaces.App.Tests;

/// <summary>DELETE of a job at work: it ends inside whatever stage it is in, its files go, and no other job notices.</summary>
public sealed class CancelTests(TestServer server) : IClassFixture<TestServer>
{
    [Theory]
    [InlineData("Reading photos")]
    [InlineData("Finding faces")]
    [InlineData("Fitting the face")]
    [InlineData("Unwrapping photos")]
    [InlineData("Filling the texture")]
    [InlineData("Writing the mesh")]
    public async Task A_job_that_is_cancelled_in_any_stage_frees_its_files_and_no_other_is_touched(string stage)
    {
        var client = server.Client;
        var other = await Capture.Number(0).RunAsync(client);
        var files = await Results.OfAsync(client, other);

        // It waits behind a long job until it is followed, that no stage of it is missed.
        using var before = await Capture.Long(0).PostAsync(client);
        using var accepted = await server.PostAsync(Capture.Number(4).Photos.Select(photo => ($"{stage} {photo.Name}", photo.Bytes)), """{"textureSize": 4096}""");
        using (var answer = await client.GetAsync($"{accepted.Headers.Location}/events", HttpCompletionOption.ResponseHeadersRead))
        using (var events = new StreamReader(await answer.Content.ReadAsStreamAsync()))
        {
            Assert.Equal("event: job", await events.ReadLineAsync());
            Assert.Equal(HttpStatusCode.NoContent, (await client.DeleteAsync(before.Headers.Location)).StatusCode);
            while (await events.ReadLineAsync() is { } line && !line.Contains($"\"stage\":\"{stage}\"", StringComparison.Ordinal))
            {
                Assert.DoesNotContain("succeeded", line, StringComparison.Ordinal);
            }
        }
        using var behind = await Capture.Number(2).PostAsync(client);
        Assert.Equal(HttpStatusCode.NoContent, (await client.DeleteAsync(accepted.Headers.Location)).StatusCode);

        Assert.Equal("succeeded", (await server.EndOfAsync(behind)).GetProperty("state").GetString());
        Assert.False(Directory.Exists(Path.Combine(server.Settings.DataFolder, "jobs", accepted.Headers.Location!.OriginalString.Split('/')[^1])));
        Assert.Equal(files, await Results.OfAsync(client, other));
        foreach (var job in await Results.AllAsync(client))
        {
            Assert.Equal(HttpStatusCode.NoContent, (await client.DeleteAsync(Results.AddressOf(job))).StatusCode);
        }
    }
}
