using System.Diagnostics;
using System.Globalization;
using MeshFromFaces.Core;
using MeshFromFaces.Core.Imaging;

namespace MeshFromFaces.Benchmarks;

/// <summary>
/// Four 3840x2160 photos to a GLB with a 2048 texel atlas, stage by stage: the model warm, the best of a few rounds; and, at
/// the end of each stage, how much of the job is done by its processor time and how much its progress tells. Photos come from a folder, or are seeded noise (then the presence threshold does not matter: the model's
/// own folder is copied with the threshold at 0).
/// </summary>
internal static class Stages
{
    public static int Run(string[] args)
    {
        string? folder = Value(args, "--photos");
        int rounds = int.Parse(Value(args, "--rounds") ?? "3", CultureInfo.InvariantCulture);
        var options = new FaceOptions { TextureSize = int.Parse(Value(args, "--texture-size") ?? "2048", CultureInfo.InvariantCulture) };
        string model = folder is null ? WithoutThreshold() : FacePipeline.DefaultModelFolder;
        try
        {
            using var pipeline = FacePipeline.Load(model);
            PhotoFile[] photos = folder is null
                ? [.. Enumerable.Range(1, 4).Select(i => new PhotoFile($"view-{i}.jpg", NoiseJpeg()))]
                : [.. Directory.GetFiles(folder).Order(StringComparer.Ordinal).Select(path => new PhotoFile(Path.GetFileName(path), File.ReadAllBytes(path)))];
            pipeline.Build(photos[..1], new FaceOptions { TextureSize = 512 }); // Warm.
            var best = Enumerable.Range(0, rounds).Select(_ => Time(pipeline, photos, options)).MinBy(round => round.Total)!;
            var done = TimeSpan.Zero;
            foreach (var (stage, wall) in best.Face.Timings)
            {
                var (spent, told) = best.Stages[stage];
                done += spent;
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"{stage,-22}{wall.TotalMilliseconds,9:F0} ms wall, {spent.TotalMilliseconds,6:F0} ms of processor; done {done / best.Cpu,4:P0}, told {told,4:P0}"));
            }
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{"all",-22}{best.Total.TotalMilliseconds,9:F0} ms wall, {best.Cpu.TotalMilliseconds:F0} ms of processor ({Environment.ProcessorCount} cores, {pipeline.Device})"));
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"face.glb {best.Face.Glb.Length / 1e6:F1} MB, texture.png {best.Face.Texture.Length / 1e6:F1} MB"));
            return 0;
        }
        finally
        {
            if (folder is null)
            {
                Directory.Delete(model, recursive: true);
            }
        }
    }

    private sealed record Round(TimeSpan Total, TimeSpan Cpu, Dictionary<string, (TimeSpan Spent, double Told)> Stages, Face Face);

    private static Round Time(FacePipeline pipeline, PhotoFile[] photos, FaceOptions options)
    {
        var clock = new ProcessorClock();
        long start = Stopwatch.GetTimestamp();
        var face = pipeline.Build(photos, options, clock);
        var total = Stopwatch.GetElapsedTime(start);
        return new Round(total, clock.Stages.Values.Select(stage => stage.Spent).Aggregate((a, b) => a + b), clock.Stages, face);
    }

    // Processor time by stage: on a busy machine it says more than the wall clock.
    private sealed class ProcessorClock : IProgress<PipelineProgress>
    {
        private readonly Process _process = Process.GetCurrentProcess();
        private TimeSpan _last = Process.GetCurrentProcess().TotalProcessorTime;

        public Dictionary<string, (TimeSpan Spent, double Told)> Stages { get; } = [];

        public void Report(PipelineProgress value)
        {
            _process.Refresh();
            var now = _process.TotalProcessorTime;
            Stages[value.Stage] = (Stages.GetValueOrDefault(value.Stage).Spent + now - _last, value.Fraction);
            _last = now;
        }
    }

    private static byte[] NoiseJpeg()
    {
        var photo = Scene.Noise(3840, 2160);
        return PictureEncoder.Jpeg(photo.Pixels, photo.Width, photo.Height);
    }

    private static string WithoutThreshold()
    {
        string copy = Directory.CreateTempSubdirectory("mff-bench-").FullName;
        foreach (string file in Directory.GetFiles(FacePipeline.DefaultModelFolder, "*.onnx"))
        {
            File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
        }
        var card = System.Text.Json.Nodes.JsonNode.Parse(File.ReadAllText(Path.Combine(FacePipeline.DefaultModelFolder, "model.json")))!;
        card["presenceThreshold"] = 0.0;
        File.WriteAllText(Path.Combine(copy, "model.json"), card.ToJsonString());
        return copy;
    }

    private static string? Value(string[] args, string name)
    {
        int at = Array.IndexOf(args, name);
        return at >= 0 && at + 1 < args.Length ? args[at + 1] : null;
    }
}
