namespace MeshFromFaces.Server.Api;

/// <summary>
/// Refuses web pages. A page of another site can make the browser of this machine call 127.0.0.1; such a call carries
/// the page's Origin, or, with DNS rebinding, the page's own name as Host. Both are refused, and no answer may be taken for a page or a script.
/// </summary>
internal static class LoopbackGuard
{
    private static readonly string[] LoopbackNames = ["127.0.0.1", "localhost"];

    public static Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        // At the last moment: what is set now, a problem answer wipes.
        context.Response.OnStarting(() =>
        {
            context.Response.Headers.XContentTypeOptions = "nosniff";
            return Task.CompletedTask;
        });
        var host = context.Request.Host;
        if (!LoopbackNames.Contains(host.Host, StringComparer.OrdinalIgnoreCase))
        {
            throw new RequestException(StatusCodes.Status403Forbidden, "The Host header is not this machine's: only 127.0.0.1 and localhost are served.");
        }
        foreach (string? origin in context.Request.Headers.Origin)
        {
            if (!string.Equals(origin, $"{context.Request.Scheme}://{host.Value}", StringComparison.OrdinalIgnoreCase))
            {
                throw new RequestException(StatusCodes.Status403Forbidden, "Requests of web pages from elsewhere (Origin header) are refused.");
            }
        }
        return next(context);
    }
}
