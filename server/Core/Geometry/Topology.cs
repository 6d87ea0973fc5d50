using System.Collections.Immutable;

namespace MeshFromFaces.Core.Geometry;

/// <summary>
/// A mesh over the canonical face: its vertices are queries, so it has no positions until a model answers them.
/// </summary>
/// <param name="Name">For messages and the GLB.</param>
/// <param name="Vertices">Distinct UVs.</param>
/// <param name="Triangles">Three vertex indices each, wound so that their UV area is positive: the outside faces +Z at the chart's centre.</param>
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
}

/// <param name="Name">As in the OBJ: skin, left_eye, right_eye, mouth.</param>
/// <param name="FirstTriangle">Index of its first triangle.</param>
/// <param name="TriangleCount">At least one.</param>
public sealed record TopologyGroup(string Name, int FirstTriangle, int TriangleCount);
