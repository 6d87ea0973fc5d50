using System.Text.Json;
using MeshFromFaces.Core;
using MeshFromFaces.Server.Jobs;
using Microsoft.AspNetCore.Http.HttpResults;

namespace MeshFromFaces.Server.Api;

/// <summary>GET /v1/model and GET /health</summary>
internal static class ModelEndpoints
{
    public static void MapModel(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/v1/model", GetModelAsync);
        routes.MapGet("/health", GetHealthAsync);
    }

    private static async Task<Ok<ModelRecord>> GetModelAsync(ModelHost model, CancellationToken cancellation) =>
        TypedResults.Ok(ModelRecord.Of(await model.ReadyAsync(cancellation)));

    private static async Task<Ok<HealthRecord>> GetHealthAsync(ModelHost model, CancellationToken cancellation)
    {
        if (model.IsLoading)
        {
            throw new RequestException(StatusCodes.Status503ServiceUnavailable, "The model is being loaded.") { RetryAfter = TimeSpan.FromSeconds(1) };
        }
        await model.ReadyAsync(cancellation);
        return TypedResults.Ok(new HealthRecord("ready", ServerVersion.Text));
    }
}

internal sealed record HealthRecord(string Status, string Version);

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
