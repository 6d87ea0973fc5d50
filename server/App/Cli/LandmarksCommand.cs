using System.CommandLine;
using System.Diagnostics;
using MeshFromFaces.Core;

namespace MeshFromFaces.Server.Cli;

/// <summary><c>landmarks PHOTO... --layout ibug68 --output landmarks.json</c></summary>
internal static class LandmarksCommand
{
    private static readonly Option<string> Output = new("--output", "-o")
    {
        Description = "A JSON file; - is standard output.",
        HelpName = "FILE",
        DefaultValueFactory = _ => OutputPath.StandardOutput,
    };

    private static readonly Option<bool> AllFaces = new("--all-faces")
    {
        Description = "List every face of each photo, largest first, each with its number.",
    };

    public static Command Create()
    {
        var command = new Command("landmarks", """
            Finds landmarks, head pose and focal length in each photo.

            Example:
              mesh-from-faces landmarks front.jpg left.jpg --layout ibug68 --output landmarks.json
              mesh-from-faces landmarks group.jpg --all-faces
            """)
        {
            CommonOptions.Photos, CommonOptions.Layout, Output, CommonOptions.Style,
            CommonOptions.Face, AllFaces, CommonOptions.Topology, CommonOptions.Model, CommonOptions.SkipBadViews,
        };
        command.Validators.Add(result =>
        {
            if (result.GetValue(AllFaces) && result.GetResult(CommonOptions.Face) is not null)
            {
                result.AddError("--face and --all-faces contradict each other; use one of them.");
            }
        });
        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        long start = Stopwatch.GetTimestamp();
        var paths = parsed.GetRequiredValue(CommonOptions.Photos);
        var output = OutputPath.ForLandmarks(parsed.GetRequiredValue(Output), paths);
        var options = CommonOptions.Read(parsed);

        var console = new UserConsole(parsed.GetValue(CommonOptions.Quiet));
        var skipped = new List<SkippedView>();
        var views = await console.WithProgressAsync(progress =>
        {
            var photos = PhotoArguments.Read(paths, cancellation);
            using var pipeline = CommonOptions.LoadPipeline(parsed, options);
            return pipeline.Landmarks(photos, options, progress, skipped.Add, parsed.GetValue(AllFaces), cancellation);
        });
        cancellation.ThrowIfCancellationRequested();
        var files = output.Write(ViewLandmarks.ToJson(views));

        UserConsole.WarnOf(skipped);
        console.SayWritten(files, Stopwatch.GetElapsedTime(start));
        return ExitCode.Success;
    }
}
