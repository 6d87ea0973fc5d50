using MeshFromFaces.Core.Geometry;

namespace MeshFromFaces.Core.Texturing;

/// <summary>Which triangle of a topology each texel's centre lies in; made once, used for every view.</summary>
internal sealed class AtlasMap
{
    private AtlasMap(Topology topology, int size, int[] triangle) => (Topology, Size, Triangle) = (topology, size, triangle);

    public Topology Topology { get; }

    /// <summary>Texels a side.</summary>
    public int Size { get; }

    /// <summary>[Size, Size] index of a triangle, or -1 outside the chart; the top row is v = 1.</summary>
    public int[] Triangle { get; }

    public static AtlasMap Make(Topology topology, int size, CancellationToken cancellation = default)
    {
        var map = new int[size * size];
        Array.Fill(map, -1);
        for (int triangle = 0; triangle < topology.TriangleCount; triangle++)
        {
            cancellation.ThrowIfCancellationRequested();
            Draw(topology, triangle, size, map);
        }
        return new AtlasMap(topology, size, map);
    }

    /// <summary>A vertex in texels, x right, y down, texel centres at half-integers.</summary>
    public static (double X, double Y) ToTexels(Uv uv, int size) => ((double)uv.U * size, (1 - (double)uv.V) * size);

    // Row by row: the span of texel centres between the triangle's two crossings. Where two triangles meet, both take a
    // centre that lies on their edge, and the first keeps it: no gap, and the same result every time.
    private static void Draw(Topology topology, int triangle, int size, int[] map)
    {
        Span<(double X, double Y)> corners =
        [
            ToTexels(topology.Vertices[topology.Triangles[triangle * 3]], size),
            ToTexels(topology.Vertices[topology.Triangles[(triangle * 3) + 1]], size),
            ToTexels(topology.Vertices[topology.Triangles[(triangle * 3) + 2]], size),
        ];
        const double Reach = 1e-7; // texels
        double top = Math.Min(corners[0].Y, Math.Min(corners[1].Y, corners[2].Y));
        double bottom = Math.Max(corners[0].Y, Math.Max(corners[1].Y, corners[2].Y));
        int first = Math.Max(0, (int)Math.Ceiling(top - 0.5 - Reach)), last = Math.Min(size - 1, (int)Math.Floor(bottom - 0.5 + Reach));
        for (int y = first; y <= last; y++)
        {
            double left = double.MaxValue, right = double.MinValue, centre = y + 0.5;
            for (int i = 0; i < 3; i++)
            {
                var (a, b) = (corners[i], corners[(i + 1) % 3]);
                if (Math.Min(a.Y, b.Y) > centre + Reach || Math.Max(a.Y, b.Y) < centre - Reach)
                {
                    continue;
                }
                double t = a.Y == b.Y ? 0 : Math.Clamp((centre - a.Y) / (b.Y - a.Y), 0, 1);
                double x = a.X + ((b.X - a.X) * t);
                left = Math.Min(left, a.Y == b.Y ? Math.Min(a.X, b.X) : x);
                right = Math.Max(right, a.Y == b.Y ? Math.Max(a.X, b.X) : x);
            }
            int from = Math.Max(0, (int)Math.Ceiling(left - 0.5 - Reach)), to = Math.Min(size - 1, (int)Math.Floor(right - 0.5 + Reach));
            for (int x = from; x <= to; x++)
            {
                ref int texel = ref map[(y * size) + x];
                texel = texel < 0 ? triangle : texel;
            }
        }
    }
}
