using System.Net;
using System.Text.Json;
using MeshFromFaces.Server.Logs;
using Microsoft.Extensions.Logging;

namespace MeshFromFaces.App.Tests;

/// <summary>The log file: what it tells, what it keeps to itself, how large it grows.</summary>
public sealed partial class LogTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string Folder => _folder["logs"];

    private string Current => Path.Combine(Folder, LogFile.Name);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task It_tells_of_jobs_and_refusals_and_never_what_a_client_calls_its_photos_nor_the_token()
    {
        using var server = await ServerProcess.StartAsync(_folder.Path, "--quiet");
        var names = new List<string>();
        foreach (var (bytes, options) in ((byte[], string)[])[(TestPhotos.Text, "{}"), (TestPhotos.NoFace, """{"skipBadViews": true}"""), (TestPhotos.NoFace, "{")])
        {
            string name = $"secret-{names.Count}.jpg";
            names.Add(name);
            using var answer = await TestServer.PostAsync(server.Client, [(name, bytes)], options);
            if (answer.StatusCode == HttpStatusCode.Accepted)
            {
                Assert.Contains(name, (await TestServer.EndOfAsync(server.Client, answer)).GetProperty("error").GetString(), StringComparison.Ordinal);
            }
        }
        using var unknown = await server.Client.GetAsync("/secret-address");
        await server.StopAsync();

        string[] lines = await File.ReadAllLinesAsync(Current);
        Assert.All(lines, line =>
        {
            using var entry = JsonDocument.Parse(line);
            Assert.Contains(entry.RootElement.GetProperty("level").GetString(), (string[])["information", "warning", "error"]);
            Assert.True(entry.RootElement.GetProperty("time").GetDateTime() > DateTime.UtcNow.AddHours(-1));
            Assert.NotEmpty(entry.RootElement.GetProperty("message").GetString()!);
        });
        string all = string.Join('\n', lines);
        Assert.Contains("Job ", all, StringComparison.Ordinal);
        Assert.Contains("POST /v1/jobs/: 400", all, StringComparison.Ordinal);
        Assert.Contains("404", all, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", all, StringComparison.Ordinal);
        Assert.DoesNotContain(server.Handshake.GetProperty("token").GetString()!, all, StringComparison.Ordinal);
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Current));
        }
    }

    [Fact]
    public void It_rolls_and_the_oldest_goes()
    {
        using (var file = new LogFile(Folder, bytes: 2000, files: 3))
        {
            var log = file.CreateLogger("Some.Source");
            for (int i = 0; i < 100; i++)
            {
                LogNumber(log, i);
            }
        }
        string[] files = ["server.2.log", "server.1.log", "server.log"];
        Assert.Equal(files.Order(StringComparer.Ordinal), Directory.GetFiles(Folder).Select(path => Path.GetFileName(path)!).Order(StringComparer.Ordinal));
        Assert.All(files, name => Assert.InRange(new FileInfo(Path.Combine(Folder, name)).Length, 0, 2200));
        // Read from the oldest to the newest file, every number is there up to the last, without a gap.
        int[] numbers = [.. files.SelectMany(name => File.ReadLines(Path.Combine(Folder, name))).Select(NumberIn)];
        Assert.Equal(Enumerable.Range(100 - numbers.Length, numbers.Length), numbers);
        Assert.InRange(numbers.Length, 15, 99);
    }

    [Fact]
    public void It_goes_on_where_it_was_and_survives_that_its_folder_is_gone()
    {
        WriteOne(1);
        WriteOne(2);
        Assert.Equal([1, 2], File.ReadLines(Current).Select(NumberIn));

        using var file = new LogFile(Folder);
        Directory.Delete(Folder, recursive: true);
        LogNumber(file.CreateLogger("Source"), 3);
        Directory.CreateDirectory(Folder);
        LogNumber(file.CreateLogger("Source"), 4);
        Assert.Equal([4], File.ReadLines(Current).Select(NumberIn));
    }

    [Fact]
    public void An_entry_has_its_values_and_its_exception()
    {
        using var file = new LogFile(Folder);
        Broken(file.CreateLogger("Some.Source"), 3, new InvalidOperationException("line 1\nline 2"));

        using var entry = JsonDocument.Parse(Assert.Single(File.ReadAllLines(Current)));
        Assert.Equal("error", entry.RootElement.GetProperty("level").GetString());
        Assert.Equal("Source", entry.RootElement.GetProperty("source").GetString());
        Assert.Equal("Broken", entry.RootElement.GetProperty("event").GetString());
        Assert.Equal("3 \"things\" broke", entry.RootElement.GetProperty("message").GetString());
        Assert.Equal("3", entry.RootElement.GetProperty("values").GetProperty("count").GetString());
        Assert.Contains("InvalidOperationException: line 1\nline 2", entry.RootElement.GetProperty("exception").GetString(), StringComparison.Ordinal);
    }

    private void WriteOne(int number)
    {
        using var file = new LogFile(Folder);
        LogNumber(file.CreateLogger("Source"), number);
    }

    [LoggerMessage(1, LogLevel.Information, "number {Number}")]
    private static partial void LogNumber(ILogger log, int number);

    [LoggerMessage(7, LogLevel.Error, "{Count} \"things\" broke")]
    private static partial void Broken(ILogger log, int count, Exception exception);

    private static int NumberIn(string line)
    {
        using var entry = JsonDocument.Parse(line);
        return int.Parse(entry.RootElement.GetProperty("values").GetProperty("number").GetString()!, System.Globalization.CultureInfo.InvariantCulture);
    }
}
