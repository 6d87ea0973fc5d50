using System.Net;
using System.Net.Sockets;

namespace MeshFromFaces.App.Tests;

/// <summary>The server as a process: start, address, stop.</summary>
public sealed class ServeTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task It_prints_its_address_on_loopback_and_stops_in_good_order()
    {
        using var process = Executable.Start(["serve", "--data", _folder["data"]]);
        try
        {
            string line = await process.StandardOutput.ReadLineAsync() ?? await process.StandardError.ReadToEndAsync();
            Assert.StartsWith("Listening on http://127.0.0.1:", line, StringComparison.Ordinal);
            using var client = new HttpClient { BaseAddress = new Uri(line["Listening on ".Length..]) };
            Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/v1/model")).StatusCode); // Waits for the model.
            Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/health")).StatusCode);
            Assert.True(Directory.Exists(_folder["data/jobs"]));
            if (!OperatingSystem.IsWindows())
            {
                Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(_folder["data"]));
                await Executable.SignalAsync(process, "-TERM");
                Assert.Equal(0, (await Executable.FinishAsync(process)).ExitCode);
            }
        }
        finally
        {
            Executable.Kill(process);
        }
    }

    [Fact]
    public async Task A_port_in_use_is_named_in_one_line()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        string port = ((IPEndPoint)taken.LocalEndpoint).Port.ToString(System.Globalization.CultureInfo.InvariantCulture);
        string line = (await Executable.RunAsync("serve", "--quiet", "--port", port, "--data", _folder["data"])).AssertFails(exitCode: 1);
        Assert.Contains($"Port {port}", line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_data_folder_that_cannot_be_is_named_in_one_line()
    {
        string file = _folder.Write("file", [1]);
        Assert.Contains("--data", (await Executable.RunAsync("serve", "--data", file)).AssertFails(exitCode: 1), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_a_model_it_is_up_and_says_why_it_is_not_ready()
    {
        var server = new TestServer(_folder["no-model"]);
        await server.InitializeAsync();
        try
        {
            // Loading is over when a job is refused; the reason stays the same from then on.
            using var job = await server.PostPortraitAsync("{}");
            Assert.Contains("no-model", await TestServer.ProblemAsync(HttpStatusCode.ServiceUnavailable, job), StringComparison.Ordinal);
            using var health = await server.Client.GetAsync("/health");
            Assert.Contains("no-model", await TestServer.ProblemAsync(HttpStatusCode.ServiceUnavailable, health), StringComparison.Ordinal);
        }
        finally
        {
            await server.DisposeAsync();
        }
    }
}
