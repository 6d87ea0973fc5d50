using System.Numerics;
using MeshFromFaces.Core.Geometry;
using MeshFromFaces.Core.Imaging;

namespace MeshFromFaces.Core.Tests.Support;

/// <summary>
/// A slow, plain renderer that shares nothing with the library but the camera's definition, restated here from
/// design.md section 3: rays through sub-pixels, nearest triangle, a texture given as a function of uv, averaged in linear light.
/// </summary>
internal static class ReferenceRenderer
{
    /// <param name="colour">Linear light, 0..1, of a point of the canonical face.</param>
    /// <param name="samples">Sub-pixels a side.</param>
    public static Photo Render(Mesh mesh, PhotoCamera camera, Func<double, double, Vector3> colour, Vector3 background, int samples = 4)
    {
        int width = camera.Width * samples, height = camera.Height * samples;
        var depth = new float[width * height];
        var linear = new Vector3[width * height];
        Array.Fill(depth, float.PositiveInfinity);
        Array.Fill(linear, background);
        var triangles = mesh.Topology.Triangles;
        for (int i = 0; i < triangles.Length; i += 3)
        {
            Draw(mesh, camera, triangles[i], triangles[i + 1], triangles[i + 2], samples, width, height, depth, linear, colour);
        }
        var pixels = new byte[camera.Width * camera.Height * 3];
        for (int y = 0; y < camera.Height; y++)
        {
            for (int x = 0; x < camera.Width; x++)
            {
                var sum = Vector3.Zero;
                for (int j = 0; j < samples; j++)
                {
                    for (int k = 0; k < samples; k++)
                    {
                        sum += linear[(((y * samples) + j) * width) + (x * samples) + k];
                    }
                }
                sum /= samples * samples;
                for (int channel = 0; channel < 3; channel++)
                {
                    pixels[(((y * camera.Width) + x) * 3) + channel] = ToByte(sum[channel]);
                }
            }
        }
        return new Photo("render", camera.Width, camera.Height, pixels);
    }

    public static byte ToByte(double linear)
    {
        double encoded = linear <= 0.0031308 ? linear * 12.92 : (1.055 * Math.Pow(linear, 1 / 2.4)) - 0.055;
        return (byte)Math.Round(Math.Clamp(encoded, 0, 1) * 255);
    }

    /// <summary>Photo pixels and depth of a head-space point, step by step as design.md has it.</summary>
    public static (double X, double Y, double Depth) Project(PhotoCamera camera, Vector3 head)
    {
        float[] r = camera.Pose.RotationArray();
        var t = camera.Pose.Translation;
        double x = (r[0] * head.X) + (r[1] * head.Y) + (r[2] * head.Z) + t.X;
        double y = (r[3] * head.X) + (r[4] * head.Y) + (r[5] * head.Z) + t.Y;
        double z = (r[6] * head.X) + (r[7] * head.Y) + (r[8] * head.Z) + t.Z;
        double u = 2 * camera.Pose.FocalMm / 36.0 * x / -z, v = -2 * camera.Pose.FocalMm / 36.0 * y / -z;
        float[] theta = camera.Theta.ToArray();
        double px = (theta[0] * u) + (theta[1] * v) + theta[2], py = (theta[3] * u) + (theta[4] * v) + theta[5];
        double side = Math.Max(camera.Width, camera.Height);
        return (((px + 1) / 2 * side) - ((side - camera.Width) / 2), ((py + 1) / 2 * side) - ((side - camera.Height) / 2), -z);
    }

    private static void Draw(
        Mesh mesh, PhotoCamera camera, int ia, int ib, int ic, int samples, int width, int height, float[] depth, Vector3[] linear, Func<double, double, Vector3> colour)
    {
        var (a, b, c) = (Project(camera, mesh.Head[ia]), Project(camera, mesh.Head[ib]), Project(camera, mesh.Head[ic]));
        double area = ((b.X - a.X) * (c.Y - a.Y)) - ((c.X - a.X) * (b.Y - a.Y));
        if (area == 0)
        {
            return;
        }
        var uvs = mesh.Topology.Vertices;
        int First(double value, int limit) => (int)Math.Clamp(Math.Floor(value * samples), 0, limit - 1);
        int left = First(Math.Min(a.X, Math.Min(b.X, c.X)), width), right = First(Math.Max(a.X, Math.Max(b.X, c.X)), width);
        int top = First(Math.Min(a.Y, Math.Min(b.Y, c.Y)), height), bottom = First(Math.Max(a.Y, Math.Max(b.Y, c.Y)), height);
        for (int y = top; y <= bottom; y++)
        {
            for (int x = left; x <= right; x++)
            {
                double px = (x + 0.5) / samples, py = (y + 0.5) / samples;
                double wa = (((b.X - px) * (c.Y - py)) - ((c.X - px) * (b.Y - py))) / area;
                double wb = (((c.X - px) * (a.Y - py)) - ((a.X - px) * (c.Y - py))) / area;
                double wc = 1 - wa - wb;
                if (wa < -1e-9 || wb < -1e-9 || wc < -1e-9)
                {
                    continue;
                }
                // Perspective: barycentrics over depth.
                double inverse = (wa / a.Depth) + (wb / b.Depth) + (wc / c.Depth);
                int at = (y * width) + x;
                if (1 / inverse < depth[at])
                {
                    depth[at] = (float)(1 / inverse);
                    double u = ((wa / a.Depth * uvs[ia].U) + (wb / b.Depth * uvs[ib].U) + (wc / c.Depth * uvs[ic].U)) / inverse;
                    double v = ((wa / a.Depth * uvs[ia].V) + (wb / b.Depth * uvs[ib].V) + (wc / c.Depth * uvs[ic].V)) / inverse;
                    linear[at] = colour(u, v);
                }
            }
        }
    }
}
