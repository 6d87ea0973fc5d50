using System.Net;
using System.Net.Http.Json;
using System.Text.Json;

namespace MeshFromFaces.App.Tests;

/// <summary>The life of a job over HTTP, with the real model.</summary>
public sealed class JobTests(TestServer server) : IClassFixture<TestServer>
{
    [Fact]
    public async Task A_photo_becomes_files_that_can_be_fetched()
    {
        using var accepted = await server.PostPortraitAsync("""{"textureSize": 512, "style": "render:0.3,photo:0.7"}""");
        var posted = await accepted.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal($"/v1/jobs/{posted.GetProperty("id").GetString()}", accepted.Headers.Location?.OriginalString);

        var job = await server.EndOfAsync(accepted);

        Assert.Equal("succeeded", job.GetProperty("state").GetString());
        Assert.Equal(1, job.GetProperty("progress").GetDouble());
        Assert.Equal(JsonValueKind.Null, job.GetProperty("error").ValueKind);
        (string Name, string Type, byte[] Start)[] expected =
        [
            ("face.glb", "model/gltf-binary", "glTF"u8.ToArray()),
            ("texture.png", "image/png", [0x89, 0x50, 0x4E, 0x47]),
            ("textures/view-1.png", "image/png", [0x89, 0x50, 0x4E, 0x47]),
            ("overlay-1.jpg", "image/jpeg", [0xFF, 0xD8, 0xFF]),
            ("landmarks.json", "application/json", "[{"u8.ToArray()),
        ];
        Assert.Equal(expected.Select(file => file.Name).Order(), job.GetProperty("files").EnumerateArray().Select(file => file.GetString()).Order());
        foreach (var (name, type, start) in expected)
        {
            using var file = await server.Client.GetAsync($"{accepted.Headers.Location}/files/{name}");
            Assert.Equal(HttpStatusCode.OK, file.StatusCode);
            Assert.Equal(type, file.Content.Headers.ContentType?.MediaType);
            Assert.Equal(start, (await file.Content.ReadAsByteArrayAsync())[..start.Length]);
        }
        using var folder = new TemporaryFolder();
        await GltfValidator.AssertCleanAsync(folder.Write("face.glb", await server.Client.GetByteArrayAsync($"{accepted.Headers.Location}/files/face.glb")));

        var listed = await server.Client.GetFromJsonAsync<JsonElement>("/v1/jobs");
        Assert.Contains(posted.GetProperty("id").GetString(), listed.EnumerateArray().Select(each => each.GetProperty("id").GetString()));
        Assert.Empty(Directory.GetDirectories(Path.Combine(server.Settings.DataFolder, "jobs"), "inputs", SearchOption.AllDirectories));
    }

