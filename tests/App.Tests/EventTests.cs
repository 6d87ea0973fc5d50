using System.Net;
using System.Text.Json;

namespace MeshFromFaces.App.Tests;

/// <summary>GET /v1/jobs/{id}/events.</summary>
public sealed class EventTests(TestServer server) : IClassFixture<TestServer>
{
    private static readonly string[] Stages =
        ["Reading photos", "Finding faces", "Fitting the face", "Unwrapping photos", "Filling the texture", "Writing the mesh"];

    [Fact]
    public async Task Each_change_of_a_job_is_told_from_waiting_to_its_end_and_polling_says_the_same()
    {
        using var before = await server.PostAsync(Capture.Long(0).Photos, """{"textureSize": 4096}""");
        using var accepted = await server.PostPortraitAsync("""{"textureSize": 1024}""");
        var following = EventStream.AllAsync(server.Client, accepted.Headers.Location!);
        await Task.WhenAny(following, Task.Delay(500));
        Assert.Equal(HttpStatusCode.NoContent, (await server.Client.DeleteAsync(before.Headers.Location)).StatusCode);

        var records = await following;

        Assert.Equal(await accepted.Content.ReadAsStringAsync(), records[0].ToString());
        Assert.Equal(await server.Client.GetStringAsync(accepted.Headers.Location), records[^1].ToString());
        Assert.Equal("succeeded", records[^1].GetProperty("state").GetString());
        double[] progress = [.. records.Select(record => record.GetProperty("progress").GetDouble())];
        Assert.Equal(progress.Order(), progress);
        Assert.Equal(1, progress[^1]);
        Assert.Equal(Stages, records.Select(record => record.GetProperty("stage").GetString()).OfType<string>().Distinct());
        // No message without a change.
        Assert.All(records.Zip(records.Skip(1)), pair => Assert.NotEqual(pair.First.ToString(), pair.Second.ToString()));

        // Who comes late hears the end alone.
        var late = await EventStream.AllAsync(server.Client, accepted.Headers.Location!);
        Assert.Equal(records[^1].ToString(), Assert.Single(late).ToString());
    }

    [Fact]
    public async Task Whoever_follows_a_job_that_is_deleted_hears_that_it_was_cancelled()
    {
        using var running = await server.PostAsync(Capture.Long(0).Photos, """{"textureSize": 4096}""");
        using var waiting = await server.PostPortraitAsync("""{"textureSize": 1024}""");
        foreach (var job in (HttpResponseMessage[])[waiting, running])
        {
            var following = EventStream.AllAsync(server.Client, job.Headers.Location!);
            await Task.WhenAny(following, Task.Delay(500));
            Assert.Equal(HttpStatusCode.NoContent, (await server.Client.DeleteAsync(job.Headers.Location)).StatusCode);
            Assert.Equal("cancelled", (await following)[^1].GetProperty("state").GetString());
        }
    }

    [Fact]
    public async Task A_failed_job_tells_why()
    {
        using var accepted = await server.PostAsync([("ramp.jpg", TestPhotos.NoFace)]);
        var records = await EventStream.AllAsync(server.Client, accepted.Headers.Location!);
        Assert.Equal("failed", records[^1].GetProperty("state").GetString());
        Assert.Contains("ramp.jpg", records[^1].GetProperty("error").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_unknown_job_has_no_events()
    {
        using var answer = await server.Client.GetAsync("/v1/jobs/0123/events");
        Assert.Contains("no job", await TestServer.ProblemAsync(HttpStatusCode.NotFound, answer), StringComparison.Ordinal);
    }
}
