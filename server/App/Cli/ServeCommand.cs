using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Net.Sockets;
using MeshFromFaces.Server.Api;
using MeshFromFaces.Server.Jobs;
using Microsoft.AspNetCore.Connections;

namespace MeshFromFaces.Server.Cli;

/// <summary><c>serve [--port N] [--data FOLDER] [...]</c></summary>
internal static class ServeCommand
{
    private const long Gigabyte = 1_000_000_000;

    private static readonly Option<int> Port = CommonOptions.WholeNumber("--port", 0, 65535, 0,
        "Port on 127.0.0.1; 0 lets the system choose a free one.");

    private static readonly Option<string> Data = new("--data")
    {
        Description = "Folder for the jobs and their results, and for server.json: the address and the token that clients need.",
        HelpName = "FOLDER",
        DefaultValueFactory = _ => ServerSettings.DefaultDataFolder,
    };

    private static readonly Option<TimeSpan?> IdleExit = new("--idle-exit")
    {
        Description = "Stop when nobody has called and no job has waited or run for so many minutes. [default: never]",
        HelpName = "MINUTES",
        CustomParser = ParseMinutes,
    };

    private static readonly Option<string?> Limits = new("--limits")
    {
        Description = "JSON file with other limits than the standard ones, such as {\"views\": 8}; see above.",
        HelpName = "FILE",
    };

    private static readonly Option<int> KeepDays = CommonOptions.WholeNumber("--keep-days", 1, 36_500, (int)new RetentionSettings().Age.TotalDays,
        "Days that a result is kept after its job has ended.");

    private static readonly Option<int> KeepGigabytes = CommonOptions.WholeNumber("--keep-gigabytes", 1, 1_000_000, (int)(new RetentionSettings().Bytes / Gigabyte),
        "How much room all results may take together; past it the oldest go.");

    public static Command Create()
    {
        var command = new Command("serve", $"""
            Serves the same over HTTP, to programs on this machine only. Ctrl-C stops it.

            Example:
              mesh-from-faces serve --port 8731

            Limits (name, standard, range):{LimitsFile.Help}
            """)
        {
            Port, Data, KeepDays, KeepGigabytes, IdleExit, Limits, CommonOptions.Model,
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
            IdleExit = parsed.GetValue(IdleExit),
            Retention = new RetentionSettings
            {
                Age = TimeSpan.FromDays(parsed.GetRequiredValue(KeepDays)),
                Bytes = parsed.GetRequiredValue(KeepGigabytes) * Gigabyte,
            },
            Limits = parsed.GetValue(Limits) is { } file ? LimitsFile.Read(file) : new ServerLimits(),
            LogLevel = parsed.GetValue(CommonOptions.Quiet) ? LogLevel.Warning
                : parsed.GetValue(CommonOptions.Verbose) ? LogLevel.Debug : LogLevel.Information,
        };
        using var held = HoldDataFolder(settings.DataFolder);
        await using var app = ServerHost.Build(settings);
        try
        {
            await app.StartAsync(cancellation);
        }
        catch (IOException e) when (DiskFull.Is(e))
        {
            throw new CommandException(ExitCode.Failed, $"The disk of the data folder '{settings.DataFolder}' is full. Free some space, or choose another folder with --data.");
        }
        catch (Exception e) when (e is SocketException or { InnerException: AddressInUseException })
        {
            throw new CommandException(ExitCode.Failed, $"Port {settings.Port} cannot be used ({e.Message.TrimEnd('.')}). Choose another with --port, or leave it out.");
        }
        Console.WriteLine($"Listening on {app.Urls.Single()}");
        // Ctrl-C ends the wait, not the work: stopping is the host's and has its own time limit.
        await app.WaitForShutdownAsync(cancellation);
        return ExitCode.Success;
    }

    private static DataLock HoldDataFolder(string folder)
    {
        DataLock? held;
        try
        {
            PrivateFolder.Create(folder);
            held = DataLock.TryTake(folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new CommandException(ExitCode.Failed, $"--data '{folder}' cannot be used as a folder ({e.Message.TrimEnd('.')}). Choose another.");
        }
        return held ?? throw new CommandException(ExitCode.Failed, Handshake.Read(folder) is { } holder
            ? $"The data folder '{folder}' is held by process {holder.Pid}, which serves {holder.Url}. Use that server, or choose another folder with --data."
            : $"The data folder '{folder}' is held by another server that is just starting or stopping. Try again, or choose another folder with --data.");
    }

    private static TimeSpan? ParseMinutes(ArgumentResult result)
    {
        string text = result.Tokens[0].Value;
        if (double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double minutes) && minutes is > 0 and <= 1e6)
        {
            return TimeSpan.FromMinutes(minutes);
        }
        result.AddError($"--idle-exit takes a number of minutes above 0, such as 10 or 0.5, not '{text}'.");
        return null;
    }
}
