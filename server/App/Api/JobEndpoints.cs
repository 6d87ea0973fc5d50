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
        jobs.MapGet("/{id}/files/{**name}", GetFile);
        jobs.MapDelete("/{id}", DeleteJob);
    }

    private static async Task<Accepted<JobRecord>> CreateJobAsync(
        HttpRequest request, JobStore jobs, ModelHost model, ServerLimits limits, CancellationToken cancellation)
    {
        if (jobs.IsFull)
        {
            throw QueueFull(limits);
        }
        var pipeline = await model.ReadyAsync(cancellation);
        var job = jobs.Create();
        bool queued = false;
        try
        {
            await JobRequest.ReadAsync(request, job, pipeline, limits, cancellation);
            queued = jobs.TryEnqueue(job);
        }
        finally
        {
            if (!queued)
            {
                job.RemoveFolder();
            }
        }
        return queued ? TypedResults.Accepted($"/v1/jobs/{job.Id}", job.Record) : throw QueueFull(limits);
    }

    private static Ok<IReadOnlyList<JobRecord>> GetJobs(JobStore jobs) => TypedResults.Ok(jobs.Records);

    private static Ok<JobRecord> GetJob(string id, JobStore jobs) => TypedResults.Ok(Find(jobs, id).Record);

    private static PhysicalFileHttpResult GetFile(string id, string name, JobStore jobs)
    {
        var job = Find(jobs, id);
        // Only what the job itself listed is served, so no name can lead out of its folder.
        if (!job.Record.Files.Contains(name))
        {
            throw new RequestException(StatusCodes.Status404NotFound, $"Job {job.Id} has no such file; the 'files' of its record name what there is.");
        }
        string contentType = ContentTypes.TryGetContentType(name, out string? known) ? known : "application/octet-stream";
        return TypedResults.PhysicalFile(Path.Combine(job.OutputFolder, name), contentType);
    }

    private static NoContent DeleteJob(string id, JobStore jobs) =>
        jobs.TryRemove(id) ? TypedResults.NoContent() : throw NoSuchJob();

    private static Job Find(JobStore jobs, string id) => jobs.Find(id) ?? throw NoSuchJob();

    private static RequestException NoSuchJob() =>
        new(StatusCodes.Status404NotFound, "There is no job with this id; GET /v1/jobs lists those there are.");

    private static RequestException QueueFull(ServerLimits limits) =>
        new(StatusCodes.Status429TooManyRequests, $"{limits.QueuedJobs} jobs are waiting already, the most there may be. Try again later.")
        {
            RetryAfter = TimeSpan.FromSeconds(5),
        };
}
