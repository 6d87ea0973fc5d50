using System.Numerics;

namespace MeshFromFaces.Core.Geometry;

/// <summary>A topology whose queries have been answered.</summary>
/// <param name="Head">Of each vertex, its position in head space, metres.</param>
public sealed record Mesh(Topology Topology, Vector3[] Head)
{
    /// <summary>Smooth unit normals in head space: triangle normals summed by area.</summary>
    public Vector3[] Normals()
    {
        var normals = new Vector3[Head.Length];
        var triangles = Topology.Triangles.AsSpan();
        for (int i = 0; i < triangles.Length; i += 3)
        {
            int a = triangles[i], b = triangles[i + 1], c = triangles[i + 2];
            var normal = Vector3.Cross(Head[b] - Head[a], Head[c] - Head[a]);
            normals[a] += normal;
            normals[b] += normal;
            normals[c] += normal;
        }
        for (int i = 0; i < normals.Length; i++)
        {
            float length = normals[i].Length();
            normals[i] = length > 0 ? normals[i] / length : Vector3.UnitZ; // A vertex of flat slivers only: any unit vector will do.
        }
        return normals;
    }

    /// <summary>
    /// One mesh from the same queries answered by several views: the mean of the positions, weighted by
    /// visibility / sigma^2. Sums run in the order given.
    /// </summary>
    /// <param name="positions">[views][vertices] head space.</param>
    /// <param name="sigmas">[views][vertices] standard deviations, in one unit for all views.</param>
    /// <param name="visible">[views][vertices].</param>
    public static Mesh Combine(Topology topology, IReadOnlyList<Vector3[]> positions, IReadOnlyList<float[]> sigmas, IReadOnlyList<bool[]> visible)
    {
        // Where nobody sees a vertex all guesses count alike, and one view's sight outweighs them.
        const double Unseen = 1e-3;
        var head = new Vector3[topology.Vertices.Length];
        for (int vertex = 0; vertex < head.Length; vertex++)
        {
            double x = 0, y = 0, z = 0, total = 0;
            for (int view = 0; view < positions.Count; view++)
            {
                double sigma = Math.Max(sigmas[view][vertex], 1e-6);
                double weight = (visible[view][vertex] ? 1 : Unseen) / (sigma * sigma);
                var position = positions[view][vertex];
                x += weight * position.X;
                y += weight * position.Y;
                z += weight * position.Z;
                total += weight;
            }
            head[vertex] = new Vector3((float)(x / total), (float)(y / total), (float)(z / total));
        }
        return new Mesh(topology, head);
    }
}
