using System.Numerics;
using MeshFromFaces.Core.Geometry;
using MeshFromFaces.Core.Imaging;
using MeshFromFaces.Core.Texturing;

namespace MeshFromFaces.Core.Tests.Support;

/// <summary>
/// The unwrap, point by point: barycentrics of the texel, the camera-space position between its triangle's corners,
/// projected step by step, one plain bilinear sample after the other. The twin of <see cref="ViewTexture.Unwrap"/>.
/// </summary>
internal static class NaiveUnwrap
{
    /// <returns>[size, size] linear light, null where not seen.</returns>
    public static Vector3?[] Unwrap(Photo photo, Mesh mesh, DepthBuffer depth, AtlasMap map)
    {
        var result = new Vector3?[map.Size * map.Size];
        var normals = mesh.Normals();
        for (int texel = 0; texel < result.Length; texel++)
        {
            int triangle = map.Triangle[texel];
            if (triangle >= 0)
            {
                result[texel] = Texel(photo, mesh, normals, depth, map.Size, triangle, texel % map.Size, texel / map.Size);
            }
        }
        return result;
    }

    private static Vector3? Texel(Photo photo, Mesh mesh, Vector3[] normals, DepthBuffer depth, int size, int triangle, int x, int y)
    {
        var camera = depth.Camera;
        int[] corners = [.. mesh.Topology.Triangles.Skip(triangle * 3).Take(3)];
        Vector3 Barycentric(double tx, double ty)
        {
            var (a, b, c) = (mesh.Topology.Vertices[corners[0]], mesh.Topology.Vertices[corners[1]], mesh.Topology.Vertices[corners[2]]);
            double u = tx / size, v = 1 - (ty / size);
            double area = ((double)(b.U - a.U) * (c.V - a.V)) - ((double)(c.U - a.U) * (b.V - a.V));
            double wa = (((b.U - u) * (c.V - v)) - ((c.U - u) * (b.V - v))) / area;
            double wb = (((c.U - u) * (a.V - v)) - ((a.U - u) * (c.V - v))) / area;
            return new Vector3((float)wa, (float)wb, (float)(1 - wa - wb));
        }
        (double X, double Y, double Depth) At(double tx, double ty)
        {
            var w = Barycentric(tx, ty);
            return ReferenceRenderer.Project(camera, (w.X * mesh.Head[corners[0]]) + (w.Y * mesh.Head[corners[1]]) + (w.Z * mesh.Head[corners[2]]));
        }

        var weights = Barycentric(x + 0.5, y + 0.5);
        double cosine = 0;
        for (int i = 0; i < 3; i++)
        {
            var position = camera.Pose.ToCamera(mesh.Head[corners[i]]);
            cosine += weights[i] * Vector3.Dot(camera.Pose.Turn(normals[corners[i]]), -Vector3.Normalize(position));
        }
        var (p, q, r) = (ReferenceRenderer.Project(camera, mesh.Head[corners[0]]), ReferenceRenderer.Project(camera, mesh.Head[corners[1]]), ReferenceRenderer.Project(camera, mesh.Head[corners[2]]));
        double area = ((q.X - p.X) * (r.Y - p.Y)) - ((r.X - p.X) * (q.Y - p.Y)); // Negative (y down) when the front is seen.
        double dwdx = ((((1 / q.Depth) - (1 / p.Depth)) * (r.Y - p.Y)) - (((1 / r.Depth) - (1 / p.Depth)) * (q.Y - p.Y))) / area;
        double dwdy = ((((1 / r.Depth) - (1 / p.Depth)) * (q.X - p.X)) - (((1 / q.Depth) - (1 / p.Depth)) * (r.X - p.X))) / area;
        var centre = At(x + 0.5, y + 0.5);
        bool Clear((double X, double Y, double Depth) at) => depth.Clear(at.X, at.Y, (float)(1 / at.Depth), (float)(Math.Abs(dwdx) + Math.Abs(dwdy)));
        if (area >= 0 || cosine < ViewTexture.GrazingCosine || !camera.Sees(centre.X, centre.Y)
            || !Clear(centre))
        {
            return null;
        }

        // As many samples as the triangle's middle texel covers pixels.
        var uvs = corners.Select(corner => AtlasMap.ToTexels(mesh.Topology.Vertices[corner], size)).ToArray();
        var (mx, my) = (uvs.Average(uv => uv.X), uvs.Average(uv => uv.Y));
        int Count((double X, double Y, double Depth) to)
        {
            var from = At(mx, my);
            return (int)Math.Clamp(Math.Round(Math.Sqrt(((to.X - from.X) * (to.X - from.X)) + ((to.Y - from.Y) * (to.Y - from.Y)))), 1, 32);
        }
        int across = Count(At(mx + 1, my)), down = Count(At(mx, my + 1));
        var sum = Vector3.Zero;
        for (int j = 0; j < down; j++)
        {
            for (int i = 0; i < across; i++)
            {
                var at = At(x + ((i + 0.5) / across), y + ((j + 0.5) / down));
                if (!Clear(at))
                {
                    return null;
                }
                sum += Bilinear(photo, at.X, at.Y);
            }
        }
        return sum / (across * down);
    }

    private static Vector3 Bilinear(Photo photo, double x, double y)
    {
        double fx = Math.Clamp(x - 0.5, 0, photo.Width - 1), fy = Math.Clamp(y - 0.5, 0, photo.Height - 1);
        var sum = Vector3.Zero;
        for (int j = 0; j < 2; j++)
        {
            for (int i = 0; i < 2; i++)
            {
                int px = Math.Min((int)fx + i, photo.Width - 1), py = Math.Min((int)fy + j, photo.Height - 1);
                double weight = (i == 0 ? 1 - (fx - (int)fx) : fx - (int)fx) * (j == 0 ? 1 - (fy - (int)fy) : fy - (int)fy);
                for (int channel = 0; channel < 3; channel++)
                {
                    sum[channel] += (float)(weight * ToLinear(photo.Pixels[(((py * photo.Width) + px) * 3) + channel]));
                }
            }
        }
        return sum;
    }

    private static double ToLinear(byte code)
    {
        double encoded = code / 255.0;
        return encoded <= 0.04045 ? encoded / 12.92 : Math.Pow((encoded + 0.055) / 1.055, 2.4);
    }
}
