using System.CommandLine;
using MeshFromFaces.Core;

namespace MeshFromFaces.Server.Cli;

/// <summary>The command line: parses, runs one command, and turns whatever happens into an exit code and one line.</summary>
internal static class CommandLine
{
    /// <summary>How long a command may take to stop after Ctrl-C, before the process ends without it.</summary>
    public static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(10);

    public static async Task<int> RunAsync(string[] args)
    {
        // A photo may be called @me.jpg: '@' does not name a response file here.
        var parser = new ParserConfiguration { ResponseFileTokenReplacer = null };
        var parsed = Root().Parse(args is [] ? ["--help"] : args, parser);
        try
        {
            if (parsed.Errors is [var first, ..])
            {
                string problem = parsed.UnmatchedTokens is [var unknown, ..] ? $"'{unknown}' is not known here." : first.Message;
                string command = parsed.CommandResult.Command is RootCommand ? "" : parsed.CommandResult.Command.Name + " ";
                throw new CommandException(ExitCode.Usage, $"{problem} See: mesh-from-faces {command}--help");
            }
            return await parsed.InvokeAsync(new InvocationConfiguration
            {
                EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = StopTimeout,
            });
        }
        catch (Exception exception)
        {
            var (exitCode, message) = exception switch
            {
                CommandException e => (e.ExitCode, e.Message),
                InputException => (ExitCode.Input, exception.Message),
                OperationCanceledException => (ExitCode.Cancelled, "Cancelled; nothing was written."),
                _ => (ExitCode.Failed, $"{exception.Message.TrimEnd('.')}. Run it again with --verbose to see where it failed."),
            };
            Console.Error.WriteLine($"error: {message.ReplaceLineEndings(" ")}");
            if (parsed.GetValue(CommonOptions.Verbose))
            {
                Console.Error.WriteLine(exception);
            }
            return exitCode;
        }
    }

    private static RootCommand Root() => new("Turns photos of one face into a posed, textured 3D mesh (GLB), all on this machine.")
    {
        MeshCommand.Create(),
        LandmarksCommand.Create(),
        VideoCommand.Create(),
        ServeCommand.Create(),
        CommonOptions.Quiet,
        CommonOptions.Verbose,
    };
}
