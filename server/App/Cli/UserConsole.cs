using System.Globalization;
using MeshFromFaces.Core;
using Spectre.Console;

namespace MeshFromFaces.Server.Cli;

/// <summary>All that a command says to its user while it works. It goes to standard error: standard output is for results.</summary>
internal sealed class UserConsole(bool quiet)
{
    private readonly bool _isTerminal = !Console.IsErrorRedirected && Environment.GetEnvironmentVariable("TERM") != "dumb";

    public static void WarnOf(IEnumerable<SkippedView> skipped)
    {
        foreach (var (image, reason) in skipped)
        {
            Console.Error.WriteLine($"warning: left out {image}: {reason}");
        }
    }

    /// <summary>Runs the work off this thread, showing where it stands: a bar on a terminal, a line a stage elsewhere.</summary>
    public async Task<T> WithProgressAsync<T>(Func<IProgress<PipelineProgress>, T> work)
    {
        if (quiet)
        {
            return await Task.Run(() => work(new Reporter(_ => { })));
        }
        if (!_isTerminal)
        {
            return await Task.Run(() => work(StageLines()));
        }
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        return await console.Progress()
            .AutoClear(true)
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new ElapsedTimeColumn())
            .StartAsync(context =>
            {
                var bar = context.AddTask("Starting", maxValue: 1);
                return Task.Run(() => work(new Reporter(progress =>
                {
                    bar.Description = Markup.Escape(progress.Stage);
                    bar.Value = progress.Fraction;
                })));
            });
    }

    public void SayTimings(IEnumerable<StageTime> timings)
    {
        foreach (var (stage, time) in timings)
        {
            Say($"{time.TotalMilliseconds,8:0} ms  {stage}");
        }
    }

    public void SayWritten(IReadOnlyList<string> files, TimeSpan elapsed)
    {
        foreach (string file in files)
        {
            Say($"wrote {file} ({Size(new FileInfo(file).Length)})");
        }
        Say($"done in {elapsed.TotalSeconds:0.0} s");
    }

    private static Reporter StageLines()
    {
        string? last = null;
        return new Reporter(progress =>
        {
            if (progress.Stage != last)
            {
                Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{progress.Fraction * 100,3:0} % {progress.Stage}"));
                last = progress.Stage;
            }
        });
    }

    private void Say(FormattableString line)
    {
        if (!quiet)
        {
            Console.Error.WriteLine(line.ToString(CultureInfo.InvariantCulture));
        }
    }

    private static string Size(long bytes) => bytes < 1 << 20
        ? string.Create(CultureInfo.InvariantCulture, $"{bytes / 1024.0:0.0} KB")
        : string.Create(CultureInfo.InvariantCulture, $"{bytes / (1024.0 * 1024.0):0.0} MB");

    // Not System.Progress: that one posts to the thread pool, where reports overtake each other.
    private sealed class Reporter(Action<PipelineProgress> show) : IProgress<PipelineProgress>
    {
        public void Report(PipelineProgress value) => show(value);
    }
}
