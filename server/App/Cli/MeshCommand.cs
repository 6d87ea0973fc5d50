using System.CommandLine;
using System.Diagnostics;
using MeshFromFaces.Core;

namespace MeshFromFaces.Server.Cli;

/// <summary><c>mesh PHOTO... --output face.glb</c></summary>
internal static class MeshCommand
{
    private static readonly Option<string> Output = new("--output", "-o")
    {
        Description = "A .glb file; or a folder (ending in /) for the GLB with its textures, landmarks and overlays.",
        HelpName = "FILE",
        Required = true,
    };

    private static readonly Option<int> TextureSize = CommonOptions.WholeNumber("--texture-size",
        FaceOptions.MinTextureSize, FaceOptions.MaxTextureSize, new FaceOptions().TextureSize, "Side of the square texture in pixels, a power of two.");

    public static Command Create()
    {
        var command = new Command("mesh", """
            Makes one textured mesh from photos of a face.

            Example:
              mesh-from-faces mesh front.jpg left.jpg right.jpg --output face.glb
            """)
        {
            CommonOptions.Photos, Output, TextureSize, CommonOptions.Topology, CommonOptions.Layout,
            CommonOptions.Style, CommonOptions.Face, CommonOptions.Model, CommonOptions.SkipBadViews,
        };
        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        long start = Stopwatch.GetTimestamp();
        var paths = parsed.GetRequiredValue(CommonOptions.Photos);
        var output = OutputPath.ForMesh(parsed.GetRequiredValue(Output), paths);
        var options = CommonOptions.Read(parsed) with { TextureSize = parsed.GetRequiredValue(TextureSize) };

        var console = new UserConsole(parsed.GetValue(CommonOptions.Quiet));
        var face = await console.WithProgressAsync(progress =>
        {
            var photos = PhotoArguments.Read(paths, cancellation);
            using var pipeline = CommonOptions.LoadPipeline(parsed, options);
            return pipeline.Build(photos, options, progress, cancellation);
        });
        cancellation.ThrowIfCancellationRequested();
        var files = output.Write(face);

        UserConsole.WarnOf(face.Skipped);
        if (parsed.GetValue(CommonOptions.Verbose))
        {
            console.SayTimings(face.Timings);
        }
        console.SayWritten(files, Stopwatch.GetElapsedTime(start));
        return ExitCode.Success;
    }
}
