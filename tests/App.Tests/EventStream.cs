using System.Net;
using System.Text.Json;

namespace MeshFromFaces.App.Tests;

/// <summary>A job's events as a client reads them, with what must be true of every such stream.</summary>
internal static class EventStream
{
    /// <summary>The records from now to the stream's end; asserts that it has the promised form and ends when the job does.</summary>
    public static async Task<JsonElement[]> AllAsync(HttpClient server, Uri job)
    {
        using var answer = await server.GetAsync($"{job}/events", HttpCompletionOption.ResponseHeadersRead);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal("text/event-stream", answer.Content.Headers.ContentType?.MediaType);
        using var stream = new StreamReader(await answer.Content.ReadAsStreamAsync());
        using var patience = new CancellationTokenSource(Executable.Patience);
        var records = new List<JsonElement>();
        while (await stream.ReadLineAsync(patience.Token) is { } line)
        {
            if (line.StartsWith(':'))
            {
                Assert.Equal("", await stream.ReadLineAsync(patience.Token));
                continue;
            }
            Assert.Equal("event: job", line);
            string data = (await stream.ReadLineAsync(patience.Token))!;
            Assert.StartsWith("data: ", data, StringComparison.Ordinal);
            Assert.Equal("", await stream.ReadLineAsync(patience.Token));
            records.Add(JsonSerializer.Deserialize<JsonElement>(data["data: ".Length..]));
        }
        Assert.All(records.SkipLast(1), record => Assert.Contains(record.GetProperty("state").GetString(), (string[])["queued", "running"]));
        Assert.Contains(records[^1].GetProperty("state").GetString(), (string[])["succeeded", "failed", "cancelled"]);
        return [.. records];
    }
}
