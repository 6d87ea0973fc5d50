using System.Globalization;
using System.Numerics;
using MeshFromFaces.Core.Geometry;

namespace MeshFromFaces.Core.Tests.Support;

/// <summary>Faces whose positions are known without any model.</summary>
internal static class KnownFace
{
    private static readonly Lazy<Mesh> CanonicalMesh = new(() =>
    {
        string obj = File.ReadAllText(Path.Combine(Repository.Canonical, "topologies", "mid.obj"));
        return WithPositionsOf(TopologyReader.Read("mid", obj), obj);
    });

    /// <summary>The canonical topology in its own mean shape, from the OBJ's v lines.</summary>
    public static Mesh Canonical => CanonicalMesh.Value;

    /// <summary>An OBJ of n x n quads over the middle of the UV square, bulging towards +Z by 4 cm: half a metre is a face's width of 20 cm.</summary>
    public static string PatchObj(int n)
    {
        var obj = new System.Text.StringBuilder();
        for (int y = 0; y <= n; y++)
        {
            for (int x = 0; x <= n; x++)
            {
                float u = 0.1f + (0.8f * x / n), v = 0.1f + (0.8f * y / n);
                float px = (u - 0.5f) * 0.2f, py = (v - 0.5f) * 0.2f;
                obj.Append(CultureInfo.InvariantCulture, $"v {px} {py} {0.04f * MathF.Cos(px * 15) * MathF.Cos(py * 15)}\nvt {u} {v}\n");
            }
        }
        obj.Append("g skin\n");
        for (int y = 0; y < n; y++)
        {
            for (int x = 0; x < n; x++)
            {
                int a = (y * (n + 1)) + x + 1, b = a + 1, c = b + n + 1, d = a + n + 1;
                obj.Append(CultureInfo.InvariantCulture, $"f {a}/{a} {b}/{b} {c}/{c} {d}/{d}\n");
            }
        }
        return obj.ToString();
    }

    public static Mesh Patch(int n = 24)
    {
        string obj = PatchObj(n);
        return WithPositionsOf(TopologyReader.Read("patch", obj), obj);
    }

    /// <summary>Looks at the head's origin from a distance, turned about its own axes, and cropped by a theta that rolls, zooms and shifts.</summary>
    public static PhotoCamera Camera(int width, int height, float yaw = 0, float pitch = 0, float roll = 0, float focalMm = 60, float zoom = 1, float fill = 0.8f)
    {
        var turn = Matrix4x4.CreateRotationY(yaw) * Matrix4x4.CreateRotationX(pitch);
        // A face of 20 cm fills the face image to this part; theta then brings the face image into the photo.
        float distance = 0.2f * (focalMm / PhotoCamera.SensorMm) / fill;
        var pose = Pose.FromColumns(
            Vector3.Transform(Vector3.UnitX, turn), Vector3.Transform(Vector3.UnitY, turn), new Vector3(0.004f, -0.003f, -distance), focalMm);
        var (sin, cos) = MathF.SinCos(roll);
        return new PhotoCamera(pose, new Theta(zoom * cos, -zoom * sin, 0.03f, zoom * sin, zoom * cos, -0.02f), width, height);
    }

    /// <summary>A topology in the shape of the OBJ it was read from.</summary>
    public static Mesh WithPositionsOf(Topology topology, string obj)
    {
        var positions = new List<Vector3>();
        var uvs = new List<Uv>();
        var head = new Dictionary<Uv, Vector3>();
        foreach (string line in obj.Split('\n'))
        {
            string[] parts = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            float Number(int i) => float.Parse(parts[i], CultureInfo.InvariantCulture);
            switch (parts)
            {
                case ["v", ..]: positions.Add(new(Number(1), Number(2), Number(3))); break;
                case ["vt", ..]: uvs.Add(new(Number(1), Number(2))); break;
                case ["f", ..]:
                    foreach (string corner in parts[1..])
                    {
                        int[] index = [.. corner.Split('/').Select(part => int.Parse(part, CultureInfo.InvariantCulture) - 1)];
                        head[uvs[index[1]]] = positions[index[0]];
                    }
                    break;
            }
        }
        return new Mesh(topology, [.. topology.Vertices.Select(uv => head[uv])]);
    }
}
