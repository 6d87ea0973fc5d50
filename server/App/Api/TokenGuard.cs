using System.Security.Cryptography;
using System.Text;

namespace MeshFromFaces.Server.Api;

/// <summary>Serves those alone who know the token, that is, who may read this user's handshake file. GET /health tells nothing worth hiding.</summary>
internal sealed class TokenGuard(ServerSettings settings)
{
    private const string Scheme = "Bearer ";

    private readonly byte[] _token = Encoding.UTF8.GetBytes(settings.Token);

    public Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        bool open = HttpMethods.IsGet(context.Request.Method) && context.Request.Path == ModelEndpoints.Health;
        return open || IsKnown(context.Request.Headers.Authorization.ToString())
            ? next(context)
            : throw new RequestException(StatusCodes.Status401Unauthorized,
                "The call needs the header 'Authorization: Bearer TOKEN' with this server's token, which is in server.json in its data folder.");
    }

    // In a time that does not depend on how much of a guess is right.
    private bool IsKnown(string authorization) =>
        authorization.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)
        && CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(authorization[Scheme.Length..].Trim()), _token);
}
