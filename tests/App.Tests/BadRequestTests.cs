using System.Net;
using System.Net.Http.Headers;
using System.Text;

namespace MeshFromFaces.App.Tests;

/// <summary>Requests at fault: the right status, a problem answer, and a sentence that says what to do.</summary>
public sealed class BadRequestTests(TestServer server) : IClassFixture<TestServer>
{
    private static readonly (string, byte[])[] OnePhoto = [("ramp.jpg", TestPhotos.NoFace)];

    [Theory]
    [InlineData("GET", "/nowhere", HttpStatusCode.NotFound, "/v1/jobs")]
    [InlineData("GET", "/v1/jobs/0123", HttpStatusCode.NotFound, "no job")]
    [InlineData("DELETE", "/v1/jobs/0123", HttpStatusCode.NotFound, "no job")]
    [InlineData("GET", "/v1/jobs/0123/files/face.glb", HttpStatusCode.NotFound, "no job")]
    [InlineData("PUT", "/v1/jobs", HttpStatusCode.MethodNotAllowed, "GET, POST")]
    [InlineData("POST", "/v1/jobs", HttpStatusCode.UnsupportedMediaType, "multipart/form-data")]
    public async Task A_wrong_call_is_answered_with_what_would_be_right(string method, string path, HttpStatusCode status, string word)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        // Whatever form of answer was asked for: an error comes as a problem.
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("image/png"));
        using var answer = await server.Client.SendAsync(request);
        Assert.Contains(word, await TestServer.ProblemAsync(status, answer), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"textureSise": 2048}""", "'textureSise' is not known. Allowed: textureSize, topology, layout, style, face, skipBadViews.")]
    [InlineData("""{"textureSize": "2048"}""", "textureSize")]
    [InlineData("""{"textureSize": 1e99}""", "textureSize")]
    [InlineData("""{"textureSize": 100}""", "512")]
    [InlineData("""{"textureSize": 1000}""", "512, 1024, 2048")]
    [InlineData("""{"textureSize": 512, "textureSize": 1024}""", "not valid JSON")]
    [InlineData("""{"skipBadViews": null}""", "skipBadViews")]
    [InlineData("""{"layout": "nosuch"}""", "nosuch")]
    [InlineData("""{"face": 0}""", "from 1, the largest")]
    [InlineData("""{"face": "smallest"}""", "face")]
    [InlineData("""{"style": "nosuch"}""", "nosuch")]
    [InlineData("""{"topology": "nosuch"}""", "mid")]
    [InlineData("""{"topology": "/etc/passwd"}""", "mid")]
    [InlineData("""{"layout": "\ud800"}""", "surrogate")]
    [InlineData("""{"\udc00": 1}""", "surrogate")]
    [InlineData("[]", "not a JSON object")]
    [InlineData("{", "not valid JSON")]
    [InlineData("", "not valid JSON")]
    public async Task Wrong_options_are_named(string options, string word)
    {
        using var answer = await server.PostAsync(OnePhoto, options);
        Assert.Contains(word, await TestServer.ProblemAsync(HttpStatusCode.BadRequest, answer), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Deep_or_long_options_are_refused()
    {
        using var deep = await server.PostAsync(OnePhoto, new string('[', 500));
        await TestServer.ProblemAsync(HttpStatusCode.BadRequest, deep);
        using var lengthy = await server.PostAsync(OnePhoto, new string(' ', 2000));
        Assert.Contains("options", await TestServer.ProblemAsync(HttpStatusCode.RequestEntityTooLarge, lengthy), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Zero_and_sixty_five_photos_are_refused_with_the_limits()
    {
        using var none = await server.PostAsync([], "{}");
        Assert.Contains("1 to 64", await TestServer.ProblemAsync(HttpStatusCode.BadRequest, none), StringComparison.Ordinal);
        using var many = await server.PostAsync(Enumerable.Repeat(OnePhoto[0], 65));
        Assert.Contains("64", await TestServer.ProblemAsync(HttpStatusCode.RequestEntityTooLarge, many), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_file_and_a_body_over_the_limit_are_refused()
    {
        using var file = await server.PostAsync([("large.jpg", new byte[(4 << 20) + 1])]);
        Assert.Contains("'large.jpg'", await TestServer.ProblemAsync(HttpStatusCode.RequestEntityTooLarge, file), StringComparison.Ordinal);

        using var form = new MultipartFormDataContent { { new ByteArrayContent(new byte[9 << 20]), "images", "huge.jpg" } };
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/jobs") { Content = form };
        request.Headers.ExpectContinue = true; // So that the refusal comes before 9 MB are sent in vain.
        using var body = await server.Client.SendAsync(request);
        await TestServer.ProblemAsync(HttpStatusCode.RequestEntityTooLarge, body);
    }

    [Theory]
    [InlineData("--x\r\nContent-Disposition: form-data; name=\"images\"; filename=\"a.jpg\"\r\n\r\nbytes that never end")]
    [InlineData("--x\r\nContent-Disposition: form-data; name=\"photos\"; filename=\"a.jpg\"\r\n\r\nabc\r\n--x--")]
    [InlineData("--x\r\n\r\nabc\r\n--x--")]
    [InlineData("--x\r\nno header\r\n\r\nabc\r\n--x--")]
    [InlineData("no multipart at all")]
    public async Task A_malformed_body_is_refused(string body)
    {
        using var content = new ByteArrayContent(Encoding.ASCII.GetBytes(body));
        content.Headers.ContentType = MediaTypeHeaderValue.Parse("multipart/form-data; boundary=x");
        using var answer = await server.Client.PostAsync("/v1/jobs", content);
        Assert.Contains("multipart/form-data", await TestServer.ProblemAsync(HttpStatusCode.BadRequest, answer), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("evil.example", null)]
    [InlineData("127.0.0.1.evil.example", null)]
    [InlineData(null, "http://evil.example")]
    [InlineData(null, "http://127.0.0.1:1")]
    [InlineData(null, "null")]
    public async Task A_web_page_of_elsewhere_is_refused(string? host, string? origin)
    {
        foreach (string path in (string[])["/v1/jobs", "/health", "/nowhere"])
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, path);
            request.Headers.Host = host;
            request.Headers.Add("Origin", origin is null ? [] : [origin]);
            using var answer = await server.Client.SendAsync(request);
            await TestServer.ProblemAsync(HttpStatusCode.Forbidden, answer);
        }
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("Bearer")]
    [InlineData("Bearer ")]
    [InlineData("Bearer 0123456789abcdef")]
    [InlineData("Basic {token}")]
    [InlineData("{token}")]
    [InlineData("Bearer {token}0")]
    [InlineData("Bearer {token}, Bearer {token}")]
    public async Task Without_the_token_nothing_but_health_is_answered(string? authorization)
    {
        foreach (var (method, path) in ((string, string)[])[("GET", "/v1/jobs"), ("POST", "/v1/jobs"), ("GET", "/v1/model"), ("GET", "/nowhere"), ("POST", "/health")])
        {
            using var request = new HttpRequestMessage(new HttpMethod(method), new Uri(server.Client.BaseAddress!, path));
            if (authorization is not null)
            {
                request.Headers.TryAddWithoutValidation("Authorization", authorization.Replace("{token}", server.Settings.Token, StringComparison.Ordinal));
            }
            using var stranger = new HttpClient();
            using var answer = await stranger.SendAsync(request);
            Assert.Contains("Authorization: Bearer TOKEN", await TestServer.ProblemAsync(HttpStatusCode.Unauthorized, answer), StringComparison.Ordinal);
            Assert.Equal("Bearer", answer.Headers.WwwAuthenticate.ToString());
        }
        using var open = new HttpClient { BaseAddress = server.Client.BaseAddress };
        Assert.Equal(HttpStatusCode.OK, (await open.GetAsync("/health")).StatusCode);
    }

    [Fact]
    public async Task The_servers_own_origin_and_localhost_are_served()
    {
        var url = server.Client.BaseAddress!;
        using var own = new HttpRequestMessage(HttpMethod.Get, "/v1/jobs") { Headers = { { "Origin", url.GetLeftPart(UriPartial.Authority) } } };
        using var local = new HttpRequestMessage(HttpMethod.Get, "/v1/jobs") { Headers = { Host = $"localhost:{url.Port}" } };
        Assert.Equal(HttpStatusCode.OK, (await server.Client.SendAsync(own)).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await server.Client.SendAsync(local)).StatusCode);
    }

    [Fact]
    public async Task Refused_requests_leave_no_job_and_no_file()
    {
        using var answer = await server.PostAsync(OnePhoto, "{");
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Equal("[]", await server.Client.GetStringAsync("/v1/jobs"));
        Assert.Empty(Directory.GetDirectories(Path.Combine(server.Settings.DataFolder, "jobs")));
    }
}
