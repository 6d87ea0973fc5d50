using System.Globalization;
using System.Numerics;
using MeshFromFaces.Core;
using MeshFromFaces.Core.Geometry;
using MeshFromFaces.Core.Imaging;
using MeshFromFaces.Core.Inference;
using MeshFromFaces.Core.Tests.Support;

namespace MeshFromFaces.Benchmarks;

/// <summary>Inputs of the real sizes: the example's face enlarged, seeded noise, and the canonical face at arm's length.</summary>
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

    /// <summary>The example's face, upright in a square of that size; the side of its crop is this share of the square's.</summary>
    public static Photo Portrait(FaceModel model, int size, float share)
    {
        var example = PhotoDecoder.Decode(new PhotoFile("astronaut.png", File.ReadAllBytes(Path.Combine(Repository.Root, "examples", "photos", "astronaut.png"))));
        var square = model.Look(example).Theta.Zoom(1 / share);
        float[] planes = new float[3 * size * size];
        Resampler.Crop(example, FaceModel.CropToPhoto(example, square, size), size, planes);
        byte[] pixels = new byte[planes.Length];
        for (int i = 0; i < pixels.Length; i++)
        {
            pixels[i] = (byte)MathF.Round(planes[(i % 3 * size * size) + (i / 3)] * 255);
        }
        return new Photo(example.Name, size, size, pixels);
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
