using System.Globalization;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text.Json;
using NetVips;

namespace MeshFromFaces.App.Tests;

/// <summary>Photos and options to post: small ones, so that a job is a fraction of a second's work, and no two captures alike.</summary>
internal sealed record Capture(IReadOnlyList<(string Name, byte[] Bytes)> Photos, string Options)
{
    private static readonly byte[][] Small =
    [
        Shrink(Repository.Portrait),
        .. ((string[])["front", "left", "right", "above"]).Select(view => Shrink(Path.Combine(Repository.Root, "examples", "captures", "synthetic", $"{view}.jpg"))),
    ];

    /// <param name="number">From 0 up; each gives other results.</param>
    public static Capture Number(int number)
    {
        var photos = number % 5 == 4 ? Small[1..] : [Small[number % 5]];
        return new Capture(
            [.. photos.Select((photo, view) => (string.Create(CultureInfo.InvariantCulture, $"{number}-{view}.jpg"), photo))],
            number % 2 == 0 ? """{"textureSize": 512}""" : """{"textureSize": 512, "layout": "facemesh468"}""");
    }

    /// <summary>A job of half a minute and more on two cores.</summary>
    public static Capture Long(int number) =>
        new([.. Enumerable.Range(0, 64).Select(view => (string.Create(CultureInfo.InvariantCulture, $"{number}-{view}.jpg"), Small[0]))], """{"textureSize": 4096}""");

    public Task<HttpResponseMessage> PostAsync(HttpClient server) => TestServer.PostAsync(server, Photos, Options);

    /// <summary>Posts it and waits for the job's end.</summary>
    public async Task<JsonElement> RunAsync(HttpClient server)
    {
        using var accepted = await PostAsync(server);
        return await TestServer.EndOfAsync(server, accepted);
    }

    private static byte[] Shrink(string path)
    {
        using var photo = Image.Thumbnail(path, 320);
        return photo.JpegsaveBuffer(q: 90);
    }
}

/// <summary>What a client sees of a job's result.</summary>
internal static class Results
{
    /// <summary>Fetches every file that the record names; gives each its SHA-256.</summary>
    public static async Task<SortedDictionary<string, string>> OfAsync(HttpClient server, JsonElement job)
    {
        Assert.Equal("succeeded", job.GetProperty("state").GetString());
        var files = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var file in job.GetProperty("files").EnumerateArray())
        {
            byte[] bytes = await server.GetByteArrayAsync($"{AddressOf(job)}/files/{file.GetString()}");
            files[file.GetString()!] = Convert.ToHexStringLower(SHA256.HashData(bytes));
        }
        Assert.Contains("face.glb", files.Keys);
        return files;
    }

    public static string AddressOf(JsonElement job) => $"/v1/jobs/{job.GetProperty("id").GetString()}";

    public static async Task<JsonElement[]> AllAsync(HttpClient server) => (await server.GetFromJsonAsync<JsonElement[]>("/v1/jobs"))!;
}
