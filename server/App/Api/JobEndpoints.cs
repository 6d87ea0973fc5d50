using MeshFromFaces.Server.Jobs;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.StaticFiles;

namespace MeshFromFaces.Server.Api;

/// <summary>/v1/jobs</summary>
internal static class JobEndpoints
{
    private static readonly FileExtensionContentTypeProvider ContentTypes = new() { Mappings = { [".glb"] = "model/gltf-binary" } };

    public static void MapJobs(this IEndpointRouteBuilder routes)
    {
        var jobs = routes.MapGroup("/v1/jobs");
        jobs.MapPost("/", CreateJobAsync);
        jobs.MapGet("/", GetJobs);
        jobs.MapGet("/{id}", GetJob);
        jobs.MapGet("/{id}/events", GetEventsAsync).Produces<JobRecord>(contentType: "text/event-stream");
        jobs.MapGet("/{id}/files/{**name}", GetFile);
        jobs.MapDelete("/{id}", DeleteJob);
    }

    private static async Task<Accepted<JobRecord>> CreateJobAsync(
        HttpRequest request, JobStore jobs, ModelHost model, ServerLimits limits, CancellationToken cancellation)
    {
        using var upload = jobs.Receive();
        var pipeline = await model.ReadyAsync(cancellation);
        await JobRequest.ReadAsync(request, upload, pipeline, limits, cancellation);
        var job = upload.Accept();
        return TypedResults.Accepted($"/v1/jobs/{job.Id}", job.Record);
    }

    private static Ok<IReadOnlyList<JobRecord>> GetJobs(JobStore jobs) => TypedResults.Ok(jobs.Records);

    private static Ok<JobRecord> GetJob(string id, JobStore jobs) => TypedResults.Ok(Find(jobs, id).Record);

    private static Task GetEventsAsync(string id, JobStore jobs, JobEvents events, HttpContext context) => events.WriteAsync(Find(jobs, id), context);

    private static FileStreamHttpResult GetFile(string id, string name, JobStore jobs)
    {
        var job = Find(jobs, id);
        // Only what the job itself listed is served, so no name can lead out of its folder.
        if (!job.Record.Files.Contains(name) || job.OpenOutput(name) is not { } file)
        {
            throw new RequestException(StatusCodes.Status404NotFound, $"Job {job.Id} has no such file; the 'files' of its record name what there is.");
        }
        string contentType = ContentTypes.TryGetContentType(name, out string? known) ? known : "application/octet-stream";
        return TypedResults.Stream(file, contentType);
    }

    private static NoContent DeleteJob(string id, JobStore jobs) =>
        jobs.TryRemove(id) ? TypedResults.NoContent() : throw NoSuchJob();

    private static Job Find(JobStore jobs, string id) => jobs.Find(id) ?? throw NoSuchJob();

    private static RequestException NoSuchJob() =>
        new(StatusCodes.Status404NotFound, "There is no job with this id; GET /v1/jobs lists those there are.");
}
