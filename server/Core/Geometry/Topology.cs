using System.Collections.Immutable;

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
    public int TriangleCount => Triangles.Length / 3;

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
}

/// <param name="Name">As in the OBJ: skin, left_eye, right_eye, mouth.</param>
/// <param name="FirstTriangle">Index of its first triangle.</param>
/// <param name="TriangleCount">At least one.</param>
public sealed record TopologyGroup(string Name, int FirstTriangle, int TriangleCount);
