using System.Diagnostics;
using System.Text.Json;
using System.Xml.Linq;
using NetVips;

namespace MeshFromFaces.App.Tests;

/// <summary>Videos through the real executable: a folder of frames, and a file that ffmpeg decodes.</summary>
public sealed class VideoTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_folder_of_frames_gives_a_line_each_in_the_order_of_their_numbers_and_a_plot()
    {
        byte[] portrait = Frame(0);
        foreach (string name in (string[])["take 10.png", "take 9.png", "notes.txt"])
        {
            _folder.Write("frames/" + name, name == "take 10.png" ? portrait : name == "take 9.png" ? TestPhotos.NoFace : TestPhotos.Text);
        }
        var run = await Executable.RunAsync("video", _folder["frames"], "--output", _folder["out"], "--fps", "2");

        Assert.True(run.ExitCode == 0, run.Error);
        Assert.Contains("warning: 1 of 2 frames gave no face", run.Error, StringComparison.Ordinal);
        Assert.Contains("focal.svg", run.Error, StringComparison.Ordinal);
        var lines = Lines("out");
        Assert.Contains("'take 9.png': no face was found", lines[0].GetProperty("fault").GetString(), StringComparison.Ordinal);
        Assert.Equal((2, 0.5, "take 10.png"), (lines[1].GetProperty("frame").GetInt32(), lines[1].GetProperty("time").GetDouble(), lines[1].GetProperty("view").GetProperty("image").GetString()));
        XDocument.Load(_folder["out/focal.svg"]);
        // A frame alone is a photo.
        var photo = await Executable.RunAsync("landmarks", _folder["frames/take 10.png"], "--quiet");
        Assert.Equal(photo.Output.Trim(), $"[{lines[1].GetProperty("view").GetRawText()}]");
    }

    [FfmpegFact]
    public async Task A_video_file_gives_a_line_for_each_of_its_frames_at_its_own_time()
    {
        foreach (int i in Enumerable.Range(0, 6))
        {
            _folder.Write($"frames/{i}.png", Frame(i * 12));
        }
        // Lossless. The fourth frame is shown for two more: nothing may be repeated to fill that time.
        string video = _folder["take.mkv"];
        using (var ffmpeg = Process.Start("ffmpeg", ["-v", "error", "-framerate", "10", "-i", _folder["frames/%d.png"], "-vf", "setpts=N+2*gt(N\\,3)", "-fps_mode", "passthrough", "-c:v", "ffv1", "-pix_fmt", "bgr0", video]))
        {
            await ffmpeg.WaitForExitAsync();
            Assert.Equal(0, ffmpeg.ExitCode);
        }
        var run = await Executable.RunAsync("video", video, "--output", _folder["out/"], "--quiet");
        Assert.True(run.ExitCode == 0, run.Error);
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        var lines = Lines("out");
        Assert.Equal([0, 0.1, 0.2, 0.3, 0.6, 0.7], lines.Select(line => Math.Round(line.GetProperty("time").GetDouble(), 3)));
        // The face moves by 12 pixels a frame, to the left.
        double[] noses = [.. lines.Select(line => line.GetProperty("view").GetProperty("landmarks")[30].GetProperty("x").GetDouble())];
        Assert.All(noses.Zip(noses.Skip(1)), pair => Assert.InRange(pair.First - pair.Second, 8, 16));

        // What the frames give as pictures, they give as a video.
        Assert.Equal(0, (await Executable.RunAsync("video", _folder["frames"], "--output", _folder["pictures"], "--quiet")).ExitCode);
        Assert.Equal(
            Lines("pictures").Select(line => line.GetProperty("view").GetProperty("landmarks").GetRawText()),
            lines.Select(line => line.GetProperty("view").GetProperty("landmarks").GetRawText()));

        string none = (await Executable.RunAsync("video", _folder.Write("text.mp4", TestPhotos.Text), "--output", _folder["none"])).AssertFails(exitCode: 3);
        Assert.Contains("'text.mp4' cannot be read as a video", none, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_folder["none"]));
    }

    [Fact]
    public async Task Without_ffmpeg_a_video_file_is_answered_with_what_to_do()
    {
        string video = _folder.Write("take.mp4", TestPhotos.Text);
        using var process = Process.Start(new ProcessStartInfo(Executable.File, ["video", video, "--output", _folder["out"]])
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, Environment = { ["PATH"] = _folder.Path },
        })!;
        string line = (await Executable.FinishAsync(process)).AssertFails(exitCode: 1);
        Assert.Contains("'take.mp4' needs the program ffmpeg", line, StringComparison.Ordinal);
        Assert.Contains("folder of frames", line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Smoothing_moves_the_landmarks_and_leaves_the_fits()
    {
        foreach (int i in Enumerable.Range(0, 3))
        {
            _folder.Write($"frames/{i}.png", Frame(i * 12));
        }
        Assert.Equal(0, (await Executable.RunAsync("video", _folder["frames"], "--output", _folder["raw"], "--quiet")).ExitCode);
        Assert.Equal(0, (await Executable.RunAsync("video", _folder["frames"], "--output", _folder["smooth"], "--smooth", "--quiet")).ExitCode);
        var (raw, smooth) = (Lines("raw")[2].GetProperty("view"), Lines("smooth")[2].GetProperty("view"));
        Assert.Equal(raw.GetProperty("theta").GetRawText(), smooth.GetProperty("theta").GetRawText());
        double Nose(JsonElement view) => view.GetProperty("landmarks")[30].GetProperty("x").GetDouble();
        Assert.InRange(Nose(smooth) - Nose(raw), 0.05, 12); // Behind, as the face moves to the left.
    }

    [Fact]
    public async Task Ctrl_C_leaves_the_frames_that_are_done()
    {
        if (OperatingSystem.IsWindows())
        {
            return; // A signal cannot be sent to one process there.
        }
        byte[] portrait = Frame(0);
        foreach (int i in Enumerable.Range(0, 100))
        {
            _folder.Write($"frames/{i}.png", portrait);
        }
        using var process = Executable.Start(["video", _folder["frames"], "--output", _folder["out"]]);
        using var patience = new CancellationTokenSource(Executable.Patience);
        while (!File.Exists(_folder["out/landmarks.jsonl"]) || new FileInfo(_folder["out/landmarks.jsonl"]).Length == 0)
        {
            await Task.Delay(50, patience.Token);
        }
        await Executable.SignalAsync(process, "-INT");
        string line = (await Executable.FinishAsync(process)).AssertFails(exitCode: 130);

        var lines = Lines("out");
        Assert.InRange(lines.Count, 1, 99);
        Assert.Contains($"the first {lines.Count} frames are in", line, StringComparison.Ordinal);
        XDocument.Load(_folder["out/focal.svg"]);
    }

    [Theory]
    [InlineData(3, "does not exist", "nowhere", "--output", "out")]
    [InlineData(3, "holds no frame", ".", "--output", "out")]
    [InlineData(2, "--fps takes a number", ".", "--output", "out", "--fps", "0")]
    [InlineData(2, "knows the times of its frames", "notes.txt", "--output", "out", "--fps", "5")]
    [InlineData(2, "is no folder", ".", "--output", "notes.txt")]
    public async Task A_wrong_call_says_what_is_wrong(int exitCode, string word, params string[] arguments)
    {
        _folder.Write("notes.txt", TestPhotos.Text);
        var run = await Executable.RunInAsync(_folder.Path, ["video", .. arguments]);
        Assert.Contains(word, run.AssertFails(exitCode), StringComparison.Ordinal);
        Assert.Equal(["notes.txt"], _folder.Files);
    }

    private List<JsonElement> Lines(string folder) =>
        [.. File.ReadAllLines(_folder[folder + "/landmarks.jsonl"]).Select(line => JsonDocument.Parse(line).RootElement)];

    /// <summary>The upper half of the portrait, from this column on.</summary>
    private static byte[] Frame(int left)
    {
        using var portrait = Image.NewFromFile(Repository.Portrait).ExtractBand(0, n: 3);
        using var frame = portrait.Crop(left, 0, 400, 300);
        return frame.PngsaveBuffer();
    }
}

/// <summary>A test that needs ffmpeg: shown as skipped on a machine without it, but with CI=true it runs, and fails.</summary>
internal sealed class FfmpegFactAttribute : FactAttribute
{
    public FfmpegFactAttribute()
    {
        bool installed = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Any(folder => File.Exists(Path.Combine(folder, "ffmpeg")) || File.Exists(Path.Combine(folder, "ffmpeg.exe")));
        if (!installed && Environment.GetEnvironmentVariable("CI") != "true")
        {
            Skip = "ffmpeg is not on the PATH.";
        }
    }
}
