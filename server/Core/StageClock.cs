using System.Diagnostics;

namespace MeshFromFaces.Core;

/// <summary>Runs the stages of a job one after the other, times them and reports how far the whole is.</summary>
/// <param name="weights">The stages in their order, each with its usual time, in one unit of any size.</param>
internal sealed class StageClock((string Stage, double Weight)[] weights, IProgress<PipelineProgress>? progress, CancellationToken cancellation)
{
    private readonly List<StageTime> _times = [];
    private readonly Lock _reporting = new();
    private readonly double _all = weights.Sum(entry => entry.Weight);

    public IReadOnlyList<StageTime> Times => _times;

    /// <param name="work">Gets a callback that takes how much of the stage is done, 0..1; it may be called from any thread.</param>
    public T Run<T>(Func<Action<double>, T> work)
    {
        cancellation.ThrowIfCancellationRequested();
        var (stage, weight) = weights[_times.Count];
        double before = weights.Take(_times.Count).Sum(entry => entry.Weight), reached = 0;
        void Report(double part)
        {
            cancellation.ThrowIfCancellationRequested();
            lock (_reporting)
            {
                reached = Math.Max(reached, Math.Clamp(part, 0, 1));
                progress?.Report(new PipelineProgress(stage, Math.Min(1, (before + (weight * reached)) / _all)));
            }
        }
        Report(0);
        long start = Stopwatch.GetTimestamp();
        var result = work(Report);
        _times.Add(new StageTime(stage, Stopwatch.GetElapsedTime(start)));
        Report(1);
        return result;
    }
}
