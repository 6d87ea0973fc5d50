using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using MeshFromFaces.Server.Api;
using Microsoft.AspNetCore.Builder;

namespace MeshFromFaces.App.Tests;

/// <summary>The real server on a port of its own, with small limits and a data folder of its own.</summary>
[SuppressMessage("Design", "CA1001", Justification = "The test framework disposes it by IAsyncLifetime.")]
public sealed class TestServer : IAsyncLifetime
{
    private readonly TemporaryFolder _data = new();
    private readonly WebApplication _app;

    public TestServer() : this(new ServerSettings())
    {
    }

    internal TestServer(ServerSettings settings)
    {
        Settings = settings with
        {
            DataFolder = _data.Path,
            Limits = new ServerLimits { FileBytes = 4 << 20, BodyBytes = 8 << 20, OptionsBytes = 1 << 10, QueuedJobs = 2 },
        };
        _app = ServerHost.Build(Settings);
    }

    public HttpClient Client { get; private set; } = null!;

    internal ServerSettings Settings { get; }

    /// <summary>Cancelled when the server stops.</summary>
    public CancellationToken Stopping => _app.Lifetime.ApplicationStopping;

    public async Task InitializeAsync()
    {
        await _app.StartAsync();
        Client = new HttpClient { BaseAddress = new Uri(_app.Urls.Single()), Timeout = Executable.Patience };
        Client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Settings.Token);
    }

    public async Task DisposeAsync()
    {
        Client.Dispose();
        await _app.StopAsync();
        await _app.DisposeAsync();
        _data.Dispose();
    }

    /// <summary>POST /v1/jobs with these photos, and options as they are given: JSON or what should be JSON.</summary>
    public Task<HttpResponseMessage> PostAsync(IEnumerable<(string Name, byte[] Bytes)> photos, string? options = null) => PostAsync(Client, photos, options);

    /// <inheritdoc cref="PostAsync(IEnumerable{ValueTuple{string, byte[]}}, string?)"/>
    public static async Task<HttpResponseMessage> PostAsync(HttpClient client, IEnumerable<(string Name, byte[] Bytes)> photos, string? options = null)
    {
        using var form = new MultipartFormDataContent();
        foreach (var (name, bytes) in photos)
        {
            form.Add(new ByteArrayContent(bytes), "images", name);
        }
        if (options is not null)
        {
            form.Add(new StringContent(options), "options");
        }
        return await client.PostAsync("/v1/jobs", form);
    }

    public Task<HttpResponseMessage> PostPortraitAsync(string options) =>
        PostAsync([("astronaut.png", File.ReadAllBytes(Repository.Portrait))], options);

    /// <summary>Follows an accepted job until it has ended; asserts that its progress never falls on the way.</summary>
    public Task<JsonElement> EndOfAsync(HttpResponseMessage accepted) => EndOfAsync(Client, accepted);

    /// <inheritdoc cref="EndOfAsync(HttpResponseMessage)"/>
    public static async Task<JsonElement> EndOfAsync(HttpClient client, HttpResponseMessage accepted)
    {
        Assert.Equal(HttpStatusCode.Accepted, accepted.StatusCode);
        using var patience = new CancellationTokenSource(Executable.Patience);
        for (double last = 0; ; await Task.Delay(50, patience.Token))
        {
            var job = await client.GetFromJsonAsync<JsonElement>(accepted.Headers.Location, patience.Token);
            double progress = job.GetProperty("progress").GetDouble();
            Assert.InRange(progress, last, 1);
            last = progress;
            if (job.GetProperty("state").GetString() is not ("queued" or "running"))
            {
                return job;
            }
        }
    }

    /// <summary>Asserts a problem answer (RFC 9457) of this status and gives its detail.</summary>
    public static async Task<string> ProblemAsync(HttpStatusCode status, HttpResponseMessage response)
    {
        string body = await response.Content.ReadAsStringAsync();
        Assert.True(status == response.StatusCode, $"{response.StatusCode} instead of {status}: {body}");
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.MediaType);
        Assert.Equal(["nosniff"], response.Headers.GetValues("X-Content-Type-Options"));
        using var problem = JsonDocument.Parse(body);
        Assert.Equal((int)status, problem.RootElement.GetProperty("status").GetInt32());
        Assert.NotEmpty(problem.RootElement.GetProperty("title").GetString()!);
        return problem.RootElement.GetProperty("detail").GetString()!;
    }
}
