using System.Globalization;
using MeshFromFaces.Core;
using MeshFromFaces.Server.Jobs;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.Options;

namespace MeshFromFaces.Server.Api;

/// <summary>The one catch of the server: every exception of a request becomes a problem answer (RFC 9457).</summary>
internal sealed partial class ProblemHandler(IProblemDetailsService problems, ILogger<ProblemHandler> log) : IExceptionHandler
{
    public async ValueTask<bool> TryHandleAsync(HttpContext context, Exception exception, CancellationToken cancellation)
    {
        var (status, detail) = exception switch
        {
            RequestException e => (e.Status, e.Message),
            InputException => (StatusCodes.Status400BadRequest, exception.Message),
            BadHttpRequestException e => (e.StatusCode, e.Message),
            _ when DiskFull.Is(exception) => (StatusCodes.Status507InsufficientStorage, DiskFull.Message),
            _ => (StatusCodes.Status500InternalServerError, "Something failed in the server; its log says what. The request was not carried out."),
        };
        if (status == StatusCodes.Status500InternalServerError)
        {
            LogUnexpected(log, context.Request.Method, exception);
        }
        if (status == StatusCodes.Status401Unauthorized)
        {
            context.Response.Headers.WWWAuthenticate = "Bearer";
        }
        if (exception is RequestException { RetryAfter: { } delay })
        {
            context.Response.Headers.RetryAfter = delay.TotalSeconds.ToString("0", CultureInfo.InvariantCulture);
        }
        context.Response.StatusCode = status;
        return await problems.TryWriteAsync(new()
        {
            HttpContext = context,
            Exception = exception,
            ProblemDetails = { Status = status, Detail = detail },
        });
    }

    [LoggerMessage(1, LogLevel.Error, "A {Method} request failed unexpectedly.")]
    private static partial void LogUnexpected(ILogger log, string method, Exception exception);
}

/// <summary>Writes problems as JSON whatever the client accepts: an error in an unwanted form beats none.</summary>
internal sealed class ProblemWriter(IOptions<JsonOptions> json) : IProblemDetailsWriter
{
    public bool CanWrite(ProblemDetailsContext context) => true;

    public async ValueTask WriteAsync(ProblemDetailsContext context)
    {
        var problem = context.ProblemDetails;
        var response = context.HttpContext.Response;
        problem.Title ??= ReasonPhrases.GetReasonPhrase(response.StatusCode);
        problem.Detail ??= response.StatusCode switch
        {
            StatusCodes.Status404NotFound => "There is nothing at this address; the calls begin with /v1/jobs, /v1/model and /health.",
            StatusCodes.Status405MethodNotAllowed => $"{context.HttpContext.Request.Method} does nothing here; allowed: {response.Headers.Allow}.",
            _ => null,
        };
        await response.WriteAsJsonAsync(problem, json.Value.SerializerOptions, "application/problem+json", context.HttpContext.RequestAborted);
    }
}
