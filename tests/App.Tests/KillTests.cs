using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using MeshFromFaces.Server.Api;
using Xunit.Abstractions;

namespace MeshFromFaces.App.Tests;

/// <summary>
/// A server that is killed (-9) again and again, at moments that a seeded chance chooses, from its start on: while it posts,
/// runs, fetches and deletes, a client must never see a job lost or wrong.
/// </summary>
public sealed class KillTests(ITestOutputHelper output) : IDisposable
{
    private const int Seed = 20240521;

    private static readonly int Kills = Soak.IsFull ? 200 : 10;
    private static readonly int Captures = Soak.IsFull ? 20 : 5;

    private readonly TemporaryFolder _folder = new();
    private readonly Random _uploads = new(Seed);

    // By the first photo's name, as landmarks.json tells it: the result of a server that nobody disturbed.
    private readonly Dictionary<string, SortedDictionary<string, string>> _right = [];
    private readonly Capture[] _captures = [.. Enumerable.Range(0, Captures).Select(Capture.Number)];

    // What the client was told: jobs that were accepted, and the name of each one's first photo; jobs that were deleted.
    private readonly Dictionary<string, string> _accepted = [];
    private readonly HashSet<string> _deleted = [];

    // Jobs whose result was seen. One whose POST or DELETE was cut off may be there or not; if it is, it must be right too.
    private readonly HashSet<string> _checked = [];
    private int _done;

    private string Data => _folder["data"];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task No_job_is_lost_or_wrong_or_served_by_halves()
    {
        var life = await LearnAsync();
        var moments = new Random(Seed);
        int early = 0, idle = 0, atWork = 0, receiving = 0, publishing = 0;
        for (int kill = 0; kill < Kills; kill++)
        {
            using var process = Executable.Start(["serve", "--data", Data]);
            var use = UseAsync(process);
            await Task.Delay(life * (1.5 * moments.NextDouble()));
            bool listened = process.Id == (Handshake.Read(Data)?.Pid ?? 0);
            Executable.Kill(process);
            await process.WaitForExitAsync();
            Assert.Equal(OperatingSystem.IsWindows() ? -1 : 128 + 9, process.ExitCode); // It did not end by itself.
            await use;

            var (running, half, part) = Leftovers();
            early += listened ? 0 : 1;
            atWork += listened && running ? 1 : 0;
            idle += listened && !running ? 1 : 0;
            receiving += half ? 1 : 0;
            publishing += part ? 1 : 0;
        }
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{Kills} kills, seed {Seed}: {early} before the server listened, {atWork} with a job at work, {idle} else; {receiving} left a request half received, {publishing} a result half written. {_done} results were fetched and right on the way."));

        // Left in peace, it ends all that was accepted.
        using var server = await ServerProcess.StartAsync(Data);
        using var patience = new CancellationTokenSource(Executable.Patience);
        while ((await Results.AllAsync(server.Client)).Any(job => job.GetProperty("state").GetString() is "queued" or "running"))
        {
            await Task.Delay(100, patience.Token);
        }
        var jobs = await CheckAsync(server.Client);
        Assert.All(jobs, job => Assert.Contains(job.GetProperty("id").GetString()!, _checked));
        Assert.Equal(0, await server.StopAsync());
        foreach (string folder in Directory.GetDirectories(Path.Combine(Data, "jobs")))
        {
            Assert.Contains(Path.GetFileName(folder), _checked);
            Assert.Equal(["outputs", "request.json", "state.json"], Directory.GetFileSystemEntries(folder).Select(Path.GetFileName).Order());
        }
        Assert.Equal(jobs.Length, Directory.GetDirectories(Path.Combine(Data, "jobs")).Length);
    }

    // The right results, and how long a server takes from its start to its first result.
    private async Task<TimeSpan> LearnAsync()
    {
        var start = Stopwatch.StartNew();
        using var server = await ServerProcess.StartAsync(_folder["undisturbed"]);
        TimeSpan? life = null;
        foreach (var capture in _captures)
        {
            _right[capture.Photos[0].Name] = await Results.OfAsync(server.Client, await capture.RunAsync(server.Client));
            life ??= start.Elapsed;
        }
        Assert.Equal(Captures, _right.Values.Select(files => files["face.glb"]).Distinct().Count());
        return life!.Value;
    }

    // As long as the server lives.
    private async Task UseAsync(Process process)
    {
        if (await ServerProcess.ListeningAsync(process, Data) is not { } server)
        {
            return;
        }
        try
        {
            // Each life begins with the question whether all is there.
            await CheckAsync(server.Client);
            while (true)
            {
                await PostAsync(server.Client);
                var jobs = await CheckAsync(server.Client);
                if (_captures.All(capture => _accepted.ContainsValue(capture.Photos[0].Name)) && jobs.All(job => _checked.Contains(job.GetProperty("id").GetString()!)))
                {
                    await DeleteAsync(server.Client, jobs);
                }
            }
        }
        catch (Exception e) when (e is HttpRequestException { StatusCode: null } or IOException)
        {
            // The connection broke: it was killed, or else its exit code will tell.
        }
        finally
        {
            server.Client.Dispose();
        }
    }

