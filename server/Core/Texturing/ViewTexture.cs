using System.Numerics;
using MeshFromFaces.Core.Geometry;
using MeshFromFaces.Core.Imaging;

namespace MeshFromFaces.Core.Texturing;

/// <summary>Unwraps one view's photo over the canonical UVs by its own posed mesh.</summary>
internal static class ViewTexture
{
    /// <summary>
    /// Cosine between a surface's normal and the direction to the camera below which it counts as not seen (75 degrees):
    /// beyond, a photo pixel is smeared over four texels and more.
    /// </summary>
    public const float GrazingCosine = 0.26f;

    /// <summary>
    /// A triangle with fewer photo pixels a texel, in one direction, than this part of the view's median is not seen: it
    /// is a sliver (the seam between lid and eye), and its few mixed pixels would be drawn out over many texels.
    /// </summary>
    public const double Sliver = 0.2;

    // Samples a side of one texel; a 20,000 pixel photo on a 512 texel atlas has 40 pixels a texel.
    private const int MaxSamples = 32;

    /// <summary>
    /// Each texel is the mean, in linear light, of bilinear samples over the photo area it covers, about one a photo
    /// pixel. It is seen when the surface is clear (<see cref="DepthBuffer.Clear"/>), faces the camera, is no sliver and lies
    /// inside the photo and far enough from the outlines; what is not seen stays 0.
    /// </summary>
    /// <param name="depth">Of this mesh in this view's camera.</param>
    /// <param name="margins">By vertex, photo pixels along an outline where the photo may show what is behind it; none when left out.</param>
    public static Atlas Unwrap(Photo photo, Mesh mesh, DepthBuffer depth, AtlasMap map, float[]? margins = null, CancellationToken cancellation = default)
    {
        var setups = TexelProjection.Make(mesh, depth.Camera, margins ?? new float[mesh.Head.Length], map.Size);
        double finest = Sliver * MedianFineness(setups);
        var rgba = new byte[map.Size * map.Size * 4];
        Parallel.For(0, map.Size, new ParallelOptions { CancellationToken = cancellation }, y =>
        {
            var triangles = map.Triangle.AsSpan(y * map.Size, map.Size);
            var row = rgba.AsSpan(y * map.Size * 4, map.Size * 4);
            for (int x = 0; x < triangles.Length; x++)
            {
                if (triangles[x] >= 0)
                {
                    ref readonly var setup = ref setups[triangles[x]];
                    if (setup.Faces && setup.Fineness >= finest && TrySample(photo, depth, in setup, x, y, out var linear))
                    {
                        row[x * 4] = Srgb.Encode(linear.X);
                        row[(x * 4) + 1] = Srgb.Encode(linear.Y);
                        row[(x * 4) + 2] = Srgb.Encode(linear.Z);
                        row[(x * 4) + 3] = 255;
                    }
                }
            }
        });
        return new Atlas(map.Size, rgba);
    }

    private static double MedianFineness(TexelProjection[] setups)
    {
        double[] seen = [.. setups.Where(setup => setup.Faces).Select(setup => setup.Fineness).Order()];
        return seen.Length > 0 ? seen[seen.Length / 2] : 0;
    }

    private static bool TrySample(Photo photo, DepthBuffer depth, in TexelProjection setup, int x, int y, out Vector3 linear)
    {
        linear = default;
        var (px, py, inverse) = setup.Project(x + 0.5, y + 0.5);
        if (setup.Cosine(x + 0.5, y + 0.5) < GrazingCosine
            || !depth.Camera.Sees(px, py)
            || depth.FromOutline(px, py) < setup.Margin(x + 0.5, y + 0.5)
            || !depth.Clear(px, py, (float)inverse, setup.Slope))
        {
            return false;
        }
        if (setup.Across * setup.Down == 1)
        {
            linear = Bilinear(photo, px, py);
            return true;
        }
        for (int j = 0; j < setup.Down; j++)
        {
            for (int i = 0; i < setup.Across; i++)
            {
                var (sx, sy, sample) = setup.Project(x + ((i + 0.5) / setup.Across), y + ((j + 0.5) / setup.Down));
                if (!depth.Clear(sx, sy, (float)sample, setup.Slope))
                {
                    return false;
                }
                linear += Bilinear(photo, sx, sy);
            }
        }
        linear /= setup.Across * setup.Down;
        return true;
    }

