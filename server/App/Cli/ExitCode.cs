namespace MeshFromFaces.Server.Cli;

/// <summary>What the process answers its caller; part of the command line's contract.</summary>
internal static class ExitCode
{
    public const int Success = 0;

    /// <summary>Something failed that is not the user's photos' fault: no space, no permission, a fault of ours.</summary>
    public const int Failed = 1;

    /// <summary>The command line itself is wrong.</summary>
    public const int Usage = 2;

    /// <summary>A photo or the model folder is at fault.</summary>
    public const int Input = 3;

    /// <summary>Ended by Ctrl-C: 128 + SIGINT, as shells expect.</summary>
    public const int Cancelled = 130;
}

/// <summary>Ends a command with one sentence for the user, shown as it is.</summary>
internal sealed class CommandException(int exitCode, string message) : Exception(message)
{
    public int ExitCode { get; } = exitCode;
}
