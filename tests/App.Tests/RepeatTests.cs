using System.Text.Json;

namespace MeshFromFaces.App.Tests;

/// <summary>The same request again: the same bytes, from another server by work, from the same one by what is there.</summary>
public sealed class RepeatTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Two_servers_with_data_of_their_own_give_the_same_bytes()
    {
        var results = new List<SortedDictionary<string, string>[]>();
        foreach (string data in (string[])["one", "two"])
        {
            using var server = await ServerProcess.StartAsync(_folder[data]);
            // A single photo, several views, and larger textures that several threads share.
            Capture[] captures = [Capture.Number(0), Capture.Number(4), Capture.Number(4) with { Options = """{"textureSize": 1024, "layout": "dense"}""" }];
            var files = new List<SortedDictionary<string, string>>();
            foreach (var capture in captures)
            {
                files.Add(await Results.OfAsync(server.Client, await capture.RunAsync(server.Client)));
            }
            results.Add([.. files]);
        }
        Assert.Equal(results[0], results[1]);
        Assert.Equal(3, results[0].Select(files => files["face.glb"]).Distinct().Count());
    }

    [Fact]
    public async Task The_same_request_is_answered_from_what_is_there_and_any_other_is_not()
    {
        using var server = await ServerProcess.StartAsync(_folder["data"]);
        var client = server.Client;
        var capture = Capture.Number(0);
        var first = await capture.RunAsync(client);
        var files = await Results.OfAsync(client, first);

        // Behind a long job they wait, so that every stage of theirs is seen once it is gone.
        using var before = await Capture.Long(0).PostAsync(client);
        var (name, photo) = capture.Photos[0];
        Capture[] others =
        [
            capture,
            capture with { Options = """{"layout": "ibug68", "textureSize": 512, "topology": "mid"}""" },
            capture with { Photos = [("another.jpg", photo)] },
            capture with { Photos = [(name, Capture.Number(1).Photos[0].Bytes)] },
            capture with { Options = """{"textureSize": 1024}""" },
        ];
        var events = new List<Task<JsonElement[]>>();
        foreach (var other in others)
        {
            using var accepted = await other.PostAsync(client);
            events.Add(EventStream.AllAsync(client, accepted.Headers.Location!));
        }
        await Task.WhenAll(events.Select(task => Task.WhenAny(task, Task.Delay(200))));
        await client.DeleteAsync(before.Headers.Location);
        var followed = await Task.WhenAll(events);

        bool WasWorkedOn(JsonElement[] records) => records.Any(record => record.GetProperty("stage").ValueKind == JsonValueKind.String);
        Assert.Equal([false, false, true, true, true], followed.Select(WasWorkedOn));
        foreach (var same in followed[..2])
        {
            Assert.NotEqual(first.GetProperty("id").GetString(), same[^1].GetProperty("id").GetString());
            Assert.Equal(files, await Results.OfAsync(client, same[^1]));
        }
        Assert.All(followed[2..], other => Assert.Equal("succeeded", other[^1].GetProperty("state").GetString()));

        // Each has files of its own: without the first, the second answers; without any, the work is done again.
        foreach (var job in (JsonElement[])[first, followed[0][^1], followed[1][^1]])
        {
            Assert.Equal(files, await Results.OfAsync(client, await capture.RunAsync(client)));
            await client.DeleteAsync(Results.AddressOf(job));
        }
        foreach (var job in await Results.AllAsync(client))
        {
            await client.DeleteAsync(Results.AddressOf(job));
        }
        Assert.Equal(files, await Results.OfAsync(client, await capture.RunAsync(client)));
    }
}
