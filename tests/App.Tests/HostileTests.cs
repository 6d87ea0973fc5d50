using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace MeshFromFaces.App.Tests;

/// <summary>A server under fire: whatever comes in at its port, it answers in good order, lives, and forgets.</summary>
public sealed partial class HostileTests : IDisposable
{
    private const int AtATime = 8;

    private readonly TemporaryFolder _folder = new();

    /// <summary>MFF_SOAK=1 multiplies the requests.</summary>
    private static int Requests => Environment.GetEnvironmentVariable("MFF_SOAK") == "1" ? 6000 : 600;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Hostile_requests_crash_nothing_hang_nothing_and_leave_no_memory_behind()
    {
        string limits = _folder.Write("limits.json", """{"patienceSeconds": 2, "bytesPerSecond": 2000, "bodyBytes": 4000000, "fileBytes": 1000000, "queuedJobs": 10000}"""u8.ToArray());
        using var server = await ServerProcess.StartAsync(_folder["data"], "--limits", limits);
        await AssertItWorksAsync(server);
        await Task.Delay(TimeSpan.FromSeconds(8)); // What the job needed is given back.
        long before = server.Resident;

        var hostile = new HostileRequests(seed: 20261123, server.Client.BaseAddress!, server.Handshake.GetProperty("token").GetString()!);
        var answers = new ConcurrentDictionary<(string Kind, int Status), int>();
        var faults = new ConcurrentQueue<string>();
        await Parallel.ForEachAsync(hostile.Take(Requests).ToArray(), new ParallelOptions { MaxDegreeOfParallelism = AtATime }, async (request, _) =>
        {
            try
            {
                int status = await SendAsync(server, request);
                answers.AddOrUpdate((request.Kind, status), 1, (_, count) => count + 1);
                // 505 is the right word to one who speaks HTTP/9.9.
                if (status >= 500 && status != (int)HttpStatusCode.HttpVersionNotSupported)
                {
                    faults.Enqueue($"{request.Kind}: {status}");
                }
            }
            catch (Exception e) when (e is not OutOfMemoryException)
            {
                faults.Enqueue($"{request.Kind}: {e.Message}");
            }
        });

        string summary = string.Join('\n', answers.OrderBy(answer => answer.Key).Select(answer => $"{answer.Key.Kind}: {answer.Value} x {answer.Key.Status}"));
        Assert.True(faults.IsEmpty, string.Join('\n', faults.Take(20)) + "\n\n" + summary);
        Assert.False(server.Process.HasExited);
        // The fire was real: kinds that must be refused were, and damaged pictures came as far as the decoder.
        Assert.All((string[])["bad token", "foreign site", "deep JSON", "broken multipart", "bad head", "slow body"],
            kind => Assert.True(answers.Keys.Any(answer => answer.Kind == kind && answer.Status is >= 400 and < 500), summary));
        Assert.Contains(answers.Keys, answer => answer is ("mutated picture", 202));
        Assert.Contains(answers.Keys, answer => answer is ("slow body", 408));

        var jobs = await EndOfAllAsync(server);
        Assert.True(jobs.Length > Requests / 8, summary);
        Assert.All(jobs, job => Assert.DoesNotContain("in the server", job.GetProperty("error").GetString() ?? "", StringComparison.Ordinal));
        await AssertItWorksAsync(server);
        await AssertMemoryComesBackAsync(server, before);
        string log = string.Concat(Directory.GetFiles(_folder["data/logs"]).Select(File.ReadAllText));
        Assert.DoesNotContain("\"level\":\"error\"", log, StringComparison.Ordinal);
    }

    /// <returns>The status of the answer; 0 when the connection was closed without one.</returns>
    private static async Task<int> SendAsync(ServerProcess server, HostileRequest request)
    {
        using var patience = new CancellationTokenSource(Executable.Patience);
        using var client = new TcpClient();
        await client.ConnectAsync(server.Client.BaseAddress!.Host, server.Client.BaseAddress.Port, patience.Token);
        var status = StatusAsync(client.Client, patience.Token);
        try
        {
            int together = request.Pause == default ? request.Bytes.Length : request.Bytes.Length - 500;
            await client.Client.SendAsync(request.Bytes.AsMemory(0, together), patience.Token);
            for (int i = together; i < request.Bytes.Length && !status.IsCompleted; i++)
            {
                await Task.WhenAny(status, Task.Delay(request.Pause, patience.Token));
                await client.Client.SendAsync(request.Bytes.AsMemory(i, 1), patience.Token);
            }
        }
        catch (SocketException)
        {
            // The server has answered and closed before it had read everything.
        }
        // The connection stays open on this side: whoever promised more than came must be let go by the server.
        return await status;
    }

    private static async Task<int> StatusAsync(Socket socket, CancellationToken cancellation)
    {
        var text = new StringBuilder();
        var buffer = new byte[1 << 16];
        try
        {
            for (int read; (read = await socket.ReceiveAsync(buffer, cancellation)) > 0;)
            {
                text.Append(Encoding.Latin1.GetString(buffer, 0, read));
                var last = StatusLine().Matches(text.ToString()).LastOrDefault(match => match.Groups["status"].Value != "100");
                if (last is not null)
                {
                    return int.Parse(last.Groups["status"].Value, CultureInfo.InvariantCulture);
                }
            }
        }
        catch (SocketException)
        {
            // Closed hard, which is an answer too.
        }
        return 0;
    }

    private static async Task AssertItWorksAsync(ServerProcess server)
    {
        using var accepted = await TestServer.PostAsync(server.Client, [("astronaut.png", await File.ReadAllBytesAsync(Repository.Portrait))], """{"textureSize": 512}""");
        Assert.Equal("succeeded", (await TestServer.EndOfAsync(server.Client, accepted)).GetProperty("state").GetString());
    }

    private static async Task<JsonElement[]> EndOfAllAsync(ServerProcess server)
    {
        using var patience = new CancellationTokenSource(Executable.Patience * 5);
        while (true)
        {
            var jobs = await server.Client.GetFromJsonAsync<JsonElement[]>("/v1/jobs", patience.Token) ?? [];
            if (!jobs.Any(job => job.GetProperty("state").GetString() is "queued" or "running"))
            {
                return jobs;
            }
            await Task.Delay(200, patience.Token);
        }
    }

    private static async Task AssertMemoryComesBackAsync(ServerProcess server, long before)
    {
        if (!OperatingSystem.IsLinux())
        {
            return; // The figure is read off /proc.
        }
        const long Allowed = 100_000_000;
        using var patience = new CancellationTokenSource(Executable.Patience);
        long now = server.Resident;
        while (now > before + Allowed && !patience.IsCancellationRequested)
        {
            await Task.Delay(500);
            now = server.Resident;
        }
        Assert.True(now <= before + Allowed, $"{before / 1e6:0} MB before, {now / 1e6:0} MB now.");
    }

    [GeneratedRegex(@"^HTTP/1\.1 (?<status>\d{3}) ", RegexOptions.Multiline)]
    private static partial Regex StatusLine();
}
