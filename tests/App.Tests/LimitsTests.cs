using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Reflection;
using System.Text;
using System.Text.Json;
using MeshFromFaces.Server.Api;

namespace MeshFromFaces.App.Tests;

/// <summary>Every limit of the server can be set by <c>serve --limits</c>, is documented, and holds.</summary>
public sealed class LimitsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("""{"viewz": 8}""", "'viewz' is no limit; there are views, ")]
    [InlineData("""{"views": 0}""", "'views' takes a whole number from 1 to 64, not 0")]
    [InlineData("""{"views": 65}""", "not 65")]
    [InlineData("""{"views": "8"}""", "not \"8\"")]
    [InlineData("""{"views": 1.5}""", "not 1.5")]
    [InlineData("""{"fileBytes": 1e30}""", "'fileBytes'")]
    [InlineData("""{"views": 8, "views": 9}""", "not valid JSON")]
    [InlineData("[8]", "not a JSON object")]
    [InlineData("views=8", "not valid JSON")]
    [InlineData(null, "cannot be read")]
    public async Task A_file_that_is_wrong_is_named_with_what_is_wrong(string? json, string words)
    {
        string file = json is null ? _folder["missing.json"] : _folder.Write("limits.json", Encoding.UTF8.GetBytes(json));
        string line = (await Executable.RunAsync("serve", "--data", _folder["data"], "--limits", file)).AssertFails(exitCode: 2);
        Assert.Contains(file, line, StringComparison.Ordinal);
        Assert.Contains(words, line, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_folder["data"]));
    }

    [Fact]
    public async Task Help_and_README_tell_every_limit_with_its_standard_value()
    {
        string help = (await Executable.RunAsync("serve", "--help")).Output;
        string readme = await File.ReadAllTextAsync(Path.Combine(Repository.Root, "README.md"));
        var standard = new ServerLimits();
        foreach (var property in typeof(ServerLimits).GetProperties(BindingFlags.Public | BindingFlags.Instance))
        {
            string name = JsonNamingPolicy.CamelCase.ConvertName(property.Name);
            string value = Convert.ToString(property.GetValue(standard), CultureInfo.InvariantCulture)!;
            string grouped = Convert.ToInt64(value, CultureInfo.InvariantCulture).ToString("N0", CultureInfo.InvariantCulture);
            Assert.Contains($"{name} {value} (", help, StringComparison.Ordinal);
            Assert.Contains($"| `{name}` | {grouped} |", readme, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task What_is_over_a_limit_of_the_file_is_refused_and_named()
    {
        using var server = await StartAsync("""{"views": 1, "fileBytes": 500000, "optionsBytes": 40, "pixels": 100000, "bodyBytes": 1000000}""");
        byte[] portrait = await File.ReadAllBytesAsync(Repository.Portrait);
        Assert.InRange(portrait.Length, 500_001, 1_000_000);
        byte[] ramp = TestPhotos.NoFace; // 320 x 240

        await AssertRefusedAsync(server, [ramp, ramp], "{}", "more than 1 photos");
        await AssertRefusedAsync(server, [portrait], "{}", "500,000 bytes");
        await AssertRefusedAsync(server, [ramp], "{" + new string(' ', 40) + "}", "40 bytes");
        await AssertRefusedAsync(server, [portrait, portrait], "{}", "");

        // The ramp's 76,800 pixels are within the limit and its lack of a face is what fails it; twice as many are not.
        Assert.Contains("no face", await ErrorOfJobAsync(server, ramp), StringComparison.Ordinal);
        using var wide = NetVips.Image.Black(400, 384, 3).Copy(interpretation: NetVips.Enums.Interpretation.Srgb);
        Assert.Contains("0.1 megapixels", await ErrorOfJobAsync(server, wide.PngsaveBuffer()), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_client_that_dawdles_is_let_go()
    {
        using var server = await StartAsync("""{"patienceSeconds": 2, "bytesPerSecond": 1000}""");
        string start = $"POST /v1/jobs HTTP/1.1\r\nHost: {server.Client.BaseAddress!.Authority}\r\nAuthorization: Bearer {server.Handshake.GetProperty("token").GetString()}\r\n";

        // A head that never ends, and a body of which a byte comes now and then.
        Assert.StartsWith("HTTP/1.1 408 ", await AnswerAsync(server, start, "X"), StringComparison.Ordinal);
        string body = start + "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 100000\r\n\r\n--x\r\nContent-Disposition: form-data; name=\"images\"; filename=\"a.jpg\"\r\n\r\n";
        Assert.StartsWith("HTTP/1.1 408 ", await AnswerAsync(server, body, "X"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Connections_over_the_limit_are_closed_and_those_before_go_on()
    {
        using var server = await StartAsync("""{"connections": 2}""");
        Assert.Equal(HttpStatusCode.OK, (await server.Client.GetAsync("/health")).StatusCode); // Its connection stays open.
        var url = server.Client.BaseAddress!;
        using var second = new TcpClient(url.Host, url.Port);
        using var third = new TcpClient(url.Host, url.Port);
        Assert.Equal(0, await third.GetStream().ReadAsync(new byte[1]));
        Assert.Equal(HttpStatusCode.OK, (await server.Client.GetAsync("/health")).StatusCode);
    }

    private Task<ServerProcess> StartAsync(string limits) =>
        ServerProcess.StartAsync(_folder["data"], "--limits", _folder.Write("limits.json", Encoding.UTF8.GetBytes(limits)));

    private static async Task AssertRefusedAsync(ServerProcess server, IEnumerable<byte[]> photos, string options, string words)
    {
        using var answer = await PostAsync(server, photos, options);
        Assert.Contains(words, await TestServer.ProblemAsync(HttpStatusCode.RequestEntityTooLarge, answer), StringComparison.Ordinal);
    }

    private static async Task<string> ErrorOfJobAsync(ServerProcess server, byte[] photo)
    {
        using var accepted = await PostAsync(server, [photo], "{}");
        return (await TestServer.EndOfAsync(server.Client, accepted)).GetProperty("error").GetString()!;
    }

    private static Task<HttpResponseMessage> PostAsync(ServerProcess server, IEnumerable<byte[]> photos, string options) =>
        TestServer.PostAsync(server.Client, photos.Select((photo, i) => ($"{i}.jpg", photo)), options);

    /// <summary>Sends a beginning, then a little every now and then, until there is an answer.</summary>
    private static async Task<string> AnswerAsync(ServerProcess server, string beginning, string drop)
    {
        using var client = new TcpClient(server.Client.BaseAddress!.Host, server.Client.BaseAddress.Port);
        await client.Client.SendAsync(Encoding.ASCII.GetBytes(beginning));
        var answer = new byte[4096];
        var reading = client.Client.ReceiveAsync(answer);
        for (var start = Stopwatch.StartNew(); !reading.IsCompleted && start.Elapsed < Executable.Patience;)
        {
            await Task.WhenAny(reading, Task.Delay(300));
            if (!reading.IsCompleted)
            {
                await client.Client.SendAsync(Encoding.ASCII.GetBytes(drop));
            }
        }
        return Encoding.ASCII.GetString(answer, 0, await reading);
    }
}
