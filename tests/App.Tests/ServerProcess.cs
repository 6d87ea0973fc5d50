using System.Diagnostics;
using System.Net.Http.Headers;
using System.Text.Json;

namespace MeshFromFaces.App.Tests;

/// <summary>A server in a process of its own, found the way clients find it: by the handshake file in its data folder.</summary>
internal sealed class ServerProcess : IDisposable
{
    private ServerProcess(Process process, JsonElement handshake)
    {
        Process = process;
        Handshake = handshake;
        Client = new HttpClient { BaseAddress = new Uri(handshake.GetProperty("url").GetString()!), Timeout = Executable.Patience };
        Client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", handshake.GetProperty("token").GetString());
    }

    public Process Process { get; }

    public JsonElement Handshake { get; }

    /// <summary>Calls this server, with its token.</summary>
    public HttpClient Client { get; }

    /// <summary>Bytes of memory that it holds now.</summary>
    public long Resident
    {
        get
        {
            Process.Refresh();
            return Process.WorkingSet64;
        }
    }

    public static Task<ServerProcess> StartAsync(string dataFolder, params IEnumerable<string> options) =>
        FollowAsync(Executable.Start(["serve", "--data", dataFolder, .. options]), dataFolder);

    /// <summary>Takes over a server that was just started; from now on it is stopped with this.</summary>
    public static async Task<ServerProcess> FollowAsync(Process process, string dataFolder) =>
        await ListeningAsync(process, dataFolder) ?? throw new InvalidOperationException(await process.StandardError.ReadToEndAsync());

    /// <summary>The same, of a server that may be killed at any moment.</summary>
    /// <returns>Null when it ended before it listened.</returns>
    public static async Task<ServerProcess?> ListeningAsync(Process process, string dataFolder)
    {
        try
        {
            // Printed once the handshake is written.
            if (await process.StandardOutput.ReadLineAsync() is not { } line)
            {
                return null;
            }
            Assert.StartsWith("Listening on http://127.0.0.1:", line, StringComparison.Ordinal);
            // Nobody reads its log here; left in the pipe it would hold the server up once the pipe is full.
            process.ErrorDataReceived += (_, _) => { };
            process.BeginErrorReadLine();
            using var handshake = JsonDocument.Parse(await File.ReadAllBytesAsync(HandshakeIn(dataFolder)));
            return new ServerProcess(process, handshake.RootElement.Clone());
        }
        catch
        {
            Executable.Kill(process);
            throw;
        }
    }

    public static string HandshakeIn(string dataFolder) => Path.Combine(dataFolder, "server.json");

    /// <summary>Stops it in good order and gives its exit code.</summary>
    public async Task<int> StopAsync()
    {
        await Executable.SignalAsync(Process, "-TERM");
        return await EndAsync();
    }

    /// <summary>Waits for its end and gives its exit code.</summary>
    public async Task<int> EndAsync()
    {
        using var patience = new CancellationTokenSource(Executable.Patience);
        await Process.WaitForExitAsync(patience.Token);
        return Process.ExitCode;
    }

    public void Dispose()
    {
        Client.Dispose();
        Executable.Kill(Process);
        Process.WaitForExit();
        Process.Dispose();
    }
}
