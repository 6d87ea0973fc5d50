using System.CommandLine;
using System.CommandLine.Parsing;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using MeshFromFaces.Core;
using MeshFromFaces.Core.Export;

namespace MeshFromFaces.Server.Cli;

/// <summary><c>video FRAMES --output FOLDER [--fps N] [--smooth]</c></summary>
internal static class VideoCommand
{
    private const double StandardRate = 25;

    private static readonly Argument<string> Frames = new("FRAMES")
    {
        Description = "A folder of pictures, in the order of their names, or a video file, which the program ffmpeg decodes.",
    };

    private static readonly Option<string> Output = new("--output", "-o")
    {
        Description = $"A folder for {FaceFiles.FrameLandmarks}, one frame a line, and {FaceFiles.FocalPlot}, the focal lengths over time.",
        HelpName = "FOLDER",
        Required = true,
    };

    private static readonly Option<double?> Rate = new("--fps")
    {
        Description = string.Create(CultureInfo.InvariantCulture, $"Frames a second of a folder of pictures; a video file knows its own. [default: {StandardRate}]"),
        HelpName = "N",
        CustomParser = ParseRate,
    };

    private static readonly Option<bool> Smooth = new("--smooth")
    {
        Description = "Calm the landmarks' x and y by a one-euro filter; the fits stay as they are found.",
    };

    public static Command Create()
    {
        var command = new Command("video", """
            Finds landmarks, head pose and focal length in each frame of a video.

            Example:
              mesh-from-faces video take.mp4 --output take/
            """)
        {
            Frames, Output, Rate, Smooth, CommonOptions.Layout, CommonOptions.Style, CommonOptions.Face, CommonOptions.Topology, CommonOptions.Model,
        };
        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        long start = Stopwatch.GetTimestamp();
        string source = parsed.GetRequiredValue(Frames);
        var output = OutputPath.ForVideo(parsed.GetRequiredValue(Output));
        var options = CommonOptions.Read(parsed);
        var rate = parsed.GetValue(Rate);
        if (rate is not null && File.Exists(source))
        {
            throw new CommandException(ExitCode.Usage, $"--fps is for a folder of pictures; '{source}' is a file and knows the times of its frames.");
        }

        var console = new UserConsole(parsed.GetValue(CommonOptions.Quiet));
        var (done, lost, fault) = await console.WithProgressAsync(progress =>
        {
            using var video = File.Exists(source) ? new VideoFile(source) : null;
            var frames = video?.Frames() ?? FrameFolder.Open(source, rate ?? StandardRate);
            using var pipeline = CommonOptions.LoadPipeline(parsed, options);
            var results = pipeline.Follow(frames, options, cancellation);
            double Part(FrameLandmarks frame) => frames is IReadOnlyList<Frame> all ? (double)frame.Frame / all.Count : video?.Duration > 0 ? frame.Time / video.Duration : 0;
            return Write(parsed.GetValue(Smooth) ? OneEuro.Smooth(results) : results, output.Path, Path.GetFileName(Path.TrimEndingDirectorySeparator(source)),
                frame => progress.Report(new PipelineProgress("Following the face", Math.Min(1, Part(frame)))));
        });
        if (lost == done)
        {
            throw new InputException($"None of the {done} frames gave a face. The first fault: {fault}");
        }
        if (lost > 0)
        {
            Console.Error.WriteLine($"warning: {lost} of {done} frames gave no face; their lines say why. The first: {fault}");
        }
        console.SayWritten([Path.Combine(output.Path, FaceFiles.FrameLandmarks), Path.Combine(output.Path, FaceFiles.FocalPlot)], Stopwatch.GetElapsedTime(start));
        return ExitCode.Success;
    }

    /// <summary>Each frame's line is written when it is there, and the plot at the end, however that comes: what is done stays.</summary>
    /// <returns>How many frames there were, how many without a face, and the first one's reason.</returns>
    private static (int Done, int Lost, string? Fault) Write(IEnumerable<FrameLandmarks> results, string folder, string title, Action<FrameLandmarks> report)
    {
        string path = Path.Combine(folder, FaceFiles.FrameLandmarks);
        FileStream? lines = null; // None is left of a video that has no frame.
        var focal = new List<FocalLength>();
        int lost = 0;
        string? fault = null;
        try
        {
            foreach (var result in results)
            {
                Directory.CreateDirectory(folder);
                lines ??= File.Create(path);
                lines.Write([.. result.ToJson(), (byte)'\n']);
                lines.Flush();
                focal.Add(new FocalLength(result.Time, result.View?.LensMm ?? float.NaN, result.View?.FocalMm ?? float.NaN));
                lost += result.View is null ? 1 : 0;
                fault ??= result.Fault;
                report(result);
            }
            return (focal.Count, lost, fault);
        }
        catch (OperationCanceledException)
        {
            throw new CommandException(ExitCode.Cancelled, focal.Count == 0 ? "Cancelled; nothing was written." : $"Cancelled; the first {focal.Count} frames are in '{path}'.");
        }
        finally
        {
            lines?.Dispose();
            if (focal.Count > 0)
            {
                WholeFile.Write(Path.Combine(folder, FaceFiles.FocalPlot), Encoding.UTF8.GetBytes(FocalPlot.Draw(title, focal)));
            }
        }
    }

    private static double? ParseRate(ArgumentResult result)
    {
        string text = result.Tokens[0].Value;
        if (double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double rate) && rate is >= 0.001 and <= 100_000)
        {
            return rate;
        }
        result.AddError($"--fps takes a number of frames a second such as 25 or 29.97, not '{text}'.");
        return null;
    }
}
