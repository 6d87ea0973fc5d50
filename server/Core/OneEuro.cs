using System.Numerics;

namespace MeshFromFaces.Core;

/// <summary>
/// The one-euro filter (Casiez, Roussel and Vogel 2012) over the landmarks of a video: a low pass whose cutoff rises with
/// the speed, so that a still face rests and a moving one does not lag.
/// </summary>
/// <remarks>Takes the landmarks' x and y only; the fit (pose, theta, focal length, 3D positions, sigma) stays as it was found.</remarks>
public static class OneEuro
{
    private const double MinCutoff = 1; // Hz, of a point at rest.
    private const double SpeedCutoff = 1; // Hz, of the speed itself, as in the paper.

    // Hz per m/s at the head's depth, as what a pixel is worth depends on how large the face is. Measured on the example
    // portrait at 25 frames a second, with noise: at rest the jitter falls from 0.29 to 0.11 px; in a turn of the head
    // the points lag by 10 ms, in a fast one by 4 ms.
    private const double Beta = 150;

    /// <summary>Frame by frame, as they come. A frame at fault passes, and the filter begins anew behind it.</summary>
    public static IEnumerable<FrameLandmarks> Smooth(IEnumerable<FrameLandmarks> frames)
    {
        Vector2[] points = [], speeds = [];
        double last = 0;
        foreach (var frame in frames)
        {
            if (frame.View is not { } view)
            {
                points = [];
                yield return frame;
                continue;
            }
            var marks = view.Landmarks;
            double step = frame.Time - last;
            last = frame.Time;
            if (points.Length != marks.Count || step <= 0)
            {
                (points, speeds) = ([.. marks.Select(mark => new Vector2(mark.X, mark.Y))], new Vector2[marks.Count]);
            }
            for (int i = 0; i < points.Length; i++)
            {
                var moved = new Vector2(marks[i].X, marks[i].Y) - points[i];
                if (step > 0)
                {
                    speeds[i] += Share(SpeedCutoff, step) * ((moved / (float)step) - speeds[i]);
                    points[i] += Share(MinCutoff + (Beta * speeds[i].Length() / view.PixelsPerMetre), step) * moved;
                }
            }
            yield return frame with { View = view with { Landmarks = [.. marks.Zip(points, (mark, at) => mark with { X = at.X, Y = at.Y })] } };
        }
    }

    // Eq. 3 and 5: how much of the way to the new value a low pass of this cutoff goes in one step.
    private static float Share(double cutoff, double step) => (float)(1 / (1 + (1 / (2 * Math.PI * cutoff * step))));
}
