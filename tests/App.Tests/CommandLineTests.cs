using MeshFromFaces.Server;

namespace MeshFromFaces.App.Tests;

/// <summary>Wrong command lines: exit code, one line, nothing written.</summary>
public sealed class CommandLineTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Help_names_every_command_with_an_example_and_succeeds()
    {
        foreach (string[] arguments in (string[][])[[], ["--help"]])
        {
            var run = await Executable.RunAsync(arguments);
            Assert.Equal(0, run.ExitCode);
            Assert.All(["mesh-from-faces mesh ", "mesh-from-faces landmarks ", "mesh-from-faces serve "],
                example => Assert.Contains(example, run.Output, StringComparison.Ordinal));
        }
    }

    [Fact]
    public async Task Version_is_the_assemblys()
    {
        var run = await Executable.RunAsync("--version");
        Assert.Equal(0, run.ExitCode);
        Assert.Equal(ServerVersion.Text, run.Output.Trim());
    }

    [Theory]
    [InlineData("--output", "mesh", "face.jpg")]
    [InlineData("PHOTO", "mesh", "--output", "face.glb")]
    [InlineData("nonsense", "nonsense")]
    [InlineData("--nonsense", "serve", "--nonsense")]
    [InlineData("--nonsense", "mesh", "face.jpg", "--nonsense", "--output", "face.glb")]
    [InlineData("512 to 8192", "mesh", "face.jpg", "--output", "face.glb", "--texture-size", "511")]
    [InlineData("512 to 8192", "mesh", "face.jpg", "--output", "face.glb", "--texture-size", "big")]
    [InlineData("65535", "serve", "--port", "70000")]
    [InlineData("GLB", "mesh", "face.jpg", "--output", "face.obj")]
    [InlineData("GLB", "mesh", "face.jpg", "--output", "-")]
    [InlineData("standard input", "mesh", "-", "--output", "face.glb")]
    [InlineData("standard input", "landmarks", "-")]
    [InlineData("2 times", "landmarks", "face.jpg", "./face.jpg")]
    [InlineData("empty", "landmarks", "")]
    [InlineData("from 1, not '0'", "landmarks", "face.jpg", "--face", "0")]
    [InlineData("'largest' or a whole number", "mesh", "face.jpg", "--output", "face.glb", "--face", "smallest")]
    [InlineData("contradict", "landmarks", "face.jpg", "--face", "2", "--all-faces")]
    [InlineData("overwrite", "landmarks", "face.jpg", "--output", "face.jpg")]
    public async Task A_wrong_command_line_is_exit_code_2_and_says_what_is_wrong(string word, params string[] arguments)
    {
        string line = (await Executable.RunAsync(arguments)).AssertFails(exitCode: 2);
        Assert.Contains(word, line, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("nosuch", "--topology")]
    [InlineData("nosuch", "--layout")]
    [InlineData("nosuch", "--style")]
    [InlineData("photo:1,nosuch:1", "--style")]
    [InlineData("1000", "--texture-size")]
    public async Task An_option_the_model_does_not_know_is_exit_code_2_and_names_it(string value, string option)
    {
        string photo = _folder.Write("face.jpg", TestPhotos.NoFace);
        string line = (await Executable.RunAsync("mesh", photo, "--output", _folder["face.glb"], option, value)).AssertFails(exitCode: 2);
        Assert.Contains(value, line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_output_that_cannot_be_written_fails_before_any_work()
    {
        string photo = _folder.Write("face.jpg", TestPhotos.NoFace);
        string inFile = Path.Combine(photo, "deeper", "face.glb");
        var run = await Executable.RunAsync("mesh", photo, "--output", inFile);
        Assert.Contains("is a file, not a folder", run.AssertFails(exitCode: 1), StringComparison.Ordinal);
        Assert.Single(run.ErrorLines);

        Assert.Contains("is a folder", (await Executable.RunAsync("landmarks", photo, "--output", _folder.Path)).AssertFails(exitCode: 2), StringComparison.Ordinal);
        Assert.Equal(["face.jpg"], _folder.Files);
    }

    [Fact]
    public async Task A_model_folder_that_is_not_one_is_the_inputs_fault_and_is_named()
    {
        string photo = _folder.Write("face.jpg", TestPhotos.NoFace);
        string line = (await Executable.RunAsync("landmarks", photo, "--model", _folder["nowhere"])).AssertFails(exitCode: 3);
        Assert.Contains("nowhere", line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Verbose_shows_where_an_error_came_from()
    {
        var run = await Executable.RunAsync("landmarks", _folder["missing.jpg"], "--verbose");
        Assert.Equal(3, run.ExitCode);
        Assert.Contains("   at ", run.Error, StringComparison.Ordinal);
    }
}
