using System.Globalization;
using System.Numerics;
using MeshFromFaces.Core.Geometry;
using MeshFromFaces.Core.Imaging;
using NetVips;
using Mesh = MeshFromFaces.Core.Geometry.Mesh;

namespace MeshFromFaces.Core.Export;

/// <summary>The photo with the mesh's visible edges and the landmarks drawn on it, to judge a fit at a glance.</summary>
internal static class Overlay
{
    private const int MaxSide = 2048;

    // Pixels of the overlay.
    private const float LineWidth = 1.1f;

    private static readonly Vector3 Line = new(150, 235, 255);
    private static readonly Vector3 Mark = new(255, 176, 32);
    private static readonly Vector3 Rim = new(32, 16, 0);

    // 0 to 9, three dots across and five down, the rows from the top; a system's fonts may differ or be missing.
    private static readonly int[] Digits =
    [
        0b111_101_101_101_111, 0b010_110_010_010_111, 0b111_001_111_100_111, 0b111_001_111_001_111, 0b101_101_111_001_001,
        0b111_100_111_001_111, 0b111_100_111_101_111, 0b111_001_010_010_010, 0b111_101_111_101_111, 0b111_101_111_001_111,
    ];

    /// <param name="depth">Of the mesh in this photo.</param>
    /// <param name="faces">Middle and half the width, in photo pixels, of every face that deserves a number, in the order of the numbers; may be empty.</param>
    /// <param name="chosen">The number of the face that the mesh is of, from 1.</param>
    /// <returns>JPEG, at most 2048 pixels a side.</returns>
    public static byte[] Draw(
        Photo photo, Mesh mesh, DepthBuffer depth, IReadOnlyList<(PixelPoint At, bool Visible)> landmarks,
        IReadOnlyList<(PixelPoint Centre, float Radius)> faces, int? chosen, CancellationToken cancellation = default)
    {
        double scale = Math.Min(1, (double)MaxSide / photo.SquareSide);
        var canvas = Shrink(photo, scale, cancellation);
        DrawMesh(canvas, mesh, depth, (float)scale);
        DrawLandmarks(canvas, landmarks, (float)scale);
        for (int i = 0; i < faces.Count; i++)
        {
            DrawNumber(canvas, i + 1, faces[i].Centre, faces[i].Radius, i + 1 == chosen ? Mark : Line, (float)scale);
        }
        return PictureEncoder.Jpeg(canvas.Pixels, canvas.Width, canvas.Height, cancellation);
    }

    private static Photo Shrink(Photo photo, double scale, CancellationToken cancellation)
    {
        if (scale == 1)
        {
            return photo with { Pixels = (byte[])photo.Pixels.Clone() };
        }
        using var image = Image.NewFromMemory(photo.Pixels, photo.Width, photo.Height, 3, Enums.BandFormat.Uchar);
        using var small = image.Resize(scale);
        return new Photo(photo.Name, small.Width, small.Height, VipsWork.Run(small, small.WriteToMemory<byte>, cancellation));
    }

    // Lines are collected as coverage first, so that crossings are no brighter than the lines.
    private static void DrawMesh(Photo canvas, Mesh mesh, DepthBuffer depth, float scale)
    {
        var camera = depth.Camera;
        var normals = mesh.Normals();
        var points = new Vector2[mesh.Head.Length];
        var front = new bool[mesh.Head.Length];
        for (int i = 0; i < points.Length; i++)
        {
            var point = camera.Project(mesh.Head[i]);
            points[i] = new Vector2(point.X, point.Y) * scale;
            front[i] = Vector3.Dot(camera.Pose.Turn(normals[i]), camera.Pose.ToCamera(mesh.Head[i])) < 0;
        }
        var coverage = new float[canvas.Width * canvas.Height];
        double length = 0;
        int drawn = 0;
        foreach (var (from, to) in mesh.Topology.Edges)
        {
            if ((front[from] || front[to]) && depth.Sees((mesh.Head[from] + mesh.Head[to]) / 2))
            {
                DrawLine(canvas, coverage, points[from], points[to]);
                length += Vector2.Distance(points[from], points[to]);
                drawn++;
            }
        }
        // A dense mesh is drawn fainter, so that the photo stays visible between its lines.
        float opacity = 0.55f * (float)Math.Clamp(length / Math.Max(1, drawn) / 12, 0.35, 1);
        Parallel.For(0, coverage.Length / canvas.Width, y =>
        {
            for (int pixel = y * canvas.Width; pixel < (y + 1) * canvas.Width; pixel++)
            {
                if (coverage[pixel] > 0)
                {
                    Mix(canvas, pixel, Line, coverage[pixel] * opacity);
                }
            }
        });
    }