    // Mixes of equal colours are that colour exactly: a white photo gives a white atlas.
    private static Vector3 Bilinear(Photo photo, double px, double py)
    {
        double fx = Math.Clamp(px - 0.5, 0, photo.Width - 1), fy = Math.Clamp(py - 0.5, 0, photo.Height - 1);
        int x = Math.Min((int)fx, photo.Width - 2), y = Math.Min((int)fy, photo.Height - 2);
        float tx = (float)(fx - x), ty = (float)(fy - y);
        int at = ((y * photo.Width) + x) * 3;
        var upper = photo.Pixels.AsSpan(at, 6);
        var lower = photo.Pixels.AsSpan(at + (photo.Width * 3), 6);
        var light = Srgb.Linear;
        var a = new Vector3(light[upper[0]], light[upper[1]], light[upper[2]]);
        var b = new Vector3(light[upper[3]], light[upper[4]], light[upper[5]]);
        var c = new Vector3(light[lower[0]], light[lower[1]], light[lower[2]]);
        var d = new Vector3(light[lower[3]], light[lower[4]], light[lower[5]]);
        var top = a + ((b - a) * tx);
        var bottom = c + ((d - c) * tx);
        return top + ((bottom - top) * ty);
    }

    /// <summary>
    /// Of one triangle, where its texels lie in the photo. Camera-space positions are affine in the texel, so pixel times
    /// depth is too: each triangle's texels reach the photo by a homography.
    /// </summary>
    private readonly struct TexelProjection
    {
        private readonly double _originX, _originY;
        private readonly (double At, double Dx, double Dy) _x, _y, _depth, _cosine, _margin;

        /// <summary>False when the camera sees its back, or only its edge.</summary>
        public readonly bool Faces;

        /// <summary>Change of the inverse depth a photo pixel, |d/dx| + |d/dy|.</summary>
        public readonly float Slope;

        /// <summary>Photo pixels a texel in the direction where they are fewest: the smaller singular value of the Jacobian.</summary>
        public readonly double Fineness;

        /// <summary>Samples along a texel's row and column.</summary>
        public readonly int Across, Down;

        private TexelProjection(
            ReadOnlySpan<(double X, double Y)> texels, ReadOnlySpan<(double X, double Y, double Depth)> image, ReadOnlySpan<double> cosines, ReadOnlySpan<float> margins)
        {
            var (ax, ay) = (texels[1].X - texels[0].X, texels[1].Y - texels[0].Y);
            var (bx, by) = (texels[2].X - texels[0].X, texels[2].Y - texels[0].Y);
            double area = (ax * by) - (ay * bx);
            (double, double, double) Affine(double at, double a, double b) =>
                (at, (((a - at) * by) - ((b - at) * ay)) / area, (((b - at) * ax) - ((a - at) * bx)) / area);

            (_originX, _originY) = texels[0];
            _x = Affine(image[0].X, image[1].X, image[2].X);
            _y = Affine(image[0].Y, image[1].Y, image[2].Y);
            _depth = Affine(image[0].Depth, image[1].Depth, image[2].Depth);
            _cosine = Affine(cosines[0], cosines[1], cosines[2]);
            _margin = Affine(margins[0], margins[1], margins[2]);

            // The triangle in the photo: its outside is seen when it winds as in the UVs, y down in both.
            var (p, q, r) = (Pixel(image[0]), Pixel(image[1]), Pixel(image[2]));
            var (qx, qy, qw) = (q.X - p.X, q.Y - p.Y, q.Inverse - p.Inverse);
            var (rx, ry, rw) = (r.X - p.X, r.Y - p.Y, r.Inverse - p.Inverse);
            double seen = (qx * ry) - (qy * rx);
            Faces = seen * area > 0 && Math.Abs(seen) > 1e-9;
            Slope = Faces ? (float)((Math.Abs((qw * ry) - (rw * qy)) + Math.Abs((rw * qx) - (qw * rx))) / Math.Abs(seen)) : 0;

            var (cx, cy) = ((texels[0].X + texels[1].X + texels[2].X) / 3, (texels[0].Y + texels[1].Y + texels[2].Y) / 3);
            var (here, right, below) = (Project(cx, cy), Project(cx + 1, cy), Project(cx, cy + 1));
            var (xu, yu, xv, yv) = (right.X - here.X, right.Y - here.Y, below.X - here.X, below.Y - here.Y);
            Across = Samples(xu, yu);
            Down = Samples(xv, yv);
            double squares = (xu * xu) + (yu * yu) + (xv * xv) + (yv * yv), determinant = Math.Abs((xu * yv) - (yu * xv));
            // s1^2 + s2^2 = squares and s1 s2 = determinant.
            Fineness = (Math.Sqrt(squares + (2 * determinant)) - Math.Sqrt(Math.Max(0, squares - (2 * determinant)))) / 2;
        }

        public static TexelProjection[] Make(Mesh mesh, PhotoCamera camera, float[] margins, int size)
        {
            var normals = mesh.Normals();
            var image = new (double X, double Y, double Depth)[mesh.Head.Length];
            var cosines = new double[mesh.Head.Length];
            for (int i = 0; i < image.Length; i++)
            {
                var position = camera.Pose.ToCamera(mesh.Head[i]);
                image[i] = camera.Homogeneous(position);
                cosines[i] = Vector3.Dot(camera.Pose.Turn(normals[i]), -Vector3.Normalize(position));
            }
            var setups = new TexelProjection[mesh.Topology.TriangleCount];
            for (int i = 0; i < setups.Length; i++)
            {
                var (a, b, c) = (mesh.Topology.Triangles[i * 3], mesh.Topology.Triangles[(i * 3) + 1], mesh.Topology.Triangles[(i * 3) + 2]);
                var uvs = mesh.Topology.Vertices;
                setups[i] = new TexelProjection(
                    [AtlasMap.ToTexels(uvs[a], size), AtlasMap.ToTexels(uvs[b], size), AtlasMap.ToTexels(uvs[c], size)],
                    [image[a], image[b], image[c]],
                    [cosines[a], cosines[b], cosines[c]],
                    [margins[a], margins[b], margins[c]]);
            }
            return setups;
        }

        /// <summary>Photo pixels and inverse depth of a point of the atlas, in texels.</summary>
        public (double X, double Y, double Inverse) Project(double texelX, double texelY)
        {
            double dx = texelX - _originX, dy = texelY - _originY;
            double inverse = 1 / (_depth.At + (_depth.Dx * dx) + (_depth.Dy * dy));
            return ((_x.At + (_x.Dx * dx) + (_x.Dy * dy)) * inverse, (_y.At + (_y.Dx * dx) + (_y.Dy * dy)) * inverse, inverse);
        }

        public double Cosine(double texelX, double texelY) => At(_cosine, texelX, texelY);

        public double Margin(double texelX, double texelY) => At(_margin, texelX, texelY);

        private double At((double At, double Dx, double Dy) value, double texelX, double texelY) =>
            value.At + (value.Dx * (texelX - _originX)) + (value.Dy * (texelY - _originY));

        private static (double X, double Y, double Inverse) Pixel((double X, double Y, double Depth) image) =>
            (image.X / image.Depth, image.Y / image.Depth, 1 / image.Depth);

        private static int Samples(double dx, double dy)
        {
            double length = Math.Sqrt((dx * dx) + (dy * dy));
            return double.IsFinite(length) ? (int)Math.Clamp(Math.Round(length), 1, MaxSamples) : 1;
        }
    }
}
