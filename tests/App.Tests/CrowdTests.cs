using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using Xunit.Abstractions;

namespace MeshFromFaces.App.Tests;

/// <summary>Many clients at one server at once.</summary>
public sealed class CrowdTests(ITestOutputHelper output) : IDisposable
{
    private const int Seed = 71;
    private const int Kinds = 5;

    // What a server may take beside what it took for one client: the crowd's requests wait on the disk, not in memory.
    private const long CrowdBytes = 400 << 20;

    private static readonly int Clients = Soak.IsFull ? 32 : 8;
    private static readonly TimeSpan Time = Soak.IsFull ? TimeSpan.FromMinutes(2) : TimeSpan.FromSeconds(8);

    private readonly TemporaryFolder _folder = new();
    private readonly SortedDictionary<string, string>[] _right = new SortedDictionary<string, string>[Kinds];
    private int _succeeded, _full, _tooLarge;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Nobodys_result_is_lost_or_anothers_and_every_refusal_has_its_reason()
    {
        // Half of the clients find a place in the queue.
        string limits = _folder.Write("limits.json", Encoding.UTF8.GetBytes($"{{\"queuedJobs\": {Clients / 2}}}"));
        using var server = await ServerProcess.StartAsync(_folder["data"], "--limits", limits);
        for (int kind = 0; kind < Kinds; kind++)
        {
            _right[kind] = await Results.OfAsync(server.Client, await Capture.Number(kind).RunAsync(server.Client));
        }
        long before = PeakBytes(server);

        var end = DateTime.UtcNow + Time;
        await Task.WhenAll(Enumerable.Range(0, Clients).Select(client => Task.Run(() => UseAsync(client, server.Client, end))));

        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{Clients} clients, {Time.TotalSeconds} s: {_succeeded} results, all right; {_full} times 429, {_tooLarge} times 413; peak RSS {PeakBytes(server) >> 20} MB, {before >> 20} MB before the crowd came."));
        Assert.InRange(_full, 1, int.MaxValue);
        Assert.InRange(PeakBytes(server), 0, before + CrowdBytes);
        Assert.Equal(0, await server.StopAsync());
    }

    // Posts one capture after the other, each under names of its own or under those that others use too.
    private async Task UseAsync(int client, HttpClient server, DateTime end)
    {
        var random = new Random(Seed + client);
        // On a busy machine it takes longer until as many results were seen as there are clients.
        for (int number = 0; DateTime.UtcNow < end || Volatile.Read(ref _succeeded) < Clients; number++)
        {
            if (random.Next(10) == 0)
            {
                using var many = await TestServer.PostAsync(server, Enumerable.Repeat(("one.jpg", new byte[10]), 65));
                // At the door, before it is known how large the request is, there may be no place for it either.
                bool full = many.StatusCode == HttpStatusCode.TooManyRequests;
                Assert.NotEmpty(await TestServer.ProblemAsync(full ? HttpStatusCode.TooManyRequests : HttpStatusCode.RequestEntityTooLarge, many));
                await Task.Delay(random.Next(10, 200));
                Interlocked.Increment(ref (full ? ref _full : ref _tooLarge));
                continue;
            }
            int kind = random.Next(Kinds);
            var capture = Capture.Number(kind);
            bool own = random.Next(4) > 0;
            if (own)
            {
                capture = capture with { Photos = [.. capture.Photos.Select((photo, view) => (string.Create(CultureInfo.InvariantCulture, $"c{client}-{number}-{view}.jpg"), photo.Bytes))] };
            }
            using var answer = await capture.PostAsync(server);
            if (answer.StatusCode == HttpStatusCode.TooManyRequests)
            {
                Assert.NotEmpty(await TestServer.ProblemAsync(HttpStatusCode.TooManyRequests, answer));
                Assert.True(answer.Headers.RetryAfter?.Delta > TimeSpan.Zero);
                Interlocked.Increment(ref _full);
                await Task.Delay(random.Next(10, 200));
                continue;
            }
            Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
            var job = random.Next(2) == 0 ? await TestServer.EndOfAsync(server, answer) : (await EventStream.AllAsync(server, answer.Headers.Location!))[^1];
            await AssertRightAsync(server, job, capture, _right[kind], own);
            Interlocked.Increment(ref _succeeded);
            if (random.Next(2) == 0)
            {
                Assert.Equal(HttpStatusCode.NoContent, (await server.DeleteAsync(Results.AddressOf(job))).StatusCode);
            }
        }
    }

    // The pictures are those of the photos, the names those of this request.
    private static async Task AssertRightAsync(HttpClient server, JsonElement job, Capture capture, SortedDictionary<string, string> right, bool own)
    {
        var files = await Results.OfAsync(server, job);
        Assert.Equal(right.Keys, files.Keys);
        bool HasNames(string file) => file is "face.glb" or "landmarks.json";
        Assert.All(files.Where(file => !own || !HasNames(file.Key)), file => Assert.Equal(right[file.Key], file.Value));

        using var landmarks = JsonDocument.Parse(await server.GetByteArrayAsync($"{Results.AddressOf(job)}/files/landmarks.json"));
        string[] names = [.. capture.Photos.Select(photo => photo.Name)];
        Assert.Equal(names, landmarks.RootElement.EnumerateArray().Select(view => view.GetProperty("image").GetString()));
        string glb = Encoding.Latin1.GetString(await server.GetByteArrayAsync($"{Results.AddressOf(job)}/files/face.glb"));
        Assert.All(names, (name, view) => Assert.Contains($"View {view + 1}: {name}", glb, StringComparison.Ordinal));
    }

    // The largest resident set that the process ever had.
    private static long PeakBytes(ServerProcess server)
    {
        server.Process.Refresh();
        return server.Process.PeakWorkingSet64;
    }
}
