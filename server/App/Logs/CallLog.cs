using System.Diagnostics;

namespace MeshFromFaces.Server.Logs;

/// <summary>
/// Logs each call: those that were refused or failed for everybody, the others under --verbose. It names the endpoint, never
/// what the client wrote into the address, the headers or the body: those may hold names of people or the token.
/// </summary>
internal sealed partial class CallLog(ILogger<CallLog> log)
{
    public async Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        long start = Stopwatch.GetTimestamp();
        // Known before the call, as an exception on its way wipes it.
        string endpoint = (context.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText ?? "no endpoint";
        string method = context.Request.Method is "GET" or "POST" or "DELETE" ? context.Request.Method : "Another method for";
        await next(context);
        int status = context.Response.StatusCode;
        double milliseconds = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        LogCall(status >= StatusCodes.Status400BadRequest ? LogLevel.Information : LogLevel.Debug, method, endpoint, status, milliseconds);
    }

    [LoggerMessage(EventId = 1, Message = "{Method} {Endpoint}: {Status} in {Milliseconds:0} ms.")]
    private partial void LogCall(LogLevel level, string method, string endpoint, int status, double milliseconds);
}
