using System.Diagnostics;
using System.Globalization;

namespace MeshFromFaces.App.Tests;

/// <summary>What a run of the executable left behind.</summary>
internal sealed record Run(int ExitCode, string Output, string Error)
{
    /// <summary>Standard error as lines; the last is what went wrong.</summary>
    public IReadOnlyList<string> ErrorLines => Error.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>Asserts the exit code, and that one line says what is wrong: no stack trace, no second error.</summary>
    public string AssertFails(int exitCode)
    {
        Assert.True(ExitCode == exitCode, $"exit code {ExitCode} instead of {exitCode}: {Error}");
        string line = Assert.Single(ErrorLines, line => line.StartsWith("error: ", StringComparison.Ordinal));
        Assert.Equal(ErrorLines[^1], line);
        Assert.DoesNotContain("   at ", Error, StringComparison.Ordinal);
        return line;
    }
}

/// <summary>The built program as a process of its own, as a user starts it.</summary>
internal static class Executable
{
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    public static string File { get; } = Path.Combine(AppContext.BaseDirectory, OperatingSystem.IsWindows() ? "mesh-from-faces.exe" : "mesh-from-faces");

    public static Task<Run> RunAsync(params IEnumerable<string> arguments) => RunInAsync(Environment.CurrentDirectory, arguments);

    public static async Task<Run> RunInAsync(string folder, IEnumerable<string> arguments)
    {
        using var process = Start(arguments, folder);
        return await FinishAsync(process);
    }

    /// <param name="under">Of Linux: a command with its arguments that runs the one that follows them in its own place.</param>
    public static Process Start(IEnumerable<string> arguments, string folder = "", IEnumerable<string>? under = null) => Process.Start(new ProcessStartInfo(
        // A test run in the background inherits an ignored SIGINT, and would hand it on; a user's shell does not.
        OperatingSystem.IsLinux() ? "env" : File, OperatingSystem.IsLinux() ? ["--default-signal=INT", .. under ?? [], File, .. arguments] : arguments)
    {
        WorkingDirectory = folder,
        RedirectStandardInput = true,
        RedirectStandardOutput = true,
        RedirectStandardError = true,
    })!;

    public static async Task<Run> FinishAsync(Process process)
    {
        process.StandardInput.Close();
        using var patience = new CancellationTokenSource(Patience);
        var output = process.StandardOutput.ReadToEndAsync(patience.Token);
        var error = process.StandardError.ReadToEndAsync(patience.Token);
        try
        {
            await process.WaitForExitAsync(patience.Token);
            return new Run(process.ExitCode, await output, await error);
        }
        finally
        {
            Kill(process);
        }
    }

    public static void Kill(Process process)
    {
        if (!process.HasExited)
        {
            process.Kill(entireProcessTree: true);
        }
    }

    /// <summary>Sends a signal by the system's own kill, as a terminal or a service manager would.</summary>
    public static async Task SignalAsync(Process process, string signal)
    {
        using var kill = Process.Start("kill", [signal, process.Id.ToString(CultureInfo.InvariantCulture)]);
        await kill.WaitForExitAsync();
        Assert.Equal(0, kill.ExitCode);
    }
}
