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
        var groups = new List<(string Name, List<int[]> Fans)>();
        var edges = new HashSet<(int, int)>();
        List<int[]>? current = null;
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
                current = groups.Find(known => known.Name == group).Fans;
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
                triangles += AddPolygon(current, uvs, corners);
                Require(triangles <= MaxTriangles, name, number, $"more than {MaxTriangles} triangles; use a coarser mesh");
            }
        }
        if (triangles == 0)
        {
            throw new InputException($"Topology '{name}' has no face with an area in UV space. An OBJ with 'vt' lines (canonical UVs) and 'f a/b ...' lines is needed.");
        }
        return Pack(name, uvs, groups, edges);
    }

    /// <summary>Adds the polygon as a fan from its first corner, or as fans of one triangle where no such fan covers it.</summary>
    /// <returns>How many triangles that is.</returns>
    private static int AddPolygon(List<int[]> fans, List<Uv> uvs, List<int> corners)
    {
        double[] areas = [.. Enumerable.Range(1, corners.Count - 2).Select(i => Area(uvs, corners[0], corners[i], corners[i + 1]))];
        if (Array.TrueForAll(areas, area => area > 0))
        {
            fans.Add([.. corners]);
            return areas.Length;
        }
        if (Array.TrueForAll(areas, area => area < 0))
        {
            fans.Add([corners[0], .. corners.Skip(1).Reverse()]);
            return areas.Length;
        }
        int added = 0;
        for (int i = 0; i < areas.Length; i++)
        {
            if (areas[i] != 0) // Else nothing of the atlas lies on it, and it has no area on the face either.
            {
                fans.Add(areas[i] > 0 ? [corners[0], corners[i + 1], corners[i + 2]] : [corners[0], corners[i + 2], corners[i + 1]]);
                added++;
            }
        }
        return added;
    }

    // Twice the triangle's, in UV space.
    private static double Area(List<Uv> uvs, int a, int b, int c) =>
        ((double)(uvs[b].U - uvs[a].U) * (uvs[c].V - uvs[a].V)) - ((double)(uvs[c].U - uvs[a].U) * (uvs[b].V - uvs[a].V));

    // Vertices that no triangle uses are left out; the others keep the file's order.
    private static Topology Pack(string name, List<Uv> uvs, List<(string Name, List<int[]> Fans)> groups, HashSet<(int From, int To)> edges)
    {
        var used = new bool[uvs.Count];
        foreach (int vertex in groups.SelectMany(group => group.Fans).SelectMany(fan => fan))
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
        int apex = -1;
        foreach (var (group, fans) in groups.Where(group => group.Fans.Count > 0))
        {
            int first = indices.Count / 3;
            foreach (int[] polygon in fans)
            {
                foreach (int[] fan in Turn(polygon, uvs, apex))
                {
                    apex = fan[0];
                    for (int i = 2; i < fan.Length; i++)
                    {
                        indices.AddRange(packed[apex], packed[fan[i - 1]], packed[fan[i]]);
                    }
                }
            }
            runs.Add(new TopologyGroup(group, first, (indices.Count / 3) - first));
        }
        var lines = edges.Where(edge => used[edge.From] && used[edge.To]).Select(edge => (packed[edge.From], packed[edge.To]));
        return new Topology(name, vertices.ToImmutable(), indices.ToImmutable(), [.. lines], runs.ToImmutable());
    }

    /// <summary>The polygon begun at another corner than <paramref name="apex"/>: a quad at the opposite one, so that its diagonal stays.</summary>
    private static int[][] Turn(int[] polygon, List<Uv> uvs, int apex)
    {
        for (int turn = 0; turn < polygon.Length; turn++)
        {
            int start = turn * (polygon.Length / 2) % polygon.Length;
            int[] fan = [.. polygon[start..], .. polygon[..start]];
            if (fan[0] != apex && Enumerable.Range(1, fan.Length - 2).All(i => Area(uvs, fan[0], fan[i], fan[i + 1]) > 0))
            {
                return [fan];
            }
        }
        // No other corner sees the whole of it: its triangles alone, none of which need begin at the apex.
        return [.. Enumerable.Range(1, polygon.Length - 2).Select(i => new[] { polygon[i], polygon[i + 1], polygon[0] })];
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