    [Theory]
    [InlineData("..%2f..%2fsecret.txt")]
    [InlineData("%2e%2e/%2e%2e/%2e%2e/secret.txt")]
    [InlineData("textures/..%2f..%2f..%2f..%2fsecret.txt")]
    [InlineData("..%5c..%5c..%5csecret.txt")]
    [InlineData("%2fetc%2fpasswd")]
    [InlineData("face.glb%00.png")]
    [InlineData("")]
    public async Task A_file_name_leads_nowhere_but_to_the_jobs_own_files(string name)
    {
        await File.WriteAllTextAsync(Path.Combine(server.Settings.DataFolder, "secret.txt"), "for nobody");
        using var accepted = await server.PostPortraitAsync("""{"textureSize": 512}""");
        Assert.Equal("succeeded", (await server.EndOfAsync(accepted)).GetProperty("state").GetString());

        using var answer = await server.Client.GetAsync($"{accepted.Headers.Location}/files/{name}");

        Assert.Contains(answer.StatusCode, (HttpStatusCode[])[HttpStatusCode.NotFound, HttpStatusCode.BadRequest]);
        Assert.DoesNotContain("for nobody", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(TestPhotos.Bad), MemberType = typeof(TestPhotos))]
    public async Task A_bad_photo_is_named_with_what_is_wrong(string name, byte[] bytes, string word)
    {
        using var answer = await server.PostAsync([(name, bytes)]);
        string error = bytes.Length == 0
            ? await TestServer.ProblemAsync(HttpStatusCode.BadRequest, answer)
            : (await server.EndOfAsync(answer)).GetProperty("error").GetString()!;

        Assert.Contains(name, error, StringComparison.Ordinal);
        Assert.Contains(word, error, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task A_bad_view_fails_the_job_unless_it_may_be_left_out_and_then_it_is_listed()
    {
        (string, byte[])[] photos = [("me.png", File.ReadAllBytes(Repository.Portrait)), ("me.png", TestPhotos.Text)];
        using var strict = await server.PostAsync(photos, """{"textureSize": 512}""");
        var failed = await server.EndOfAsync(strict);
        Assert.Equal("failed", failed.GetProperty("state").GetString());
        Assert.Contains("me.png (2)", failed.GetProperty("error").GetString(), StringComparison.Ordinal);
        Assert.Empty(failed.GetProperty("files").EnumerateArray());

        using var lenient = await server.PostAsync(photos, """{"textureSize": 512, "skipBadViews": true}""");
        var job = await server.EndOfAsync(lenient);
        Assert.Equal("succeeded", job.GetProperty("state").GetString());
        var skipped = Assert.Single(job.GetProperty("skipped").EnumerateArray());
        Assert.Equal("me.png (2)", skipped.GetProperty("image").GetString());
        Assert.NotEmpty(skipped.GetProperty("reason").GetString()!);
    }

    [Fact]
    public async Task A_full_queue_refuses_and_cancelled_jobs_leave_no_file()
    {
        // Two may wait and one runs: of large jobs posted at once, the fourth or one soon after is refused.
        var accepted = new List<HttpResponseMessage>();
        HttpResponseMessage? refused = null;
        while (refused is null && accepted.Count < 20)
        {
            var answer = await server.PostPortraitAsync("""{"textureSize": 8192}""");
            if (answer.StatusCode == HttpStatusCode.Accepted)
            {
                accepted.Add(answer);
            }
            else
            {
                refused = answer;
            }
        }
        Assert.NotNull(refused);
        Assert.Contains("2 jobs", await TestServer.ProblemAsync(HttpStatusCode.TooManyRequests, refused), StringComparison.Ordinal);
        Assert.True(refused.Headers.RetryAfter?.Delta > TimeSpan.Zero);

        foreach (var job in accepted)
        {
            using var deleted = await server.Client.DeleteAsync(job.Headers.Location);
            Assert.Equal(HttpStatusCode.NoContent, deleted.StatusCode);
            using var gone = await server.Client.GetAsync(job.Headers.Location);
            await TestServer.ProblemAsync(HttpStatusCode.NotFound, gone);
        }
        // The one that was running ends at its next check; the worker then takes a new job.
        using var next = await server.PostPortraitAsync("""{"textureSize": 512}""");
        Assert.Equal("succeeded", (await server.EndOfAsync(next)).GetProperty("state").GetString());
        Assert.All(accepted, job => Assert.False(Directory.Exists(
            Path.Combine(server.Settings.DataFolder, "jobs", job.Headers.Location!.OriginalString.Split('/')[^1]))));
    }

    [Fact]
    public async Task The_model_says_what_may_be_asked_of_it()
    {
        var model = await server.Client.GetFromJsonAsync<JsonElement>("/v1/model");
        Assert.Contains("mid", model.GetProperty("topologies").EnumerateArray().Select(name => name.GetString()));
        Assert.Contains("ibug68", model.GetProperty("layouts").EnumerateArray().Select(name => name.GetString()));
        Assert.Contains(model.GetProperty("defaultStyle").GetString(), model.GetProperty("styles").EnumerateArray().Select(name => name.GetString()));
        Assert.Matches("^[0-9a-f]{64}$", model.GetProperty("hash").GetString()!);

        // The answer above had waited for the model.
        var health = await server.Client.GetFromJsonAsync<JsonElement>("/health");
        Assert.Equal("ready", health.GetProperty("status").GetString());

        var layout = await server.Client.GetFromJsonAsync<JsonElement>("/v1/layouts/ibug68");
        Assert.Equal("ibug68", layout.GetProperty("name").GetString());
        Assert.Equal(68, layout.GetProperty("uv").GetArrayLength());
        Assert.All(layout.GetProperty("uv").EnumerateArray(), uv => Assert.InRange(uv[0].GetDouble(), 0, 1));
        using var dense = await server.Client.GetAsync("/v1/layouts/dense");
        Assert.Equal(HttpStatusCode.NotFound, dense.StatusCode);
        Assert.Contains("every vertex", await dense.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }
}
