using System.Net;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using MeshFromFaces.Server.Cli;
using MeshFromFaces.Server.Jobs;

namespace MeshFromFaces.Server.Api;

/// <summary>Puts the server together: Kestrel on loopback, one worker, the endpoints.</summary>
internal static class ServerHost
{
    public static WebApplication Build(ServerSettings settings)
    {
        // The content root is ours, so that no appsettings.json of the folder we are started in gets a say.
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        // Nor has the environment: a Kestrel or URL setting there could open more than loopback.
        builder.Configuration.Sources.Clear();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = settings.Limits.BodyBytes;
            kestrel.Listen(IPAddress.Loopback, settings.Port);
        });
        builder.Logging.ClearProviders()
            .AddSimpleConsole(console => { console.SingleLine = true; console.TimestampFormat = "HH:mm:ss "; })
            .AddFilter("Microsoft", LogLevel.Warning)
            // A host that cannot start throws, and the command says why in one line.
            .AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.None)
            .SetMinimumLevel(settings.LogLevel);
        builder.Services
            .Configure<Microsoft.Extensions.Logging.Console.ConsoleLoggerOptions>(console => console.LogToStandardErrorThreshold = LogLevel.Trace)
            .Configure<HostOptions>(host => host.ShutdownTimeout = CommandLine.StopTimeout)
            .ConfigureHttpJsonOptions(json =>
            {
                json.SerializerOptions.Converters.Add(new JsonStringEnumConverter(JsonNamingPolicy.CamelCase));
                // Plain quotes in sentences; no answer is ever HTML, and nosniff keeps it so.
                json.SerializerOptions.Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping;
            })
            .AddSingleton<IProblemDetailsWriter, ProblemWriter>()
            .AddProblemDetails()
            .AddExceptionHandler<ProblemHandler>()
            .AddSingleton(settings)
            .AddSingleton(settings.Limits)
            .AddSingleton<JobStore>()
            .AddSingleton<ModelHost>()
            .AddHostedService(services => services.GetRequiredService<ModelHost>())
            .AddHostedService<JobWorker>()
            .AddHostedService<HandshakeService>();
        if (settings.IdleExit is { } after)
        {
            builder.Services
                .AddSingleton(settings.Clock)
                .AddSingleton(services => ActivatorUtilities.CreateInstance<IdleExit>(services, after))
                .AddHostedService(services => services.GetRequiredService<IdleExit>());
        }

        var app = builder.Build();
        app.UseExceptionHandler();
        app.UseStatusCodePages();
        app.Use(LoopbackGuard.InvokeAsync);
        app.Use(new TokenGuard(settings).InvokeAsync);
        if (app.Services.GetService<IdleExit>() is { } idle)
        {
            app.Use(idle.InvokeAsync);
        }
        app.MapJobs();
        app.MapModel();
        return app;
    }
}
