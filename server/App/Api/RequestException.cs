namespace MeshFromFaces.Server.Api;

/// <summary>Ends a request with a problem answer; the message is one sentence for the client, shown as it is.</summary>
internal sealed class RequestException(int status, string message) : Exception(message)
{
    public int Status { get; } = status;

    /// <summary>When trying again makes sense.</summary>
    public TimeSpan? RetryAfter { get; init; }
}