    private static void DrawLine(Photo canvas, float[] coverage, Vector2 from, Vector2 to)
    {
        var along = to - from;
        float squared = along.LengthSquared();
        var (left, right, top, bottom) = Clip(canvas, Vector2.Min(from, to), Vector2.Max(from, to), LineWidth);
        for (int y = top; y <= bottom; y++)
        {
            for (int x = left; x <= right; x++)
            {
                var centre = new Vector2(x + 0.5f, y + 0.5f);
                float t = squared > 0 ? Math.Clamp(Vector2.Dot(centre - from, along) / squared, 0, 1) : 0;
                float covered = Math.Clamp((LineWidth / 2) + 0.5f - Vector2.Distance(centre, from + (t * along)), 0, 1);
                ref float here = ref coverage[(y * canvas.Width) + x];
                here = MathF.Max(here, covered);
            }
        }
    }

    private static void DrawLandmarks(Photo canvas, IReadOnlyList<(PixelPoint At, bool Visible)> landmarks, float scale)
    {
        // A few dozen points deserve discs; thousands (the dense layout) only dots.
        float radius = landmarks.Count > 1000 ? 0.8f : Math.Clamp(canvas.SquareSide / 400f, 1.6f, 4.5f);
        foreach (var (at, visible) in landmarks.OrderBy(landmark => landmark.Visible))
        {
            var centre = new Vector2(at.X, at.Y) * scale;
            var (left, right, top, bottom) = Clip(canvas, centre, centre, radius + 2);
            for (int y = top; y <= bottom; y++)
            {
                for (int x = left; x <= right; x++)
                {
                    float distance = Vector2.Distance(new Vector2(x + 0.5f, y + 0.5f), centre);
                    float disc = Math.Clamp(radius + 0.5f - distance, 0, 1);
                    float rim = Math.Clamp(radius + 1.5f - distance, 0, 1) - disc;
                    Mix(canvas, (y * canvas.Width) + x, Rim, rim * (visible ? 0.6f : 0.25f));
                    Mix(canvas, (y * canvas.Width) + x, Mark, disc * (visible ? 1 : 0.3f));
                }
            }
        }
    }

    // A frame around the face and its number in the frame's upper left corner.
    private static void DrawNumber(Photo canvas, int number, PixelPoint centre, float radius, Vector3 colour, float scale)
    {
        var (middle, half) = (new Vector2(centre.X, centre.Y) * scale, 1.6f * radius * scale);
        var (left, right, top, bottom) = Clip(canvas, middle - new Vector2(half), middle + new Vector2(half), 0);
        int line = Math.Clamp((int)(half / 40), 1, 4), dot = Math.Clamp((int)(half / 25), 2, 8);
        Fill(canvas, left, top, right - left, line, colour);
        Fill(canvas, left, bottom - line, right - left, line, colour);
        Fill(canvas, left, top, line, bottom - top, colour);
        Fill(canvas, right - line, top, line, bottom - top, colour);
        string digits = number.ToString(CultureInfo.InvariantCulture);
        Fill(canvas, left, top, ((4 * digits.Length) + 1) * dot, 7 * dot, colour);
        for (int i = 0; i < digits.Length * 15; i++)
        {
            var (digit, row, column) = (i / 15, i % 15 / 3, i % 3);
            if ((Digits[digits[digit] - '0'] >> (14 - (i % 15)) & 1) != 0)
            {
                Fill(canvas, left + (((4 * digit) + column + 1) * dot), top + ((row + 1) * dot), dot, dot, Rim);
            }
        }
    }

    private static void Fill(Photo canvas, int left, int top, int width, int height, Vector3 colour)
    {
        for (int y = Math.Max(top, 0); y < Math.Min(top + height, canvas.Height); y++)
        {
            for (int x = Math.Max(left, 0); x < Math.Min(left + width, canvas.Width); x++)
            {
                Mix(canvas, (y * canvas.Width) + x, colour, 1);
            }
        }
    }

    // Pixels within a reach of a box, inside the canvas; an empty range when the box is elsewhere (or not a number).
    private static (int Left, int Right, int Top, int Bottom) Clip(Photo canvas, Vector2 min, Vector2 max, float reach) => (
        (int)Math.Clamp(min.X - reach, 0, canvas.Width), (int)Math.Clamp(max.X + reach, -1, canvas.Width - 1),
        (int)Math.Clamp(min.Y - reach, 0, canvas.Height), (int)Math.Clamp(max.Y + reach, -1, canvas.Height - 1));

    private static void Mix(Photo canvas, int pixel, Vector3 colour, float opacity)
    {
        for (int channel = 0; channel < 3; channel++)
        {
            ref byte value = ref canvas.Pixels[(pixel * 3) + channel];
            value = (byte)MathF.Round(value + ((colour[channel] - value) * opacity));
        }
    }
}
