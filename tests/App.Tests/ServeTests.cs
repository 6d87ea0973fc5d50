using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json;
using MeshFromFaces.Server.Api;

namespace MeshFromFaces.App.Tests;

/// <summary>The server as a process: start, address, handshake, who may have the data folder, stop.</summary>
public sealed class ServeTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string Data => _folder["data"];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task It_hands_its_address_and_token_to_its_user_alone_and_stops_in_good_order()
    {
        using var server = await ServerProcess.StartAsync(Data);
        Assert.Equal(["pid", "token", "url", "version"], server.Handshake.EnumerateObject().Select(property => property.Name).Order(StringComparer.Ordinal));
        Assert.Equal(server.Process.Id, server.Handshake.GetProperty("pid").GetInt32());
        Assert.True(server.Handshake.GetProperty("token").GetString()!.Length >= 32);

        Assert.Equal(HttpStatusCode.OK, (await server.Client.GetAsync("/v1/model")).StatusCode); // Waits for the model.
        using var anybody = new HttpClient { BaseAddress = server.Client.BaseAddress };
        var health = await anybody.GetFromJsonAsync<JsonElement>("/health");
        Assert.Equal("ready", health.GetProperty("status").GetString());
        Assert.Equal(server.Handshake.GetProperty("version").GetString(), health.GetProperty("version").GetString());
        using var refused = await anybody.GetAsync("/v1/model");
        Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
        Assert.True(Directory.Exists(Path.Combine(Data, "jobs")));
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(Data));
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(ServerProcess.HandshakeIn(Data)));
            Assert.Equal(0, await server.StopAsync());
            Assert.False(File.Exists(ServerProcess.HandshakeIn(Data)));
        }
    }

    [Fact]
    public async Task Each_server_has_a_token_of_its_own_and_one_that_was_killed_is_no_obstacle()
    {
        var first = await ServerProcess.StartAsync(Data);
        first.Dispose(); // Killed: its handshake stays, its lock does not.
        Assert.True(File.Exists(ServerProcess.HandshakeIn(Data)));

        using var second = await ServerProcess.StartAsync(Data);
        Assert.Equal(second.Process.Id, second.Handshake.GetProperty("pid").GetInt32());
        Assert.NotEqual(first.Handshake.GetProperty("token").GetString(), second.Handshake.GetProperty("token").GetString());
        Assert.Equal(HttpStatusCode.OK, (await second.Client.GetAsync("/v1/jobs")).StatusCode);
    }

    [Fact]
    public async Task A_second_server_on_the_same_data_says_who_holds_it_and_disturbs_nothing()
    {
        using var holder = await ServerProcess.StartAsync(Data);

        string line = (await Executable.RunAsync("serve", "--data", Data)).AssertFails(exitCode: 1);

        Assert.Contains($"held by process {holder.Process.Id}", line, StringComparison.Ordinal);
        Assert.Contains(holder.Handshake.GetProperty("url").GetString()!, line, StringComparison.Ordinal);
        Assert.Contains("--data", line, StringComparison.Ordinal);
        Assert.True(File.Exists(ServerProcess.HandshakeIn(Data)));
        Assert.Equal(HttpStatusCode.OK, (await holder.Client.GetAsync("/v1/jobs")).StatusCode);
    }

    [Fact]
    public async Task Left_alone_it_stops_in_good_order()
    {
        var run = await Executable.RunAsync("serve", "--data", Data, "--idle-exit", "0.02");
        Assert.Equal(0, run.ExitCode);
        Assert.StartsWith("Listening on http://127.0.0.1:", run.Output, StringComparison.Ordinal);
        Assert.False(File.Exists(ServerProcess.HandshakeIn(Data)));
    }

    [Fact]
    public async Task Stopped_while_the_model_loads_it_lets_it_finish()
    {
        var run = await Executable.RunAsync("serve", "--data", Data, "--idle-exit", "0.001");
        Assert.Equal(0, run.ExitCode);
        Assert.Contains("is ready", run.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("onnxruntime", run.Error, StringComparison.OrdinalIgnoreCase);
    }

    [Theory]
    [InlineData("0")]
    [InlineData("-1")]
    [InlineData("soon")]
    public async Task An_idle_time_that_is_none_is_named(string minutes)
    {
        string line = (await Executable.RunAsync("serve", "--idle-exit", minutes, "--data", Data)).AssertFails(exitCode: 2);
        Assert.Contains("minutes", line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_fixed_port_is_the_one_it_listens_on_and_on_loopback_alone()
    {
        int port;
        using (var free = new TcpListener(IPAddress.Loopback, 0))
        {
            free.Start();
            port = ((IPEndPoint)free.LocalEndpoint).Port;
        }
        using var server = await ServerProcess.StartAsync(Data, "--port", $"{port}");
        Assert.Equal($"http://127.0.0.1:{port}", server.Handshake.GetProperty("url").GetString());
        Assert.Equal(HttpStatusCode.OK, (await server.Client.GetAsync("/v1/jobs")).StatusCode);
        using var elsewhere = new TcpClient();
        // All of 127/8 is this machine's: who listens on any address answers there too.
        await Assert.ThrowsAsync<SocketException>(() => elsewhere.ConnectAsync("127.0.0.2", port));
    }

    [Fact]
    public async Task A_port_in_use_is_named_in_one_line()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        string port = ((IPEndPoint)taken.LocalEndpoint).Port.ToString(System.Globalization.CultureInfo.InvariantCulture);
        string line = (await Executable.RunAsync("serve", "--quiet", "--port", port, "--data", Data)).AssertFails(exitCode: 1);
        Assert.Contains($"Port {port}", line, StringComparison.Ordinal);
        Assert.False(File.Exists(ServerProcess.HandshakeIn(Data)));
    }

    [Fact]
    public async Task A_data_folder_that_cannot_be_is_named_in_one_line()
    {
        string file = _folder.Write("file", [1]);
        Assert.Contains("--data", (await Executable.RunAsync("serve", "--data", file)).AssertFails(exitCode: 1), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_a_model_it_is_up_and_says_why_no_job_can_run()
    {
        var server = new TestServer(new ServerSettings { ModelFolder = _folder["no-model"] });
        await server.InitializeAsync();
        try
        {
            // Loading is over when a job is refused; the reason stays the same from then on.
            using var job = await server.PostPortraitAsync("{}");
            Assert.Contains("no-model", await TestServer.ProblemAsync(HttpStatusCode.ServiceUnavailable, job), StringComparison.Ordinal);
            var health = await server.Client.GetFromJsonAsync<JsonElement>("/health");
            Assert.Equal("unusable", health.GetProperty("status").GetString());
            Assert.Contains("no-model", health.GetProperty("reason").GetString(), StringComparison.Ordinal);
        }
        finally
        {
            await server.DisposeAsync();
        }
    }
}
