using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Microsoft.ML.OnnxRuntime;

namespace MeshFromFaces.Benchmarks;

/// <summary>
/// Every encoder graph (*.onnx, input face [1,3,192,192]) of a folder, turn by turn, on one thread as the server runs them: the median
/// time of a run, to the console and to the folder's milliseconds.json, which `ablate --encoders` puts into its table.
/// </summary>
internal static class Graphs
{
    private const int Rounds = 100, FaceSize = 192;

    public static int Run(string folder)
    {
        var random = new Random(1);
        float[] face = [.. Enumerable.Range(0, 3 * FaceSize * FaceSize).Select(_ => random.NextSingle())];
        using var input = OrtValue.CreateTensorValueFromMemory(face, [1, 3, FaceSize, FaceSize]);
        using var run = new RunOptions();
        using var options = new SessionOptions { IntraOpNumThreads = 1 };
        var sessions = Directory.GetFiles(folder, "*.onnx").Order(StringComparer.Ordinal).ToDictionary(path => Path.GetFileNameWithoutExtension(path), path => new InferenceSession(path, options));
        var times = sessions.Keys.ToDictionary(name => name, _ => new List<double>());
        for (int round = 0; round < Rounds; round++)
        {
            foreach (var (name, session) in sessions)
            {
                long start = Stopwatch.GetTimestamp();
                using var outputs = session.Run(run, ["face"], [input], session.OutputNames);
                times[name].Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
            }
        }
        var medians = times.ToDictionary(pair => pair.Key, pair => Math.Round(pair.Value.Order().ElementAt(Rounds / 2), 2));
        foreach (var (name, median) in medians)
        {
            sessions[name].Dispose();
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name,-22}{median,9:F2} ms"));
        }
        File.WriteAllText(Path.Combine(folder, "milliseconds.json"), JsonSerializer.Serialize(medians) + "\n");
        return 0;
    }
}
