using System.Text.Json.Serialization;
using MeshFromFaces.Core;

namespace MeshFromFaces.Server.Jobs;

internal enum JobState { Queued, Running, Succeeded, Failed, Cancelled }

/// <summary>A job as clients see it, by polling and by events alike.</summary>
/// <param name="Stage">What is being done, while it runs.</param>
/// <param name="Progress">Part of the whole job that is done, 0..1.</param>
/// <param name="Error">Why it failed, in words for the user.</param>
/// <param name="Files">Names under /v1/jobs/{id}/files/, once it succeeded.</param>
/// <param name="Skipped">Photos left out, once it succeeded.</param>
internal sealed record JobRecord(
    string Id,
    JobState State,
    string? Stage,
    double Progress,
    string? Error,
    IReadOnlyList<string> Files,
    IReadOnlyList<SkippedView> Skipped,
    DateTimeOffset CreatedAt,
    DateTimeOffset? EndedAt)
{
    public static JobRecord New(string id) => new(id, JobState.Queued, null, 0, null, [], [], DateTimeOffset.UtcNow, null);

    /// <summary>The same job, to be begun from the start.</summary>
    public JobRecord Waiting() => this with { State = JobState.Queued, Stage = null, Progress = 0 };

    [JsonIgnore]
    public bool HasEnded => State is not (JobState.Queued or JobState.Running);
}

/// <summary>request.json: what a job makes its result from, beside its inputs. Written once.</summary>
/// <param name="Photos">What the client calls them, in the order given; on disk they are numbered.</param>
internal sealed record StoredRequest(FaceOptions Options, IReadOnlyList<string> Photos);

/// <summary>state.json: how far a job had come when that last changed on disk; progress within a run is not kept.</summary>
/// <param name="Starts">How often it was begun without a server that stopped in good order.</param>
/// <param name="ResultKey">Of a result: see <see cref="Jobs.ResultKey"/>.</param>
internal sealed record StoredState(JobRecord Record, int Starts, string? ResultKey);
