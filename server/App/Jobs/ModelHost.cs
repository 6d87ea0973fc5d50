using MeshFromFaces.Core;
using MeshFromFaces.Core.Imaging;
using MeshFromFaces.Server.Api;

namespace MeshFromFaces.Server.Jobs;

internal enum ModelState { Loading, Ready, Unusable }

/// <summary>Loads the model once, in the background, from the moment the server starts.</summary>
internal sealed partial class ModelHost : IHostedService, IDisposable
{
    private readonly ServerSettings _settings;
    private readonly ILogger<ModelHost> _log;
    private readonly Lazy<Task<FacePipeline>> _loading;

    public ModelHost(ServerSettings settings, ILogger<ModelHost> log)
    {
        (_settings, _log) = (settings, log);
        _loading = new(() => Task.Run(Load));
    }

    public ModelState State => _loading.Value switch
    {
        { IsCompletedSuccessfully: true } => ModelState.Ready,
        { IsCompleted: true } => ModelState.Unusable,
        _ => ModelState.Loading,
    };

    /// <summary>Why the model is unusable, in words for the user; null while it is not.</summary>
    public string? Fault => _loading.Value.Exception?.InnerException?.Message;

    /// <exception cref="RequestException">503: the model cannot be loaded; the message says why.</exception>
    public Task<FacePipeline> ReadyAsync(CancellationToken cancellation) => _loading.Value.WaitAsync(cancellation);

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _ = _loading.Value;
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Waits for a model that is still loading: the process would end in the midst of native code, and crash.</summary>
    public void Dispose()
    {
        if (_loading.IsValueCreated && Task.WhenAny(_loading.Value).Result is { IsCompletedSuccessfully: true } loaded)
        {
            loaded.Result.Dispose();
        }
    }

    private FacePipeline Load()
    {
        try
        {
            var limits = _settings.Limits;
            var photos = new PhotoLimits { FileBytes = limits.FileBytes, Pixels = limits.Pixels, CapturePixels = limits.CapturePixels };
            var pipeline = FacePipeline.Load(_settings.ModelFolder, photoLimits: photos);
            LogReady(pipeline.Model.Name, pipeline.Model.Version, pipeline.Device);
            return pipeline;
        }
        catch (InputException e)
        {
            LogUnusable(e.Message);
            throw new RequestException(StatusCodes.Status503ServiceUnavailable, e.Message);
        }
        catch (Exception e)
        {
            LogFailed(e);
            throw new RequestException(StatusCodes.Status503ServiceUnavailable, "The model could not be loaded; the server's log says why.");
        }
    }

    [LoggerMessage(1, LogLevel.Information, "Model {Name} {Version} is ready on {Device}.")]
    private partial void LogReady(string name, string version, string device);

    [LoggerMessage(2, LogLevel.Error, "No job can run: {Reason}")]
    private partial void LogUnusable(string reason);

    [LoggerMessage(3, LogLevel.Error, "The model could not be loaded.")]
    private partial void LogFailed(Exception exception);
}
