using System.Collections.Immutable;
using System.Globalization;

namespace MeshFromFaces.Core.Geometry;

/// <summary>Reads an OBJ whose <c>vt</c> are canonical UVs. Positions are ignored: the model gives them.</summary>
public static class TopologyReader
{
    public const int MaxVertices = 200_000;
    public const int MaxTriangles = 400_000;

    /// <exception cref="InputException">The OBJ cannot serve as a topology; the message names the line.</exception>
    public static Topology Read(string name, string obj)
    {
        var uvs = new List<Uv>();
        var vertexOf = new List<int>(); // Of each vt line, its vertex: equal UVs are one query.
        var known = new Dictionary<Uv, int>();
        var groups = new List<(string Name, List<int> Triangles)>();
        var edges = new HashSet<(int, int)>();
        List<int>? current = null;
        var corners = new List<int>();
        int triangles = 0, number = 0;
        foreach (var raw in obj.AsSpan().EnumerateLines())
        {
            number++;
            var line = raw.Trim();
            if (line.StartsWith("vt ", StringComparison.Ordinal))
            {
                var uv = ReadUv(name, number, line[3..]);
                if (!known.TryGetValue(uv, out int vertex))
                {
                    known.Add(uv, vertex = uvs.Count);
                    uvs.Add(uv);
                }
                vertexOf.Add(vertex);
                Require(uvs.Count <= MaxVertices, name, number, $"more than {MaxVertices} texture vertices; use a coarser mesh");
            }
            else if (line.StartsWith("g ", StringComparison.Ordinal) || line.StartsWith("o ", StringComparison.Ordinal))
            {
                string group = line[2..].Trim().ToString();
                current = groups.Find(known => known.Name == group).Triangles;
                if (current is null)
                {
                    groups.Add((group, current = []));
                }
            }
            else if (line.StartsWith("f ", StringComparison.Ordinal))
            {
                if (current is null)
                {
                    groups.Add(("face", current = []));
                }
                ReadCorners(name, number, line[2..], vertexOf, corners);
                for (int i = 0; i < corners.Count; i++)
                {
                    int a = corners[i], b = corners[(i + 1) % corners.Count];
                    if (a != b)
                    {
                        edges.Add((Math.Min(a, b), Math.Max(a, b)));
                    }
                }
                for (int i = 2; i < corners.Count; i++)
                {
                    triangles += AddTriangle(current, uvs, corners[0], corners[i - 1], corners[i]);
                }
                Require(triangles <= MaxTriangles, name, number, $"more than {MaxTriangles} triangles; use a coarser mesh");
            }
        }
        if (triangles == 0)
        {
            throw new InputException($"Topology '{name}' has no face with an area in UV space. An OBJ with 'vt' lines (canonical UVs) and 'f a/b ...' lines is needed.");
        }
        return Pack(name, uvs, groups, edges);
    }

    private static int AddTriangle(List<int> triangles, List<Uv> uvs, int a, int b, int c)
    {
        double area = ((double)(uvs[b].U - uvs[a].U) * (uvs[c].V - uvs[a].V)) - ((double)(uvs[c].U - uvs[a].U) * (uvs[b].V - uvs[a].V));
        if (area == 0)
        {
            return 0; // Nothing of the atlas lies on it, and it has no area on the face either.
        }
        triangles.AddRange(area > 0 ? [a, b, c] : [a, c, b]);
        return 1;
    }

    // Vertices that no triangle uses are left out; the others keep the file's order.
    private static Topology Pack(string name, List<Uv> uvs, List<(string Name, List<int> Triangles)> groups, HashSet<(int From, int To)> edges)
    {
        var used = new bool[uvs.Count];
        foreach (int vertex in groups.SelectMany(group => group.Triangles))
        {
            used[vertex] = true;
        }
        var packed = new int[uvs.Count];
        var vertices = ImmutableArray.CreateBuilder<Uv>();
        for (int i = 0; i < uvs.Count; i++)
        {
            packed[i] = used[i] ? vertices.Count : -1;
            if (used[i])
            {
                vertices.Add(uvs[i]);
            }
        }
        var runs = ImmutableArray.CreateBuilder<TopologyGroup>();
        var indices = ImmutableArray.CreateBuilder<int>();
        foreach (var (group, triangles) in groups.Where(group => group.Triangles.Count > 0))
        {
            runs.Add(new TopologyGroup(group, indices.Count / 3, triangles.Count / 3));
            indices.AddRange(triangles.Select(vertex => packed[vertex]));
        }
        var lines = edges.Where(edge => used[edge.From] && used[edge.To]).Select(edge => (packed[edge.From], packed[edge.To]));
        return new Topology(name, vertices.ToImmutable(), indices.ToImmutable(), [.. lines], runs.ToImmutable());
    }

    private static Uv ReadUv(string name, int number, ReadOnlySpan<char> text)
    {
        Span<Range> parts = stackalloc Range[4];
        int count = text.Split(parts, ' ', StringSplitOptions.RemoveEmptyEntries);
        float u = 0, v = 0;
        bool read = count >= 2
            && float.TryParse(text[parts[0]], NumberStyles.Float, CultureInfo.InvariantCulture, out u)
            && float.TryParse(text[parts[1]], NumberStyles.Float, CultureInfo.InvariantCulture, out v);
        Require(read, name, number, "'vt' needs two numbers");
        Require(u is >= 0 and <= 1 && v is >= 0 and <= 1, name, number, "canonical UVs lie in 0..1");
        return new Uv(u, v);
    }

    private static void ReadCorners(string name, int number, ReadOnlySpan<char> text, List<int> vertexOf, List<int> corners)
    {
        corners.Clear();
        foreach (var range in text.Split(' '))
        {
            var corner = text[range];
            if (corner.IsEmpty)
            {
                continue;
            }
            int slash = corner.IndexOf('/');
            Require(slash >= 0, name, number, "a face corner has no texture vertex; write 'f a/b ...' with canonical UVs");
            var index = corner[(slash + 1)..];
            int end = index.IndexOf('/');
            bool read = int.TryParse(end < 0 ? index : index[..end], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int at);
            at = at < 0 ? vertexOf.Count + at : at - 1; // Counted from 1, or backwards from the last.
            Require(read && at >= 0 && at < vertexOf.Count, name, number, $"a face corner needs a texture vertex from 1 to {vertexOf.Count}");
            corners.Add(vertexOf[at]);
        }
        Require(corners.Count is >= 3 and <= 64, name, number, "a face needs 3 to 64 corners");
    }

    private static void Require(bool holds, string name, int line, string needed)
    {
        if (!holds)
        {
            throw new InputException(string.Create(CultureInfo.InvariantCulture, $"Topology '{name}', line {line}: {needed}."));
        }
    }
}
