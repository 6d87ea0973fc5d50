using System.Globalization;
using System.Numerics;
using MeshFromFaces.Core;
using MeshFromFaces.Core.Geometry;
using MeshFromFaces.Core.Imaging;

namespace MeshFromFaces.Benchmarks;

/// <summary>Inputs of the real sizes that need no photo: seeded noise, and the canonical face at arm's length.</summary>
internal static class Scene
{
    public static Photo Noise(int width, int height)
    {
        var pixels = new byte[width * height * 3];
        new Random(1).NextBytes(pixels);
        for (int i = 3; i < pixels.Length; i++)
        {
            pixels[i] = (byte)((pixels[i - 3] * 7 + pixels[i]) >> 3); // Soft enough to compress like a photo.
        }
        return new Photo("noise", width, height, pixels);
    }

    public static Mesh CanonicalMesh()
    {
        string obj = File.ReadAllText(Path.Combine(FacePipeline.DefaultCanonicalFolder, "topologies", "mid.obj"));
        var topology = TopologyReader.Read("mid", obj);
        Vector3[] positions = [.. obj.Split('\n').Where(line => line.StartsWith("v ", StringComparison.Ordinal)).Select(line =>
        {
            float[] numbers = [.. line.Split(' ')[1..].Select(number => float.Parse(number, CultureInfo.InvariantCulture))];
            return new Vector3(numbers[0], numbers[1], numbers[2]);
        })];
        // Our topologies have one position a query, in the same order.
        return positions.Length == topology.Vertices.Length
            ? new Mesh(topology, positions)
            : throw new InvalidOperationException("mid.obj has another number of positions than of UVs.");
    }

    public static PhotoCamera Camera(int width, int height) => new(
        Pose.FromColumns(new Vector3(0.98f, 0, -0.2f), Vector3.UnitY, new Vector3(0, 0, -0.45f), 60), new Theta(0.9f, -0.05f, 0, 0.05f, 0.9f, 0), width, height);
}
