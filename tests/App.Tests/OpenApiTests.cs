using System.Net;
using System.Text.Json;

namespace MeshFromFaces.App.Tests;

/// <summary>The API's description: the one that is served is the one in the repository, and it tells the truth.</summary>
public sealed class OpenApiTests(TestServer server) : IClassFixture<TestServer>
{
    internal static string Stored { get; } = Path.Combine(Repository.Root, "server", "App", "openapi.json");

    [Fact]
    public async Task The_one_in_the_repository_is_the_one_that_is_served()
    {
        string served = await server.Client.GetStringAsync("/openapi/v1.json");
        string actual = Path.Combine(AppContext.BaseDirectory, "openapi.served.json");
        await File.WriteAllTextAsync(actual, served);
        Assert.True((await File.ReadAllTextAsync(Stored)).TrimEnd() == served.TrimEnd(),
            $"The API has changed. Read the difference between server/App/openapi.json and {actual}; if it is meant, put the latter in the former's place.");
    }

    [Fact]
    public async Task Its_options_are_those_that_the_server_knows()
    {
        using var document = JsonDocument.Parse(await File.ReadAllTextAsync(Stored));
        var described = document.RootElement.GetProperty("components").GetProperty("schemas").GetProperty("JobOptions").GetProperty("properties")
            .EnumerateObject().Select(property => property.Name);

        using var answer = await server.PostAsync([("ramp.jpg", TestPhotos.NoFace)], """{"nosuch": 1}""");
        string problem = await TestServer.ProblemAsync(HttpStatusCode.BadRequest, answer);
        Assert.EndsWith($"Allowed: {string.Join(", ", described)}.", problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_record_has_the_fields_it_describes_and_no_others()
    {
        using var document = JsonDocument.Parse(await File.ReadAllTextAsync(Stored));
        using var accepted = await server.PostAsync([("ramp.jpg", TestPhotos.NoFace)]);
        var job = await server.EndOfAsync(accepted);
        var model = JsonDocument.Parse(await server.Client.GetStringAsync("/v1/model")).RootElement;
        foreach (var (name, record) in ((string, JsonElement)[])[("JobRecord", job), ("ModelRecord", model)])
        {
            var schema = document.RootElement.GetProperty("components").GetProperty("schemas").GetProperty(name);
            Assert.Equal(
                schema.GetProperty("properties").EnumerateObject().Select(property => property.Name).Order(StringComparer.Ordinal),
                record.EnumerateObject().Select(property => property.Name).Order(StringComparer.Ordinal));
        }
    }
}
