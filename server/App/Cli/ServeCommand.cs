using System.CommandLine;
using System.Net.Sockets;
using MeshFromFaces.Server.Api;
using MeshFromFaces.Server.Jobs;

namespace MeshFromFaces.Server.Cli;

/// <summary><c>serve [--port N] [--data FOLDER]</c></summary>
internal static class ServeCommand
{
    private static readonly Option<int> Port = CommonOptions.WholeNumber("--port", 0, 65535, 0,
        "Port on 127.0.0.1; 0 lets the system choose a free one.");

    private static readonly Option<string> Data = new("--data")
    {
        Description = "Folder for the jobs and their results.",
        HelpName = "FOLDER",
        DefaultValueFactory = _ => ServerSettings.DefaultDataFolder,
    };

    public static Command Create()
    {
        var command = new Command("serve", """
            Serves the same over HTTP, to programs on this machine only. Ctrl-C stops it.

            Example:
              mesh-from-faces serve --port 8731
            """)
        {
            Port, Data, CommonOptions.Model,
        };
        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        var settings = new ServerSettings
        {
            Port = parsed.GetRequiredValue(Port),
            DataFolder = parsed.GetRequiredValue(Data),
            ModelFolder = parsed.GetValue(CommonOptions.Model),
            LogLevel = parsed.GetValue(CommonOptions.Quiet) ? LogLevel.Warning
                : parsed.GetValue(CommonOptions.Verbose) ? LogLevel.Debug : LogLevel.Information,
        };
        CreateDataFolder(settings.DataFolder);
        await using var app = ServerHost.Build(settings);
        try
        {
            await app.StartAsync(cancellation);
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            throw new CommandException(ExitCode.Failed, $"Port {settings.Port} cannot be used ({e.Message.TrimEnd('.')}). Choose another with --port, or leave it out.");
        }
        Console.WriteLine($"Listening on {app.Urls.Single()}");
        // Ctrl-C ends the wait, not the work: stopping is the host's and has its own time limit.
        await app.WaitForShutdownAsync(cancellation);
        return ExitCode.Success;
    }

    private static void CreateDataFolder(string folder)
    {
        try
        {
            PrivateFolder.Create(folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new CommandException(ExitCode.Failed, $"--data '{folder}' cannot be used as a folder ({e.Message.TrimEnd('.')}). Choose another.");
        }
    }
}
