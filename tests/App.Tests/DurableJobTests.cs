using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace MeshFromFaces.App.Tests;

/// <summary>What the next server makes of what the last one left: finished, waiting, cut off, deleted, old and broken jobs.</summary>
public sealed class DurableJobTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string Data => _folder["data"];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task After_a_kill_what_was_done_is_there_and_what_was_accepted_is_done()
    {
        JsonElement done;
        SortedDictionary<string, string> files;
        Uri?[] waiting;
        using (var server = await ServerProcess.StartAsync(Data))
        {
            done = await Capture.Number(0).RunAsync(server.Client);
            files = await Results.OfAsync(server.Client, done);
            waiting = [await AcceptAsync(server, Capture.Number(1)), await AcceptAsync(server, Capture.Number(2))];
        } // Killed.

        using var next = await ServerProcess.StartAsync(Data);
        Assert.Equal(done.ToString(), (await next.Client.GetFromJsonAsync<JsonElement>(Results.AddressOf(done))).ToString());
        Assert.Equal(files, await Results.OfAsync(next.Client, done));
        foreach (var job in waiting)
        {
            Assert.Equal("succeeded", (await EndAsync(next, job)).GetProperty("state").GetString());
        }
    }

    [Fact]
    public async Task A_deleted_job_stays_deleted_though_it_was_at_work()
    {
        Uri? job;
        using (var server = await ServerProcess.StartAsync(Data))
        {
            job = await AcceptAsync(server, Capture.Long(0));
            await WaitForAsync(server, job, "running");
            Assert.Equal(HttpStatusCode.NoContent, (await server.Client.DeleteAsync(job)).StatusCode);
        } // Killed, whether it had noticed or not.

        using var next = await ServerProcess.StartAsync(Data);
        Assert.Equal(HttpStatusCode.NotFound, (await next.Client.GetAsync(job)).StatusCode);
        Assert.Empty(Directory.GetDirectories(JobsFolder));
    }

    [Fact]
    public async Task Nothing_is_left_of_a_request_that_was_half_received()
    {
        using (var server = await ServerProcess.StartAsync(Data))
        {
            using var upload = new HeldUpload(server.Client, bytes: 100_000);
            await upload.ReceivedAsync(JobsFolder);
            Executable.Kill(server.Process);
        }

        using var next = await ServerProcess.StartAsync(Data);
        Assert.Empty(await Results.AllAsync(next.Client));
        Assert.Empty(Directory.GetDirectories(JobsFolder));
    }

    [Fact]
    public async Task A_server_that_stops_finishes_the_job_at_work_and_keeps_those_that_wait()
    {
        if (OperatingSystem.IsWindows())
        {
            return; // No signal asks a process of another console to stop.
        }
        Uri? atWork, waiting;
        using (var server = await ServerProcess.StartAsync(Data))
        {
            // The first job of a server is its slowest.
            await Capture.Number(2).RunAsync(server.Client);
            atWork = await AcceptAsync(server, Capture.Number(0));
            waiting = await AcceptAsync(server, Capture.Long(1));
            await WaitForAsync(server, atWork, "running", "succeeded");
            Assert.Equal(0, await server.StopAsync());
        }
        Assert.Equal("succeeded", StateOf(atWork)["record"]!["state"]!.GetValue<string>());
        Assert.Equal("queued", StateOf(waiting)["record"]!["state"]!.GetValue<string>());
        Assert.True(File.Exists(Path.Combine(FolderOf(waiting), "inputs", "00")));
    }

    [Fact]
    public async Task A_server_that_stops_gives_a_long_job_back_to_the_queue()
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }
        Uri? job;
        using (var server = await ServerProcess.StartAsync(Data))
        {
            job = await AcceptAsync(server, Capture.Long(0));
            await WaitForAsync(server, job, "running");
            Assert.Equal(0, await server.StopAsync());
        }
        var state = StateOf(job);
        Assert.Equal("queued", state["record"]!["state"]!.GetValue<string>());
        Assert.Equal(0, state["starts"]!.GetValue<int>()); // A stop in good order is not held against it.
        Assert.Equal(64, Directory.GetFiles(Path.Combine(FolderOf(job), "inputs")).Length);

        using var next = await ServerProcess.StartAsync(Data);
        await WaitForAsync(next, job, "running");
    }

    [Fact]
    public async Task A_server_without_a_model_fails_no_job_and_tells_of_it_all_the_while()
    {
        Uri? job;
        using (var server = await ServerProcess.StartAsync(Data))
        {
            job = await AcceptAsync(server, Capture.Number(0));
        } // Killed.

        using (var server = await ServerProcess.StartAsync(Data, "--model", _folder["no-model"]))
        {
            await WaitForAsync(server, job, "queued");
            // A quiet stream is kept alive by comments.
            using var events = new StreamReader(await server.Client.GetStreamAsync($"{job}/events"));
            Assert.Equal("event: job", await events.ReadLineAsync());
            Assert.StartsWith("data: {", await events.ReadLineAsync(), StringComparison.Ordinal);
            Assert.Equal("", await events.ReadLineAsync());
            Assert.Equal(": ", await events.ReadLineAsync());
        }

        using var next = await ServerProcess.StartAsync(Data);
        Assert.Equal("succeeded", (await EndAsync(next, job)).GetProperty("state").GetString());
    }

    [Fact]
    public async Task Old_results_go_by_age_and_by_size_and_what_waits_stays()
    {
        var jobs = new List<Uri?>();
        using (var server = await ServerProcess.StartAsync(Data))
        {
            for (int number = 0; number < 4; number++)
            {
                jobs.Add(await AcceptAsync(server, Capture.Number(number)));
                await EndAsync(server, jobs[^1]);
            }
            jobs.Add(await AcceptAsync(server, Capture.Long(4)));
        } // Killed.
        Change(jobs[0], record => record["endedAt"] = DateTimeOffset.UtcNow.AddDays(-3));
        Change(jobs[4], record => record["createdAt"] = DateTimeOffset.UtcNow.AddDays(-3));
        // A file of two gigabytes, of which the disk holds nothing.
        using (var file = new FileStream(Path.Combine(FolderOf(jobs[2]), "outputs", "face.glb"), FileMode.Open))
        {
            file.SetLength(2_000_000_000);
        }

        using (var server = await ServerProcess.StartAsync(Data, "--keep-days", "2", "--keep-gigabytes", "1"))
        {
            // The first is too old; the third too large together with the fourth, and the second is older still.
            bool[] exist = await ExistAsync(server, jobs);
            Assert.Equal([false, false, false, true, true], exist);
            Assert.Equal([jobs[3], jobs[4]], jobs.Where(job => Directory.Exists(FolderOf(job))));
        }
    }

    [Fact]
    public async Task Photos_at_which_ten_servers_ended_are_not_tried_again_and_hold_up_no_other()
    {
        Uri? bad, good;
        using (var server = await ServerProcess.StartAsync(Data))
        {
            bad = await AcceptAsync(server, Capture.Long(0));
            await WaitForAsync(server, bad, "running");
            good = await AcceptAsync(server, Capture.Number(1));
        } // Killed.
        Assert.Equal(1, StateOf(bad)["starts"]!.GetValue<int>());

        using (var server = await ServerProcess.StartAsync(Data))
        {
            // The one that was not begun yet comes first now.
            await EndAsync(server, good);
            string state = await StateAsync(server, bad);
            Assert.True(state is "queued" or "running", state);
        }
        var kept = StateOf(bad);
        kept["starts"] = 10;
        File.WriteAllText(Path.Combine(FolderOf(bad), "state.json"), kept.ToJsonString());

        using var next = await ServerProcess.StartAsync(Data);
        var failed = await EndAsync(next, bad);
        Assert.Equal("failed", failed.GetProperty("state").GetString());
        Assert.Contains("10 times", failed.GetProperty("error").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_folder_that_cannot_be_read_is_left_alone_and_the_others_are_served()
    {
        Uri? whole, broken;
        using (var server = await ServerProcess.StartAsync(Data))
        {
            whole = await AcceptAsync(server, Capture.Number(0));
            broken = await AcceptAsync(server, Capture.Number(1));
            await EndAsync(server, broken);
        }
        File.WriteAllText(Path.Combine(FolderOf(broken), "state.json"), "{\"record\":");

        using var next = await ServerProcess.StartAsync(Data);
        bool[] exist = await ExistAsync(next, [whole, broken]);
        Assert.Equal([true, false], exist);
        Assert.True(File.Exists(Path.Combine(FolderOf(broken), "outputs", "face.glb")));
        Assert.Equal(HttpStatusCode.NotFound, (await next.Client.GetAsync($"{broken}/files/face.glb")).StatusCode);
    }

    private string JobsFolder => Path.Combine(Data, "jobs");

    private string FolderOf(Uri? job) => Path.Combine(JobsFolder, job!.OriginalString.Split('/')[^1]);

    private JsonNode StateOf(Uri? job) => JsonNode.Parse(File.ReadAllText(Path.Combine(FolderOf(job), "state.json")))!;

    private void Change(Uri? job, Action<JsonNode> change)
    {
        var state = StateOf(job);
        change(state["record"]!);
        File.WriteAllText(Path.Combine(FolderOf(job), "state.json"), state.ToJsonString());
    }

    private static async Task<Uri?> AcceptAsync(ServerProcess server, Capture capture)
    {
        using var answer = await capture.PostAsync(server.Client);
        Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
        return answer.Headers.Location;
    }

    private static async Task<string> StateAsync(ServerProcess server, Uri? job) =>
        (await server.Client.GetFromJsonAsync<JsonElement>(job)).GetProperty("state").GetString()!;

    private static async Task WaitForAsync(ServerProcess server, Uri? job, params string[] states)
    {
        using var patience = new CancellationTokenSource(Executable.Patience);
        for (string state = ""; !states.Contains(state); state = await StateAsync(server, job))
        {
            await Task.Delay(20, patience.Token);
        }
    }

    private static async Task<JsonElement> EndAsync(ServerProcess server, Uri? job)
    {
        await WaitForAsync(server, job, "succeeded", "failed", "cancelled");
        return await server.Client.GetFromJsonAsync<JsonElement>(job);
    }

    private static async Task<bool[]> ExistAsync(ServerProcess server, IEnumerable<Uri?> jobs)
    {
        var exist = new List<bool>();
        foreach (var job in jobs)
        {
            exist.Add((await server.Client.GetAsync(job)).StatusCode == HttpStatusCode.OK);
        }
        return [.. exist];
    }
}
