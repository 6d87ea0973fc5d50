using System.Globalization;
using System.Text;

namespace MeshFromFaces.Core.Export;

/// <summary>What a frame says of the lens, mm on a 36 mm sensor; not a number where the frame is at fault.</summary>
/// <param name="Time">Seconds.</param>
/// <param name="LensMm">Of the photo's camera, whose sensor is as wide as the photo's longer side.</param>
/// <param name="FaceMm">Of the face image's camera.</param>
public readonly record struct FocalLength(double Time, float LensMm, float FaceMm);

/// <summary>The focal lengths that were read from the frames of a video, over time. A lens that did not zoom shows as a level line.</summary>
public static class FocalPlot
{
    private const int Width = 960, Height = 420, Left = 64, Right = 24, Top = 56, Bottom = 48;

    /// <param name="title">Above the plot; any text.</param>
    /// <param name="frames">In the order of their time; those at fault leave gaps.</param>
    /// <returns>An SVG document.</returns>
    public static string Draw(string title, IReadOnlyList<FocalLength> frames)
    {
        (string Name, string Colour, Func<FocalLength, float> Value)[] curves =
        [
            ("the photo's lens", "#0b6e99", frame => frame.LensMm),
            ("the face image's", "#d9730d", frame => frame.FaceMm),
        ];
        float[] values = [.. curves.SelectMany(curve => frames.Select(curve.Value)).Where(float.IsFinite)];
        var (low, high, step) = Range(values.DefaultIfEmpty(0).Min(), values.DefaultIfEmpty(100).Max());
        double end = frames.Count > 0 ? Math.Max(frames[^1].Time, 1e-3) : 1;
        double X(double time) => Left + (time / end * (Width - Left - Right));
        double Y(double mm) => Height - Bottom - ((mm - low) / (high - low) * (Height - Top - Bottom));

        var svg = new StringBuilder();
        void Add(FormattableString line) => svg.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');
        Add($"""<svg xmlns="http://www.w3.org/2000/svg" width="{Width}" height="{Height}" viewBox="0 0 {Width} {Height}" font-family="sans-serif" font-size="13" fill="#333">""");
        Add($"""<rect width="100%" height="100%" fill="#fff"/>""");
        Add($"""<text x="{Left}" y="24" font-size="16">Focal length in mm on a 36 mm sensor: {Escaped(title)}</text>""");
        for (double mm = low; mm <= high + (step / 2); mm += step)
        {
            Add($"""<line x1="{Left}" y1="{Y(mm):0.#}" x2="{Width - Right}" y2="{Y(mm):0.#}" stroke="#ddd"/><text x="{Left - 8}" y="{Y(mm) + 4:0.#}" text-anchor="end">{mm:0.##}</text>""");
        }
        var (_, _, seconds) = Range(0, end);
        for (double time = 0; time <= end + 1e-9; time += seconds)
        {
            Add($"""<line x1="{X(time):0.#}" y1="{Height - Bottom}" x2="{X(time):0.#}" y2="{Height - Bottom + 5}" stroke="#888"/><text x="{X(time):0.#}" y="{Height - Bottom + 20}" text-anchor="middle">{time:0.###}</text>""");
        }
        Add($"""<text x="{Width - Right}" y="{Height - 8}" text-anchor="end">seconds</text>""");
        for (int i = 0; i < curves.Length; i++)
        {
            var (name, colour, value) = curves[i];
            Add($"""<line x1="{Left + (180 * i)}" y1="40" x2="{Left + 24 + (180 * i)}" y2="40" stroke="{colour}" stroke-width="2"/><text x="{Left + 30 + (180 * i)}" y="44">{name}</text>""");
            foreach (var run in Runs(frames))
            {
                string points = string.Join(' ', run.Select(frame => string.Create(CultureInfo.InvariantCulture, $"{X(frame.Time):0.##},{Y(value(frame)):0.##}")));
                // A line of one point has no length; its round ends make it a dot.
                Add($"""<polyline points="{points} {points[(points.LastIndexOf(' ') + 1)..]}" fill="none" stroke="{colour}" stroke-width="2" stroke-linejoin="round" stroke-linecap="round"/>""");
            }
        }
        return svg.Append("</svg>\n").ToString();
    }

    /// <summary>Limits around the values on a step of 1, 2 or 5 times a power of ten, about six steps apart.</summary>
    private static (double Low, double High, double Step) Range(double least, double most)
    {
        double rough = Math.Max(most - least, 1e-3) / 6, power = Math.Pow(10, Math.Floor(Math.Log10(rough)));
        double step = power * (rough / power) switch { <= 1 => 1, <= 2 => 2, <= 5 => 5, _ => 10 };
        double low = Math.Floor(least / step) * step, high = Math.Ceiling(most / step) * step;
        return (low, high > low ? high : low + step, step);
    }

    // Neighbouring frames with a face.
    private static IEnumerable<List<FocalLength>> Runs(IReadOnlyList<FocalLength> frames)
    {
        var run = new List<FocalLength>();
        foreach (var frame in frames.Append(new FocalLength(0, float.NaN, float.NaN)))
        {
            if (float.IsFinite(frame.LensMm))
            {
                run.Add(frame);
            }
            else if (run.Count > 0)
            {
                yield return run;
                run = [];
            }
        }
    }

    private static string Escaped(string text) => System.Security.SecurityElement.Escape(text);
}
