using System.Numerics;
using System.Xml.Linq;
using MeshFromFaces.Core.Export;
using Xunit;
using Xunit.Abstractions;

namespace MeshFromFaces.Core.Tests;

/// <summary>The filter on points whose true places are known, and the plot of a video.</summary>
public sealed class OneEuroTests(ITestOutputHelper output)
{
    private const double Step = 1 / 25.0;

    // A head of 700 px a metre, as one of 140 px width.
    private const float PixelsPerMetre = 700;

    [Fact]
    public void A_face_at_rest_jitters_less_by_more_than_half()
    {
        Vector2[] truth = [.. Enumerable.Repeat(new Vector2(300, 200), 100)];
        var (raw, smooth) = Jitter(truth, PixelsPerMetre);
        output.WriteLine($"jitter {raw:F2} -> {smooth:F2} px");
        Assert.InRange(smooth, 0.01, raw / 2);
    }

    [Theory]
    [InlineData(40, 0.4, 15)] // px to either side, Hz, ms
    [InlineData(100, 1, 8)]
    public void A_moving_face_lags_by_less_than_half_a_frame(float reach, double frequency, double allowed)
    {
        Vector2[] truth = [.. Enumerable.Range(0, 100).Select(i => new Vector2(300 + (reach * (float)Math.Sin(2 * Math.PI * frequency * i * Step)), 200))];
        var smooth = Smooth(truth, PixelsPerMetre);
        // The time by which the truth, shifted, matches best: least squares over the velocity.
        double across = 0, along = 0;
        for (int i = 10; i < 99; i++)
        {
            double velocity = (truth[i + 1].X - truth[i - 1].X) / (2 * Step);
            across -= (smooth[i].X - truth[i].X) * velocity;
            along += velocity * velocity;
        }
        output.WriteLine($"lag {1000 * across / along:F1} ms");
        Assert.InRange(1000 * across / along, 0, allowed);
    }

    [Fact]
    public void It_is_the_same_filter_for_a_face_twice_as_large()
    {
        var points = Noisy([.. Enumerable.Range(0, 50).Select(i => new Vector2(100 + (3 * i), 50))], 0.3f);
        var small = Smooth(points, PixelsPerMetre);
        var large = Smooth([.. points.Select(point => 2 * point)], 2 * PixelsPerMetre);
        Assert.All(small.Zip(large), pair => Assert.InRange(Vector2.Distance(2 * pair.First, pair.Second), 0, 0.01f));
    }

    [Fact]
    public void After_a_gap_it_begins_anew_and_only_x_and_y_change()
    {
        FrameLandmarks[] frames = [Frame(0, new(10, 10), 700), Frame(1, new(11, 10), 700), new(3, 2 * Step, null, "no face"), Frame(3, new(200, 90), 700)];
        var smooth = OneEuro.Smooth(frames).ToArray();
        Assert.Equal(new Vector2(10, 10), Point(smooth[0]));
        Assert.InRange(Point(smooth[1]).X, 10.1f, 10.99f);
        Assert.Equal(frames[2], smooth[2]);
        Assert.Equal(new Vector2(200, 90), Point(smooth[3]));
        var mark = frames[1].View!.Landmarks[0];
        Assert.Equal(mark with { X = 0, Y = 0 }, smooth[1].View!.Landmarks[0] with { X = 0, Y = 0 });
        Assert.Equal(frames[1].View! with { Landmarks = [] }, smooth[1].View! with { Landmarks = [] });
    }

    [Fact]
    public void The_plot_is_an_svg_with_a_line_for_each_run_of_frames()
    {
        FocalLength[] frames = [new(0, 28, 90), new(0.04, 35, 95), new(0.08, float.NaN, float.NaN), new(0.12, 30, 120)];
        var svg = XDocument.Parse(FocalPlot.Draw("a <take> & more", frames));
        XNamespace name = "http://www.w3.org/2000/svg";
        Assert.Contains(svg.Descendants(name + "text"), text => text.Value.EndsWith("a <take> & more", StringComparison.Ordinal));
        // Two curves, each in two runs; the higher value is drawn above, the later to the right.
        var runs = svg.Descendants(name + "polyline").Select(line => line.Attribute("points")!.Value.Split(' ').Select(pair => pair.Split(',').Select(double.Parse).ToArray()).ToArray()).ToArray();
        Assert.Equal([3, 2, 3, 2], runs.Select(run => run.Length)); // The last point twice, so that one alone shows.
        Assert.True(runs[0][1][1] < runs[0][0][1] && runs[0][1][0] > runs[0][0][0] && runs[1][0][0] > runs[0][1][0]);
        Assert.All(runs.SelectMany(run => run), point => Assert.True(point[0] is >= 0 and <= 960 && point[1] is >= 0 and <= 420));
        XDocument.Parse(FocalPlot.Draw("one frame", [new(0, 50, 50)]));
    }

    private static Vector2[] Smooth(Vector2[] points, float pixelsPerMetre) =>
        [.. OneEuro.Smooth(points.Select((point, i) => Frame(i, point, pixelsPerMetre))).Select(Point)];

    private static Vector2[] Noisy(Vector2[] points, float deviation)
    {
        var random = new Random(1);
        // The sum of twelve is near to a Gaussian of deviation 1.
        float Next() => deviation * (Enumerable.Range(0, 12).Sum(_ => random.NextSingle()) - 6);
        return [.. points.Select(point => point + new Vector2(Next(), Next()))];
    }

    private static (double Raw, double Smooth) Jitter(Vector2[] truth, float pixelsPerMetre)
    {
        var raw = Noisy(truth, 0.3f);
        double Of(Vector2[] points) => Math.Sqrt(points.Zip(truth).Skip(10).Average(pair => (double)Vector2.DistanceSquared(pair.First, pair.Second)));
        return (Of(raw), Of(Smooth(raw, pixelsPerMetre)));
    }

    private static Vector2 Point(FrameLandmarks frame) => new(frame.View!.Landmarks[0].X, frame.View.Landmarks[0].Y);

    // Theta is the identity and the head half a metre away, so that the focal length sets the pixels a metre.
    private static FrameLandmarks Frame(int index, Vector2 point, float pixelsPerMetre) => new(index + 1, index * Step, new ViewLandmarks(
        "frame", null, 640, 480, 0.9, "one", [new Landmark(point.X, point.Y, [0, 0, 0], 1, true)],
        [1, 0, 0, 0, 1, 0], [1, 0, 0, 0, 1, 0, 0, 0, 1], [0, 0, -0.5f], pixelsPerMetre * 0.5f * 18 / 320), null);
}
