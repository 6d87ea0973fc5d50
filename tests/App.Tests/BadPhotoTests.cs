namespace MeshFromFaces.App.Tests;

/// <summary>Photos at fault on the command line: exit code 3, one line naming the photo, nothing written.</summary>
public sealed class BadPhotoTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(TestPhotos.Bad), MemberType = typeof(TestPhotos))]
    public async Task A_bad_photo_is_named_with_what_is_wrong(string name, byte[] bytes, string word)
    {
        string photo = _folder.Write(name, bytes);
        foreach (string[] arguments in (string[][])[["mesh", photo, "--output", _folder["face.glb"]], ["landmarks", photo]])
        {
            var run = await Executable.RunAsync(arguments);
            string line = run.AssertFails(exitCode: 3);
            Assert.Contains(name, line, StringComparison.Ordinal);
            Assert.Contains(word, line, StringComparison.OrdinalIgnoreCase);
            Assert.Empty(run.Output);
        }
        Assert.Equal([name], _folder.Files);
    }

    [Fact]
    public async Task A_missing_file_and_a_folder_are_named()
    {
        Assert.Contains("missing.jpg", (await Executable.RunAsync("landmarks", _folder["missing.jpg"])).AssertFails(exitCode: 3), StringComparison.Ordinal);
        Assert.Contains("is a folder", (await Executable.RunAsync("landmarks", _folder.Path)).AssertFails(exitCode: 3), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Sixty_five_photos_are_one_too_many()
    {
        var photos = Enumerable.Range(0, 65).Select(i => _folder.Write($"{i}.jpg", TestPhotos.NoFace)).ToArray();
        string line = (await Executable.RunAsync(["landmarks", .. photos])).AssertFails(exitCode: 3);
        Assert.Contains("65", line, StringComparison.Ordinal);
        Assert.Contains("64", line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_photo_without_end_is_cut_off()
    {
        if (OperatingSystem.IsWindows())
        {
            return; // There is no file without end to be had there.
        }
        Assert.Contains("larger than 100 MB", (await Executable.RunAsync("landmarks", "/dev/zero")).AssertFails(exitCode: 3), StringComparison.Ordinal);
    }

    [Fact]
    public async Task One_bad_view_of_two_fails_unless_it_may_be_left_out()
    {
        string bad = _folder.Write("text.jpg", TestPhotos.Text);
        string line = (await Executable.RunAsync("landmarks", Repository.Portrait, bad)).AssertFails(exitCode: 3);
        Assert.Contains("text.jpg", line, StringComparison.Ordinal);

        var run = await Executable.RunAsync("landmarks", Repository.Portrait, bad, "--skip-bad-views");
        Assert.Equal(0, run.ExitCode);
        Assert.Contains("warning: left out text.jpg: 'text.jpg' is ", run.Error, StringComparison.Ordinal);
        Assert.Contains("\"image\":\"astronaut.png\"", run.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("text.jpg", run.Output, StringComparison.Ordinal);

        Assert.Contains("text.jpg", (await Executable.RunAsync("landmarks", bad, "--skip-bad-views")).AssertFails(exitCode: 3), StringComparison.Ordinal);
    }
}
