using System.Text;
using System.Text.Json;
using System.Threading.Channels;
using MeshFromFaces.Server.Jobs;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.Extensions.Options;

namespace MeshFromFaces.Server.Api;

/// <summary>
/// A job as server-sent events: its record as it is, then at each change, each a message <c>event: job</c> with the same
/// JSON that polling gives, until it has ended. A server that stops ends the stream too; whoever finds no end in it asks again.
/// </summary>
internal sealed class JobEvents(IOptions<JsonOptions> json, IHostApplicationLifetime lifetime)
{
    // A comment line, so that neither side takes a quiet connection for a dead one.
    private static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(15);

    public async Task WriteAsync(Job job, HttpContext context)
    {
        context.Response.ContentType = "text/event-stream";
        context.Response.Headers.CacheControl = "no-store";
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, lifetime.ApplicationStopping);
        var records = job.Follow();
        try
        {
            while (await NextAsync(records, context, ending.Token))
            {
                while (records.Reader.TryRead(out var record))
                {
                    await SendAsync(context, $"event: job\ndata: {JsonSerializer.Serialize(record, json.Value.SerializerOptions)}\n\n", ending.Token);
                }
            }
        }
        catch (OperationCanceledException) when (ending.IsCancellationRequested)
        {
            // The client left, or the server stops: the stream is over either way.
        }
        finally
        {
            job.Unfollow(records);
        }
    }

    /// <returns>False when there will be no further record.</returns>
    private static async Task<bool> NextAsync(Channel<JobRecord> records, HttpContext context, CancellationToken cancellation)
    {
        var next = records.Reader.WaitToReadAsync(cancellation).AsTask();
        while (await Task.WhenAny(next, Task.Delay(Heartbeat, cancellation)) != next)
        {
            await SendAsync(context, ": \n\n", cancellation);
        }
        return await next;
    }

    private static async Task SendAsync(HttpContext context, string text, CancellationToken cancellation)
    {
        await context.Response.Body.WriteAsync(Encoding.UTF8.GetBytes(text), cancellation);
        await context.Response.Body.FlushAsync(cancellation);
    }
}
