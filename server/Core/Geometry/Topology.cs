using System.Collections.Immutable;
using System.Numerics;

namespace MeshFromFaces.Core.Geometry;

/// <summary>
/// A mesh over the canonical face: its vertices are queries, so it has no positions until a model answers them.
/// </summary>
/// <param name="Name">For messages and the GLB.</param>
/// <param name="Vertices">Distinct UVs.</param>
/// <param name="Triangles">
/// Three vertex indices each, wound so that their UV area is positive: the outside faces +Z at the chart's centre. The
/// triangles of a polygon follow each other as a fan, and the next polygon's fan begins at another vertex: what begins
/// at the same vertex is one polygon.
/// </param>
/// <param name="Edges">Pairs of vertex indices (smaller first), the polygons' own edges without the diagonals of triangulation.</param>
/// <param name="Groups">Named runs of triangles, in the file's order, without gaps.</param>
public sealed record Topology(
    string Name,
    ImmutableArray<Uv> Vertices,
    ImmutableArray<int> Triangles,
    ImmutableArray<(int From, int To)> Edges,
    ImmutableArray<TopologyGroup> Groups)
{
    // Of the grid that finds the triangle of a query, a side.
    private const int LocateCells = 64;

    public int TriangleCount => Triangles.Length / 3;

    /// <summary>Where on the surface queries lie; those that no triangle holds, at the vertex nearest in UV.</summary>
    public SurfacePoint[] Locate(ImmutableArray<Uv> queries)
    {
        if (queries == Vertices)
        {
            return [.. Enumerable.Range(0, Vertices.Length).Select(SurfacePoint.Vertex)];
        }
        var cells = new List<int>?[LocateCells * LocateCells]; // The triangles whose bounds touch a cell.
        static int Cell(float at) => Math.Clamp((int)(at * LocateCells), 0, LocateCells - 1);
        for (int i = 0; i < Triangles.Length; i += 3)
        {
            Uv a = Vertices[Triangles[i]], b = Vertices[Triangles[i + 1]], c = Vertices[Triangles[i + 2]];
            int left = Cell(Math.Min(a.U, Math.Min(b.U, c.U))), right = Cell(Math.Max(a.U, Math.Max(b.U, c.U)));
            int low = Cell(Math.Min(a.V, Math.Min(b.V, c.V))), high = Cell(Math.Max(a.V, Math.Max(b.V, c.V)));
            for (int y = low; y <= high; y++)
            {
                for (int x = left; x <= right; x++)
                {
                    (cells[(y * LocateCells) + x] ??= []).Add(i);
                }
            }
        }
        SurfacePoint Place(Uv query)
        {
            foreach (int i in cells[(Cell(query.V) * LocateCells) + Cell(query.U)] ?? [])
            {
                if (SurfacePoint.In(this, i, query) is { } found)
                {
                    return found;
                }
            }
            return SurfacePoint.Vertex(Enumerable.Range(0, Vertices.Length).MinBy(i => Square(Vertices[i].U - query.U) + Square(Vertices[i].V - query.V)));
        }
        return [.. queries.Select(Place)];
    }

    /// <summary>
    /// A sketch of the same surface, enough to tell what hides what: the vertices of each cell of a grid over the UVs are
    /// merged into the one nearest their mean (vertex clustering, Rossignac and Borrel 1993). Keeps no edges and groups.
    /// </summary>
    /// <param name="cells">Of the grid, a side.</param>
    public Topology Coarsen(int cells)
    {
        var merged = new int[Vertices.Length];
        var vertices = ImmutableArray.CreateBuilder<Uv>();
        foreach (var cell in Enumerable.Range(0, Vertices.Length).GroupBy(i => ((int)(Vertices[i].U * cells), (int)(Vertices[i].V * cells))))
        {
            var (u, v) = (cell.Average(i => Vertices[i].U), cell.Average(i => Vertices[i].V));
            int middle = cell.MinBy(i => ((Vertices[i].U - u) * (Vertices[i].U - u)) + ((Vertices[i].V - v) * (Vertices[i].V - v)));
            foreach (int i in cell)
            {
                merged[i] = vertices.Count;
            }
            vertices.Add(Vertices[middle]);
        }
        var triangles = ImmutableArray.CreateBuilder<int>();
        for (int i = 0; i < Triangles.Length; i += 3)
        {
            var (a, b, c) = (merged[Triangles[i]], merged[Triangles[i + 1]], merged[Triangles[i + 2]]);
            if (a != b && b != c && c != a)
            {
                triangles.AddRange(a, b, c);
            }
        }
        return new Topology(Name, vertices.ToImmutable(), triangles.ToImmutable(), [], []);
    }

    private static float Square(float value) => value * value;
}

/// <summary>A place on a topology's surface: three of its vertices, and their weights, which sum to 1.</summary>
public readonly record struct SurfacePoint(int A, int B, int C, Vector3 Weights)
{
    // A query on an edge belongs to either side, whatever rounding says.
    private const float Reach = 1e-5f;

    public static SurfacePoint Vertex(int vertex) => new(vertex, vertex, vertex, Vector3.UnitX);

    /// <summary>Where a query lies in the triangle whose first corner is at an index, or null if it lies outside.</summary>
    public static SurfacePoint? In(Topology topology, int triangle, Uv query)
    {
        int a = topology.Triangles[triangle], b = topology.Triangles[triangle + 1], c = topology.Triangles[triangle + 2];
        Uv p = topology.Vertices[a], q = topology.Vertices[b], r = topology.Vertices[c];
        static float Area(Uv from, Uv to, Uv at) => ((to.U - from.U) * (at.V - from.V)) - ((to.V - from.V) * (at.U - from.U));
        var weights = new Vector3(Area(q, r, query), Area(r, p, query), Area(p, q, query)) / Area(p, q, r);
        return Math.Min(weights.X, Math.Min(weights.Y, weights.Z)) >= -Reach ? new SurfacePoint(a, b, c, weights) : null; // NaN, of a sliver, is not.
    }

    /// <summary>What the vertices have, here.</summary>
    public Vector3 Of(Vector3[] vertices) => (Weights.X * vertices[A]) + (Weights.Y * vertices[B]) + (Weights.Z * vertices[C]);
}

/// <param name="Name">As in the OBJ: skin, left_eye, right_eye, mouth.</param>
/// <param name="FirstTriangle">Index of its first triangle.</param>
/// <param name="TriangleCount">At least one.</param>
public sealed record TopologyGroup(string Name, int FirstTriangle, int TriangleCount);
