using System.Buffers.Binary;
using System.Diagnostics;
using System.Numerics;
using System.Text.Json;

namespace MeshFromFaces.App.Tests;

/// <summary>A real photo through the real executable and the real model.</summary>
public sealed class ResultTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Mesh_writes_one_valid_glb_into_a_folder_that_it_makes_and_says_so()
    {
        string glb = _folder["new/folder/face.glb"];
        var run = await Executable.RunAsync("mesh", Repository.Portrait, "--output", glb, "--texture-size", "512");

        Assert.True(run.ExitCode == 0, run.Error);
        Assert.Equal(["new/folder/face.glb"], _folder.Files);
        Assert.Contains($"wrote {glb}", run.Error, StringComparison.Ordinal);
        Assert.Matches(@"done in \d+\.\d s", run.ErrorLines[^1]);
        await GltfValidator.AssertCleanAsync(glb);

        using var gltf = GltfJson(glb);
        var nodes = gltf.RootElement.GetProperty("nodes").EnumerateArray().Select(node => node.GetProperty("name").GetString()).ToArray();
        Assert.Contains("Face", nodes);
        Assert.Contains("View 1: astronaut.png", nodes);
    }

    [Fact]
    public async Task Mesh_into_a_folder_writes_all_files_of_the_capture()
    {
        var run = await Executable.RunAsync("mesh", Repository.Portrait, "--output", _folder["capture/"], "--texture-size", "512", "--quiet");

        Assert.True(run.ExitCode == 0, run.Error);
        Assert.Empty(run.Error);
        Assert.Equal(
            ["capture/face.glb", "capture/landmarks.json", "capture/overlay-1.jpg", "capture/texture.png", "capture/textures/view-1.png"],
            _folder.Files);
    }

    [Fact]
    public async Task Progress_without_a_terminal_is_one_rising_line_a_stage()
    {
        var run = await Executable.RunAsync("mesh", Repository.Portrait, "--output", _folder["face.glb"], "--texture-size", "512");

        var percent = run.ErrorLines.Where(line => line.Contains(" % ", StringComparison.Ordinal))
            .Select(line => int.Parse(line[..line.IndexOf('%', StringComparison.Ordinal)], System.Globalization.CultureInfo.InvariantCulture)).ToArray();
        Assert.True(percent.Length >= 3, run.Error);
        Assert.Equal(percent.Order(), percent);
        Assert.All(percent, value => Assert.InRange(value, 0, 100));
        Assert.DoesNotContain('\u001b', run.Error);
    }

    [Fact]
    public async Task A_terminal_sees_a_bar_with_stage_and_percentage()
    {
        if (!OperatingSystem.IsLinux())
        {
            return; // util-linux's script gives the process a terminal; other systems' does not take these arguments.
        }
        string command = $"'{Executable.File}' landmarks '{Repository.Portrait}' --output '{_folder["landmarks.json"]}'";
        using var process = Process.Start(new ProcessStartInfo("script", ["--quiet", "--return", "--command", command, "/dev/null"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment = { ["TERM"] = "xterm-256color" },
        })!;
        var run = await Executable.FinishAsync(process);

        Assert.Equal(0, run.ExitCode);
        Assert.Matches(@"(Starting|Reading photos|Finding faces|Fitting the face|Checking visibility) .*━.* \d+%", run.Output);
        Assert.Contains("done in", run.Output, StringComparison.Ordinal);
        Assert.Equal(["landmarks.json"], _folder.Files);
    }

    [Fact]
    public async Task Landmarks_are_the_same_in_a_file_and_on_standard_output_and_lie_on_the_face()
    {
        string json = _folder["out/landmarks.json"];
        Assert.Equal(0, (await Executable.RunAsync("landmarks", Repository.Portrait, "--output", json)).ExitCode);
        var piped = await Executable.RunAsync("landmarks", Repository.Portrait, "--quiet");
        Assert.Equal(0, piped.ExitCode);
        Assert.Equal(await File.ReadAllTextAsync(json), piped.Output.TrimEnd('\n'));

        using var document = JsonDocument.Parse(piped.Output);
        var view = Assert.Single(document.RootElement.EnumerateArray());
        Assert.Equal("astronaut.png", view.GetProperty("image").GetString());
        Assert.Equal((512, 512), (view.GetProperty("width").GetInt32(), view.GetProperty("height").GetInt32()));
        Assert.Equal("ibug68", view.GetProperty("layout").GetString());
        var points = view.GetProperty("landmarks").EnumerateArray().Select(point => new Vector2(point.GetProperty("x").GetSingle(), point.GetProperty("y").GetSingle())).ToArray();
        Assert.Equal(68, points.Length);

        // Marked by hand in the enlarged photo: the outer eye corners, the tip of the nose, the corners of the mouth.
        // A tenth of the distance of the outer eye corners is allowed.
        (int Point, Vector2 At)[] marked = [(36, new(193.5f, 101.5f)), (45, new(258, 104)), (30, new(224, 127)), (48, new(203, 140)), (54, new(244, 141))];
        float allowed = Vector2.Distance(marked[0].At, marked[1].At) / 10;
        Assert.All(marked, mark => Assert.InRange(Vector2.Distance(points[mark.Point], mark.At), 0, allowed));
    }

    [Fact]
    public async Task Of_two_faces_each_is_listed_with_its_number_and_either_can_be_meshed()
    {
        string photo = _folder.Write("two.jpg", TestPhotos.TwoFaces);
        var all = await Executable.RunAsync("landmarks", photo, "--all-faces", "--quiet");
        Assert.True(all.ExitCode == 0, all.Error);
        using var faces = JsonDocument.Parse(all.Output);
        Assert.Equal([(1, true), (2, false)], faces.RootElement.EnumerateArray().Select(face => (
            face.GetProperty("face").GetInt32(), face.GetProperty("landmarks")[30].GetProperty("x").GetDouble() < 512)));

        var second = await Executable.RunAsync("mesh", photo, "--face", "2", "--output", _folder["second/"], "--texture-size", "512", "--quiet");
        Assert.True(second.ExitCode == 0, second.Error);
        using var meshed = JsonDocument.Parse(await File.ReadAllTextAsync(_folder["second/landmarks.json"]));
        Assert.Equal(faces.RootElement[1].GetRawText(), Assert.Single(meshed.RootElement.EnumerateArray()).GetRawText());

        var largest = await Executable.RunAsync("landmarks", photo, "--face", "largest", "--quiet");
        Assert.Equal($"[{faces.RootElement[0].GetRawText()}]", largest.Output.Trim());
        Assert.Contains("'two.jpg' shows 2 faces; there is no face 3", (await Executable.RunAsync("landmarks", photo, "--face", "3")).AssertFails(exitCode: 3), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_dense_layout_gives_a_landmark_for_every_vertex()
    {
        var run = await Executable.RunAsync("landmarks", Repository.Portrait, "--layout", "dense", "--quiet");
        Assert.Equal(0, run.ExitCode);
        using var document = JsonDocument.Parse(run.Output);
        Assert.InRange(document.RootElement[0].GetProperty("landmarks").GetArrayLength(), 5_000, 8_000);
    }

    [Theory]
    [InlineData("render:0.3,photo:0.7")]
    [InlineData("none")]
    public async Task A_style_of_the_users_choice_moves_the_landmarks(string style)
    {
        var standard = await Executable.RunAsync("landmarks", Repository.Portrait, "--quiet");
        var styled = await Executable.RunAsync("landmarks", Repository.Portrait, "--quiet", "--style", style);
        Assert.True(styled.ExitCode == 0, styled.Error);
        Assert.NotEqual(standard.Output, styled.Output);
    }

    [Fact]
    public async Task A_topology_of_the_users_own_gives_the_mesh_its_vertices()
    {
        // One triangle between the eyes and the chin, on the canonical chart.
        string obj = _folder.Write("triangle.obj", "v 0 0 0\nv 0 0 0\nv 0 0 0\nvt 0.4 0.6\nvt 0.6 0.6\nvt 0.5 0.3\ng skin\nf 1/1 2/2 3/3\n"u8.ToArray());
        var run = await Executable.RunAsync("landmarks", Repository.Portrait, "--layout", "dense", "--topology", obj, "--quiet");
        Assert.True(run.ExitCode == 0, run.Error);
        using var document = JsonDocument.Parse(run.Output);
        Assert.Equal(3, document.RootElement[0].GetProperty("landmarks").GetArrayLength());

        string missing = (await Executable.RunAsync("landmarks", Repository.Portrait, "--topology", _folder["missing.obj"])).AssertFails(exitCode: 3);
        Assert.Contains("missing.obj", missing, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ctrl_C_ends_it_with_130_and_leaves_nothing_half_written()
    {
        if (OperatingSystem.IsWindows())
        {
            return; // A signal cannot be sent to one process there.
        }
        string older = _folder.Write("face.glb", [1, 2, 3]);
        var views = Enumerable.Range(0, 16).Select(i => _folder.Write($"photos/{i}.png", File.ReadAllBytes(Repository.Portrait))).ToArray();
        using var process = Executable.Start(["mesh", .. views, "--output", older, "--texture-size", "4096"]);
        string first = await process.StandardError.ReadLineAsync() ?? "";
        Assert.Contains(" % ", first, StringComparison.Ordinal);

        await Executable.SignalAsync(process, "-INT");
        var run = await Executable.FinishAsync(process);

        Assert.Contains("Cancelled", run.AssertFails(exitCode: 130), StringComparison.Ordinal);
        Assert.Equal([1, 2, 3], File.ReadAllBytes(older));
        Assert.Equal(17, _folder.Files.Count());
    }

    /// <summary>The JSON chunk of a GLB: header of 12 bytes, then length, type, bytes.</summary>
    private static JsonDocument GltfJson(string path)
    {
        var glb = File.ReadAllBytes(path).AsMemory();
        return JsonDocument.Parse(glb.Slice(20, BinaryPrimitives.ReadInt32LittleEndian(glb.Span[12..])));
    }
}
