using System.Net;

namespace MeshFromFaces.App.Tests;

/// <summary>A POST /v1/jobs that sends the beginning of a photo and then waits, until it is disposed and with that cut off.</summary>
internal sealed class HeldUpload : IDisposable
{
    private readonly CancellationTokenSource _over = new();
    private readonly int _bytes;

    /// <param name="bytes">Of the photo, that are sent.</param>
    public HeldUpload(HttpClient server, int bytes)
    {
        _bytes = bytes;
        var form = new MultipartFormDataContent { { new Beginning(bytes, _over.Token), "images", "held.jpg" } };
        Answer = server.PostAsync("/v1/jobs", form, _over.Token);
    }

    /// <summary>What the server says before it has all.</summary>
    public Task<HttpResponseMessage> Answer { get; }

    /// <summary>Waits until the server has on its disk what was sent.</summary>
    public async Task ReceivedAsync(string jobsFolder)
    {
        using var patience = new CancellationTokenSource(Executable.Patience);
        // The multipart reader holds back what could be the beginning of a boundary.
        while (!Directory.EnumerateFiles(jobsFolder, "00", SearchOption.AllDirectories).Any(file => new FileInfo(file).Length > _bytes - 100))
        {
            Assert.False(Answer.IsCompleted, "It was answered before it was received.");
            await Task.Delay(20, patience.Token);
        }
    }

    public void Dispose()
    {
        _over.Cancel();
        _over.Dispose();
    }

    private sealed class Beginning(int bytes, CancellationToken over) : HttpContent
    {
        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            await stream.WriteAsync(new byte[bytes], over);
            await stream.FlushAsync(over);
            await Task.Delay(Timeout.Infinite, over);
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
