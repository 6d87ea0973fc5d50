using System.Net;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using MeshFromFaces.Server.Cli;
using MeshFromFaces.Server.Jobs;
using MeshFromFaces.Server.Logs;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace MeshFromFaces.Server.Api;

/// <summary>Puts the server together: Kestrel on loopback, one worker, the endpoints.</summary>
internal static class ServerHost
{
    private const int ThreadsForCallers = 16;

    public static WebApplication Build(ServerSettings settings)
    {
        // A job's loops take all of the pool's first threads, one a processor; who calls is not to wait for the pool to grow.
        ThreadPool.GetMinThreads(out int workers, out int ports);
        ThreadPool.SetMinThreads(Math.Max(workers, Environment.ProcessorCount + ThreadsForCallers), ports);
        // The content root is ours, so that no appsettings.json of the folder we are started in gets a say.
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        // Nor has the environment: a Kestrel or URL setting there could open more than loopback.
        builder.Configuration.Sources.Clear();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            var patience = TimeSpan.FromSeconds(settings.Limits.PatienceSeconds);
            kestrel.Limits.MaxRequestBodySize = settings.Limits.BodyBytes;
            kestrel.Limits.MaxConcurrentConnections = settings.Limits.Connections;
            kestrel.Limits.RequestHeadersTimeout = patience;
            kestrel.Limits.MinRequestBodyDataRate = new MinDataRate(settings.Limits.BytesPerSecond, patience);
            kestrel.Limits.MinResponseDataRate = new MinDataRate(settings.Limits.BytesPerSecond, patience);
            kestrel.Listen(IPAddress.Loopback, settings.Port, listen => listen.Protocols = HttpProtocols.Http1);
        });
        builder.Logging.ClearProviders()
            .AddSimpleConsole(console => { console.SingleLine = true; console.TimestampFormat = "HH:mm:ss "; })
            .AddProvider(new LogFile(Path.Combine(settings.DataFolder, "logs")))
            .SetMinimumLevel(LogLevel.Trace)
            .AddFilter((provider, category, level) => level >= LeastLevel(provider, category, settings.LogLevel));
        builder.Services
            .Configure<Microsoft.Extensions.Logging.Console.ConsoleLoggerOptions>(console => console.LogToStandardErrorThreshold = LogLevel.Trace)
            .Configure<HostOptions>(host => host.ShutdownTimeout = CommandLine.StopTimeout)
            .ConfigureHttpJsonOptions(json =>
            {
                json.SerializerOptions.Converters.Add(new JsonStringEnumConverter(JsonNamingPolicy.CamelCase));
                json.SerializerOptions.NumberHandling = JsonNumberHandling.Strict;
                // Plain quotes in sentences; no answer is ever HTML, and nosniff keeps it so.
                json.SerializerOptions.Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping;
            })
            // Only a lambda right here gets the sentences of the XML comments.
            .AddOpenApi(options => ApiDescription.Configure(options))
            .AddSingleton<IProblemDetailsWriter, ProblemWriter>()
            .AddProblemDetails()
            .AddExceptionHandler<ProblemHandler>()
            .AddSingleton(settings)
            .AddSingleton(settings.Limits)
            .AddSingleton<JobStore>()
            .AddSingleton<JobEvents>()
            .AddSingleton<ModelHost>()
            .AddHostedService(services => services.GetRequiredService<ModelHost>())
            .AddHostedService<JobWorker>()
            .AddHostedService<Retention>()
            .AddHostedService<HandshakeService>();
        if (settings.IdleExit is { } after)
        {
            builder.Services
                .AddSingleton(settings.Clock)
                .AddSingleton(services => ActivatorUtilities.CreateInstance<IdleExit>(services, after))
                .AddHostedService(services => services.GetRequiredService<IdleExit>());
        }

        var app = builder.Build();
        app.Use(new CallLog(app.Services.GetRequiredService<ILogger<CallLog>>()).InvokeAsync);
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
        app.MapOpenApi();
        return app;
    }

    // The file keeps what a later look may need, however quiet the console is to be.
    private static LogLevel LeastLevel(string? provider, string? category, LogLevel console)
    {
        var least = provider == typeof(LogFile).FullName && console > LogLevel.Information ? LogLevel.Information : console;
        return category switch
        {
            // A host that cannot start throws, and the command says why in one line.
            "Microsoft.Extensions.Hosting.Internal.Host" => LogLevel.None,
            not null when category.StartsWith("Microsoft", StringComparison.Ordinal) && least < LogLevel.Warning => LogLevel.Warning,
            _ => least,
        };
    }
}
