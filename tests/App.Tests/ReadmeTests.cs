using System.Diagnostics;
using System.Text.RegularExpressions;

namespace MeshFromFaces.App.Tests;

/// <summary>The README's commands work as they stand there.</summary>
public sealed partial class ReadmeTests
{
    [Fact]
    public async Task Its_commands_that_make_something_succeed_from_the_repositorys_folder()
    {
        string readme = await File.ReadAllTextAsync(Path.Combine(Repository.Root, "README.md"));
        string[][] commands = [.. RunCommand().Matches(readme)
            .Select(match => match.Groups["arguments"].Value.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .Where(arguments => arguments[0] is "mesh" or "landmarks")];
        Assert.Contains(commands, arguments => arguments[0] == "mesh");

        using var folder = new TemporaryFolder();
        Directory.CreateSymbolicLink(folder["examples"], Path.Combine(Repository.Root, "examples"));
        foreach (string[] arguments in commands)
        {
            var run = await Executable.RunInAsync(folder.Path, arguments);
            Assert.True(run.ExitCode == 0, $"{string.Join(' ', arguments)}: {run.Error}");
            int output = Array.FindIndex(arguments, argument => argument is "--output" or "-o");
            Assert.True(Path.Exists(folder[arguments[output + 1]]), string.Join(' ', arguments));
        }
    }

    [Fact]
    public async Task Its_lines_for_the_server_post_a_photo_and_say_how_it_stands()
    {
        if (OperatingSystem.IsWindows())
        {
            return; // The lines are for a Unix shell.
        }
        string readme = await File.ReadAllTextAsync(Path.Combine(Repository.Root, "README.md"));
        string lines = string.Join('\n', ShellLine().Matches(readme).Select(match => match.Groups["line"].Value));
        Assert.Contains("server.json", lines, StringComparison.Ordinal);
        Assert.Contains("examples/photos/astronaut.png", lines, StringComparison.Ordinal);

        // As at a user's, the server and the lines find each other in the home folder.
        using var home = new TemporaryFolder();
        using var server = await ServerProcess.StartAsync(home[".local/share/MeshFromFaces"]);
        using var shell = Process.Start(new ProcessStartInfo("bash", ["-eu", "-c", lines])
        {
            WorkingDirectory = Repository.Root,
            Environment = { ["HOME"] = home.Path },
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var run = await Executable.FinishAsync(shell);

        Assert.True(run.ExitCode == 0, run.Error);
        // The job as it was taken, then the list that it is in.
        string[] ids = [.. JobId().Matches(run.Output).Select(match => match.Groups["id"].Value)];
        Assert.Equal(2, ids.Length);
        Assert.Equal(ids[0], ids[1]);
    }

    [Fact]
    public async Task Its_test_command_is_there_to_be_run()
    {
        Assert.Contains("tests/run", await File.ReadAllTextAsync(Path.Combine(Repository.Root, "README.md")), StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(Repository.Root, "tests", "run")));
    }

    /// <summary>A line such as: dotnet run --project server/App -- mesh photo.jpg --output face.glb</summary>
    [GeneratedRegex(@"^\s*dotnet run .*server/App.* -- (?<arguments>[^\r\n]+)", RegexOptions.Multiline)]
    private static partial Regex RunCommand();

    [GeneratedRegex(@"""id"":""(?<id>[0-9a-f]{32})""")]
    private static partial Regex JobId();

    /// <summary>A line that reads the handshake or calls the server.</summary>
    [GeneratedRegex(@"^    (?<line>(read|curl) [^\r\n]+)", RegexOptions.Multiline)]
    private static partial Regex ShellLine();
}