    // One capture that has no job yet; now and then slowly, that a kill can find it half received.
    private async Task PostAsync(HttpClient server)
    {
        if (_captures.FirstOrDefault(capture => !_accepted.ContainsValue(capture.Photos[0].Name)) is not { } capture)
        {
            return;
        }
        using var form = new MultipartFormDataContent { { new StringContent(capture.Options), "options" } };
        bool slowly = _uploads.Next(3) == 0;
        foreach (var (name, bytes) in capture.Photos)
        {
            form.Add(new StreamContent(slowly ? new SlowStream(bytes) : new MemoryStream(bytes), 1 << 12), "images", name);
        }
        using var answer = await server.PostAsync("/v1/jobs", form);
        Assert.True(answer.StatusCode is HttpStatusCode.Accepted or HttpStatusCode.TooManyRequests, answer.StatusCode.ToString());
        if (answer.StatusCode == HttpStatusCode.Accepted)
        {
            var job = await answer.Content.ReadFromJsonAsync<JsonElement>();
            _accepted[job.GetProperty("id").GetString()!] = capture.Photos[0].Name;
        }
    }

    private async Task DeleteAsync(HttpClient server, JsonElement[] jobs)
    {
        foreach (var job in jobs)
        {
            string id = job.GetProperty("id").GetString()!;
            _accepted.Remove(id);
            Assert.Equal(HttpStatusCode.NoContent, (await server.DeleteAsync(Results.AddressOf(job))).StatusCode);
            _deleted.Add(id);
        }
    }

    // Every job that was accepted is there and no deleted one is; every result is right, whole, and stays so.
    private async Task<JsonElement[]> CheckAsync(HttpClient server)
    {
        var jobs = await Results.AllAsync(server);
        var ids = jobs.Select(job => job.GetProperty("id").GetString()!).ToHashSet();
        Assert.Empty(_accepted.Keys.Except(ids).Select(id => $"{id} ({_accepted[id]}) is lost"));
        Assert.Empty(_deleted.Intersect(ids).Select(id => $"{id} is back"));
        foreach (var job in jobs)
        {
            string id = job.GetProperty("id").GetString()!, state = job.GetProperty("state").GetString()!;
            Assert.True(state is "queued" or "running" or "succeeded", $"{id} {state}: {job}");
            Assert.True(state == "succeeded" || !_checked.Contains(id), $"{id} was done and is {state} now");
            if (state == "succeeded" && !_checked.Contains(id))
            {
                var landmarks = await server.GetFromJsonAsync<JsonElement>($"{Results.AddressOf(job)}/files/landmarks.json");
                string photo = landmarks[0].GetProperty("image").GetString()!;
                Assert.True(!_accepted.TryGetValue(id, out string? asked) || asked == photo, $"{id} is {photo}, asked for was {asked}");
                Assert.Equal(_right[photo], await Results.OfAsync(server, job));
                _checked.Add(id);
                _done++;
            }
        }
        return jobs;
    }

    // What the disk holds after a kill: a job at work, a request half received, a result half written.
    private (bool Running, bool Half, bool Part) Leftovers()
    {
        if (!Directory.Exists(Path.Combine(Data, "jobs")))
        {
            return default;
        }
        string[] folders = Directory.GetDirectories(Path.Combine(Data, "jobs"));
        bool IsRunning(string folder) => File.Exists(Path.Combine(folder, "request.json"))
            && JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "state.json"), Encoding.UTF8)).RootElement.GetProperty("record").GetProperty("state").GetString() == "running";
        return (folders.Any(IsRunning), folders.Any(folder => !File.Exists(Path.Combine(folder, "request.json"))), folders.Any(folder => Directory.Exists(Path.Combine(folder, "outputs.part"))));
    }

    private sealed class SlowStream(byte[] bytes) : MemoryStream(bytes)
    {
        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            await Task.Delay(20, cancellationToken);
            return await base.ReadAsync(buffer, cancellationToken);
        }

        public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

        public override async Task CopyToAsync(Stream destination, int bufferSize, CancellationToken cancellationToken)
        {
            var buffer = new byte[bufferSize];
            for (int read; (read = await ReadAsync(buffer, cancellationToken)) > 0;)
            {
                await destination.WriteAsync(buffer.AsMemory(0, read), cancellationToken);
                await destination.FlushAsync(cancellationToken);
            }
        }
    }
}
