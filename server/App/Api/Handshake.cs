using System.Text.Encodings.Web;
using System.Text.Json;
using MeshFromFaces.Core;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;

namespace MeshFromFaces.Server.Api;

/// <summary>What a client of the same user needs to call the server: the content of <c>server.json</c> in the data folder.</summary>
/// <param name="Url">http://127.0.0.1:PORT, without a slash at the end.</param>
/// <param name="Token">Goes into every call as <c>Authorization: Bearer TOKEN</c>.</param>
/// <param name="Pid">Of the server's process.</param>
internal sealed record Handshake(string Url, string Token, int Pid, string Version)
{
    // A '+' in a version or a '/' in an address stay readable to those who take the file apart with sed.
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static string PathIn(string dataFolder) => Path.Combine(dataFolder, "server.json");

    /// <returns>Null when there is none, or none that can be read.</returns>
    public static Handshake? Read(string dataFolder)
    {
        try
        {
            return JsonSerializer.Deserialize<Handshake>(File.ReadAllBytes(PathIn(dataFolder)), Json);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            return null;
        }
    }

    public void Write(string dataFolder) => WholeFile.Write(PathIn(dataFolder), JsonSerializer.SerializeToUtf8Bytes(this, Json), ownerOnly: true);
}

/// <summary>Writes the handshake once the server listens, and takes it away when it begins to stop.</summary>
internal sealed class HandshakeService(ServerSettings settings, IServer server) : IHostedLifecycleService
{
    public Task StartingAsync(CancellationToken cancellationToken)
    {
        // Of a server that was killed: until the new one is there, nobody shall be sent to the old one's port.
        File.Delete(Handshake.PathIn(settings.DataFolder));
        return Task.CompletedTask;
    }

    public Task StartedAsync(CancellationToken cancellationToken)
    {
        string url = server.Features.Get<IServerAddressesFeature>()!.Addresses.Single();
        new Handshake(url, settings.Token, Environment.ProcessId, ServerVersion.Text).Write(settings.DataFolder);
        return Task.CompletedTask;
    }

    public Task StoppingAsync(CancellationToken cancellationToken)
    {
        File.Delete(Handshake.PathIn(settings.DataFolder));
        return Task.CompletedTask;
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
