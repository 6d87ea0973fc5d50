using System.Text.Json;
using MeshFromFaces.Core;
using MeshFromFaces.Core.Geometry;
using MeshFromFaces.Server.Jobs;
using Microsoft.AspNetCore.Http.HttpResults;

namespace MeshFromFaces.Server.Api;

/// <summary>GET /v1/model, GET /v1/layouts/{name} and GET /health</summary>
internal static class ModelEndpoints
{
    public const string Health = "/health";

    public static void MapModel(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/v1/model", GetModelAsync);
        routes.MapGet("/v1/layouts/{name}", GetLayoutAsync);
        routes.MapGet(Health, GetHealth);
    }

    private static async Task<Ok<ModelRecord>> GetModelAsync(ModelHost model, CancellationToken cancellation) =>
        TypedResults.Ok(ModelRecord.Of(await model.ReadyAsync(cancellation)));

    private static async Task<Ok<LayoutRecord>> GetLayoutAsync(string name, ModelHost model, CancellationToken cancellation)
    {
        var pipeline = await model.ReadyAsync(cancellation);
        return pipeline.FindLayout(name) is { } layout
            ? TypedResults.Ok(new LayoutRecord(layout.Name, [.. layout.Queries.Select(uv => new[] { uv.U, uv.V })]))
            : throw new RequestException(StatusCodes.Status404NotFound,
                $"There is no such list of points; GET /v1/model names those there are. '{Layout.Dense}' has no list of its own: it is every vertex of the mesh.");
    }

    private static Ok<HealthRecord> GetHealth(ModelHost model) => TypedResults.Ok(new HealthRecord(model.State, model.Fault, ServerVersion.Text));
}

/// <summary>Whether jobs can run.</summary>
/// <param name="Reason">Why they cannot, when the model is unusable.</param>
internal sealed record HealthRecord(ModelState Status, string? Reason, string Version);

/// <param name="Uv">[queries][2] canonical UVs: the points of any mesh of ours that the landmarks are.</param>
internal sealed record LayoutRecord(string Name, IReadOnlyList<float[]> Uv);

/// <summary>What may be asked of this server, and with which model it answers.</summary>
internal sealed record ModelRecord(
    string Name,
    string Version,
    string Hash,
    string Device,
    IReadOnlyList<string> Layouts,
    IReadOnlyList<string> Topologies,
    IReadOnlyList<string> Styles,
    string DefaultStyle,
    int MinTextureSize,
    int MaxTextureSize,
    string? Licence,
    JsonElement? TrainingData,
    JsonElement? Metrics)
{
    public static ModelRecord Of(FacePipeline pipeline)
    {
        var card = pipeline.Model;
        return new(card.Name, card.Version, card.Hash, pipeline.Device, pipeline.Layouts, pipeline.Topologies, card.Styles, card.DefaultStyle,
            FaceOptions.MinTextureSize, FaceOptions.MaxTextureSize, card.Licence, card.TrainingData, card.Metrics);
    }
}
