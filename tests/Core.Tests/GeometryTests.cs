using System.Collections.Immutable;
using System.Numerics;
using System.Text;
using MeshFromFaces.Core.Geometry;
using MeshFromFaces.Core.Tests.Support;
using Xunit;
using Xunit.Abstractions;

namespace MeshFromFaces.Core.Tests;

public sealed class GeometryTests(ITestOutputHelper output)
{
    [Fact]
    public void Thetas_compose_as_their_maps_do()
    {
        Theta outer = new(0.5f, -0.1f, 0.2f, 0.1f, 0.6f, -0.3f), inner = new(0.9f, 0.2f, -0.1f, -0.3f, 0.8f, 0.4f);
        static Vector2 Map(Theta t, Vector2 p) => new((t.Xx * p.X) + (t.Xy * p.Y) + t.X0, (t.Yx * p.X) + (t.Yy * p.Y) + t.Y0);
        var point = new Vector2(0.3f, -0.7f);
        Assert.True(Vector2.Distance(Map(outer, Map(inner, point)), Map(outer.After(inner), point)) < 1e-6f);
        Assert.Equal(Map(outer, Vector2.Zero), Map(outer.Zoom(1.5f), Vector2.Zero));
        Assert.Equal(1.5f * outer.Scale, outer.Zoom(1.5f).Scale, 1e-6f);
    }

    [Fact]
    public void A_rotation_is_made_of_any_two_columns()
    {
        var random = new Random(6);
        Vector3 Any() => new(random.NextSingle() - 0.5f, random.NextSingle() - 0.5f, random.NextSingle() - 0.5f);
        for (int i = 0; i < 100; i++)
        {
            var (first, second) = (Any() * 7, Any());
            var pose = Pose.FromColumns(first, second, Vector3.Zero, 60);
            var (x, y, z) = (pose.Turn(Vector3.UnitX), pose.Turn(Vector3.UnitY), pose.Turn(Vector3.UnitZ));
            Assert.Equal(0, Vector3.Distance(Vector3.Normalize(first), x), 1e-5f); // The first column keeps its direction,
            Assert.Equal(0, Vector3.Dot(Vector3.Cross(first, second), y), 1e-4f); // the second stays in their plane,
            Assert.True(Vector3.Dot(second, y) > 0);
            Assert.Equal(0, Vector3.Distance(Vector3.Cross(x, y), z), 1e-5f); // and the third makes it right-handed.
        }
    }

    [Theory]
    [InlineData(640, 480)]
    [InlineData(301, 700)]
    public void The_photo_camera_projects_as_the_design_says(int width, int height)
    {
        var camera = KnownFace.Camera(width, height, 0.5f, -0.2f, 0.3f, focalMm: 35, zoom: 0.7f);
        var random = new Random(7);
        for (int i = 0; i < 100; i++)
        {
            var head = new Vector3(random.NextSingle() - 0.5f, random.NextSingle() - 0.5f, random.NextSingle() - 0.5f) * 0.2f;
            var (x, y, _) = ReferenceRenderer.Project(camera, head);
            var point = camera.Project(head);
            Assert.Equal(x, point.X, 1e-2);
            Assert.Equal(y, point.Y, 1e-2);
        }
    }

    [Fact]
    public void The_middle_of_an_identity_theta_is_the_middle_of_the_photo()
    {
        var pose = Pose.FromColumns(Vector3.UnitX, Vector3.UnitY, new(0, 0, -1), 18); // 18 mm on 36 mm: 45 degrees to each side.
        var camera = new PhotoCamera(pose, Theta.Identity, 400, 200);
        Assert.Equal(new PixelPoint(200, 100), camera.Project(Vector3.Zero));
        // The subject's left (+x) is on the image's right, up is up; the square's edge is one unit away.
        Assert.Equal(new PixelPoint(400, 100), camera.Project(Vector3.UnitX));
        Assert.Equal(new PixelPoint(200, -100), camera.Project(Vector3.UnitY));
        Assert.Equal(200, camera.PixelsPerFaceUnit);
    }

    [Fact]
    public void What_the_z_buffer_sees_agrees_with_rays()
    {
        // The whole mesh, and the sketch of it that stands for it when only landmarks are wanted.
        var mesh = KnownFace.Canonical;
        var topology = mesh.Topology.Coarsen(32);
        Assert.InRange(topology.Vertices.Length, 300, mesh.Topology.Vertices.Length / 5);
        var head = mesh.Topology.Vertices.Zip(mesh.Head).ToDictionary(pair => pair.First, pair => pair.Second);
        var sketch = new Mesh(topology, [.. topology.Vertices.Select(uv => head[uv])]);

        var random = new Random(8);
        int visible = 0, hidden = 0, wrong = 0, wrongSketch = 0;
        foreach (float yaw in (float[])[0, 0.8f, -1.4f])
        {
            var camera = KnownFace.Camera(900, 700, yaw, 0.1f, 0.2f);
            var (whole, less) = (new DepthBuffer(camera, mesh), new DepthBuffer(camera, sketch));
            var eye = -Vector3.Transform(camera.Pose.Translation, Matrix4x4.Transpose(RotationOf(camera.Pose)));
            for (int i = 0; i < 250; i++)
            {
                var query = mesh.Head[random.Next(mesh.Head.Length)];
                double front = DistanceInFront(mesh, eye, query);
                if (front is > 0 and < 0.012)
                {
                    continue; // Less than the buffer's tolerance in front: either answer will do.
                }
                bool expected = front == 0 && camera.Sees(camera.Project(query).X, camera.Project(query).Y);
                visible += expected ? 1 : 0;
                hidden += expected ? 0 : 1;
                wrong += expected == whole.Sees(query) ? 0 : 1;
                wrongSketch += expected == less.Sees(query) ? 0 : 1;
            }
        }
        output.WriteLine($"{visible} visible, {hidden} hidden, {wrong} wrong, {wrongSketch} wrong by the sketch");
        Assert.True(visible > 100 && hidden > 100);
        Assert.InRange(wrong, 0, 6); // At an outline a cell may belong to the nearer surface: one per cent.
        Assert.InRange(wrongSketch, 0, 6); // The sketch included.
    }

    [Fact]
    public void What_faces_away_is_hidden_however_little_is_in_front_of_it()
    {
        var mesh = KnownFace.Canonical;
        var normals = mesh.Normals();
        foreach (float yaw in (float[])[0, 0.8f, -1.4f])
        {
            var depth = new DepthBuffer(KnownFace.Camera(900, 700, yaw, 0.1f, 0.2f), mesh);
            var pose = depth.Camera.Pose;
            int back = 0, front = 0;
            for (int i = 0; i < normals.Length; i++)
            {
                float cosine = -Vector3.Dot(pose.Turn(normals[i]), Vector3.Normalize(pose.ToCamera(mesh.Head[i])));
                if (cosine < 0)
                {
                    Assert.False(depth.Sees(mesh.Head[i], normals[i] * 3));
                    back += depth.Sees(mesh.Head[i]) ? 1 : 0;
                }
                else if (cosine > 0.03f)
                {
                    Assert.Equal(depth.Sees(mesh.Head[i]), depth.Sees(mesh.Head[i], normals[i]));
                    front++;
                }
            }
            Assert.True(back > 20 && front > 1000); // There are such points.
        }
    }

    [Fact]
    public void What_of_a_small_face_is_seen_is_what_is_seen_of_a_large_one()
    {
        var mesh = KnownFace.Canonical;
        var normals = mesh.Normals();
        foreach (float yaw in (float[])[0.3f, 0.9f, -1.3f])
        {
            var large = new DepthBuffer(KnownFace.Camera(1600, 1600, yaw, 0.1f, 0.2f), mesh);
            var small = new DepthBuffer(KnownFace.Camera(60, 60, yaw, 0.1f, 0.2f), mesh, DepthBuffer.QuerySide);
            var coarse = new DepthBuffer(small.Camera, mesh);
            int Wrong(DepthBuffer buffer) => mesh.Head.Zip(normals).Count(at => buffer.Sees(at.First, at.Second) != large.Sees(at.First, at.Second));
            output.WriteLine($"{Wrong(small)} of {normals.Length} wrong, {Wrong(coarse)} with a cell a pixel");
            Assert.InRange(Wrong(small), 0, normals.Length / 100);
            Assert.True(Wrong(coarse) > 2 * Wrong(small)); // Within two pixels' width a nose hides nothing.
        }
    }

    [Fact]
    public void Queries_are_placed_on_the_surface()
    {
        var mesh = KnownFace.Canonical;
        var topology = mesh.Topology;
        var positions = topology.Vertices.Select(uv => new Vector3(uv.U, uv.V, 1)).ToArray();
        var random = new Random(3);
        var queries = Enumerable.Range(0, 500).Select(_ =>
        {
            int triangle = random.Next(topology.TriangleCount) * 3;
            var (s, t) = (random.NextSingle(), random.NextSingle());
            var (a, b, c) = (positions[topology.Triangles[triangle]], positions[topology.Triangles[triangle + 1]], positions[topology.Triangles[triangle + 2]]);
            var at = a + ((s + t > 1 ? 1 - s : s) * (b - a)) + ((s + t > 1 ? 1 - t : t) * (c - a));
            return new Uv(at.X, at.Y);
        }).ToImmutableArray();
        foreach (var (query, place) in queries.Zip(topology.Locate(queries)))
        {
            Assert.Equal(0, Vector3.Distance(new Vector3(query.U, query.V, 1), place.Of(positions)), 1e-4f);
        }
        // A vertex is where it is; a query that no triangle holds goes to the nearest vertex.
        Assert.Equal(positions, topology.Locate(topology.Vertices).Select(place => place.Of(positions)));
        var corner = topology.Locate([new Uv(0, 0)])[0];
        var nearest = positions.MinBy(at => Vector3.Distance(at, Vector3.UnitZ));
        Assert.Equal(nearest, corner.Of(positions));
    }

    [Fact]
    public void Views_are_averaged_by_sight_and_certainty()
    {
        string obj = "vt 0 0\nvt 1 0\nvt 0 1\nf 1/1 2/2 3/3\n";
        var topology = TopologyReader.Read("triangle", obj);
        Vector3[] first = [new(1, 0, 0), new(1, 0, 0), new(1, 0, 0)], second = [new(3, 0, 0), new(3, 0, 0), new(3, 0, 0)];
        var mesh = Mesh.Combine(topology, [first, second], [[0.1f, 0.1f, 0.1f], [0.1f, 0.2f, 0.1f]], [[true, true, false], [true, true, false]]);
        Assert.Equal(2, mesh.Head[0].X, 1e-5f); // Equal views,
        Assert.Equal(1.4f, mesh.Head[1].X, 1e-5f); // twice the sigma a quarter of the weight,
        Assert.Equal(2, mesh.Head[2].X, 1e-5f); // and unseen by all: still a mean.
        mesh = Mesh.Combine(topology, [first, second], [[0.1f, 0.1f, 0.1f], [0.1f, 0.1f, 0.1f]], [[true, true, true], [false, false, false]]);
        Assert.InRange(mesh.Head[0].X, 1, 1.01f);
    }

    [Fact]
    public void The_canonical_topology_is_whole()
    {
        var mesh = KnownFace.Canonical;
        Assert.Equal(["skin", "left_eye", "right_eye", "mouth"], mesh.Topology.Groups.Select(group => group.Name).Order(Comparer<string>.Create((a, b) => Rank(a) - Rank(b))));
        Assert.Equal(mesh.Topology.TriangleCount, mesh.Topology.Groups.Sum(group => group.TriangleCount));
        // Wound outwards: the nose tip, the point furthest to +Z, faces +Z.
        int nose = Enumerable.Range(0, mesh.Head.Length).MaxBy(i => mesh.Head[i].Z);
        Assert.True(mesh.Normals()[nose].Z > 0.5f);
        static int Rank(string name) => Array.IndexOf(["skin", "left_eye", "right_eye", "mouth"], name);
    }

    [Theory]
    [InlineData("vt 0 0\nvt 1 0\nvt 0 1\nf 1 2 3", "line 4", "no texture vertex")]
    [InlineData("vt 0 0\nvt 1 0\nvt 0 1\nf 1/1 2/2 3/4", "line 4", "from 1 to 3")]
    [InlineData("vt 0 0\nvt 1 0\nvt 0 1\nf 1/1 2/2", "line 4", "3 to 64 corners")]
    [InlineData("vt 0 0\nvt 1.5 0", "line 2", "lie in 0..1")]
    [InlineData("vt 0 0\nvt NaN 0", "line 2", "lie in 0..1")]
    [InlineData("vt 0", "line 1", "two numbers")]
    [InlineData("# nothing at all", "", "no face with an area")]
    [InlineData("vt 0 0\nvt 0.5 0.5\nvt 1 1\nf 1/1 2/2 3/3", "", "no face with an area")]
    [InlineData("vt 0 0\nvt 1 0\nvt 0 1\nf 1/99999999999999 2/2 3/3", "line 4", "from 1 to 3")]
    [InlineData("vt 0 0\nvt 1 0\nvt 0 1\nf 1/-2147483648 2/2 3/3", "line 4", "from 1 to 3")]
    public void A_broken_obj_is_refused_by_line(string obj, string line, string needed)
    {
        var fault = Assert.Throws<InputException>(() => TopologyReader.Read("mine.obj", obj));
        Assert.Contains("'mine.obj'", fault.Message, StringComparison.Ordinal);
        Assert.Contains(line, fault.Message, StringComparison.Ordinal);
        Assert.Contains(needed, fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_obj_of_other_habits_is_read()
    {
        // Backward indices, normals, a quad wound the other way, an unused and a doubled vt, carriage returns, two groups.
        string obj = "o head\r\nvt 0.9 0.9\r\nvt 0 0\r\nvt 1 0\r\nvt 1 1\r\nvt 0 1\r\nvt 0 0\r\nf 1/-1/1 2/5/1 3/4/1 4/3/1\r\ng eye\r\nf 1//\r\n";
        Assert.Throws<InputException>(() => TopologyReader.Read("a", obj));
        obj = obj.Replace("f 1//", "f 1/2 2/3 3/4", StringComparison.Ordinal);
        var topology = TopologyReader.Read("a", obj);
        Assert.Equal([new Uv(0, 0), new Uv(1, 0), new Uv(1, 1), new Uv(0, 1)], topology.Vertices.ToArray());
        // A fan each, wound alike; the second begins elsewhere than the first.
        Assert.Equal([0, 1, 2, 0, 2, 3, 1, 2, 0], topology.Triangles.ToArray());
        Assert.Equal([new TopologyGroup("head", 0, 2), new TopologyGroup("eye", 2, 1)], topology.Groups.ToArray());
        Assert.Equal(5, topology.Edges.Length); // Four sides, and the second group's own diagonal.
    }

    [Fact]
    public void The_polygons_of_an_obj_can_be_read_off_its_triangles()
    {
        var mid = KnownFace.Canonical.Topology;
        var quads = Polygons(mid);
        Assert.Equal(5440, quads.Count);
        Assert.All(quads, quad => Assert.Equal(4, quad.Length));
        var sides = quads.SelectMany(quad => quad.Zip([.. quad[1..], quad[0]], (from, to) => (Math.Min(from, to), Math.Max(from, to)))).ToHashSet();
        Assert.Equal(mid.Edges.ToHashSet(), sides);

        // Three that begin at one corner, of which the middle one can be a fan from there alone; a polygon that no fan covers.
        const string Shared = "vt 0 0\nvt 1 0\nvt 0.2 0.2\nvt 0 1\nvt 0 0.5\nf 1/1 2/2 3/3\nf 1/1 2/2 3/3 4/4\nf 1/1 2/2 3/3\n";
        Assert.Equal(["0 1 2", "0 1 2 3", "0 1 2"], Polygons(TopologyReader.Read("a", Shared)).Select(Sorted));
        const string Dented = "vt 0 0\nvt 0.5 0.1\nvt 1 0\nvt 0.9 0.5\nvt 1 1\nvt 0.5 0.9\nvt 0 1\nvt 0.1 0.5\nf 1/1 2/2 3/3 4/4 5/5 6/6 7/7 8/8\n";
        Assert.Equal(6, Polygons(TopologyReader.Read("a", Dented)).Count);

        static string Sorted(int[] polygon) => string.Join(' ', polygon.Order());
    }

    // As Topology.Triangles says: what begins at the same vertex is one polygon.
    private static List<int[]> Polygons(Topology topology)
    {
        var polygons = new List<int[]>();
        foreach (int[] triangle in topology.Triangles.Chunk(3))
        {
            if (polygons.Count > 0 && polygons[^1][0] == triangle[0])
            {
                Assert.Equal(polygons[^1][^1], triangle[1]);
                polygons[^1] = [.. polygons[^1], triangle[2]];
            }
            else
            {
                polygons.Add(triangle);
            }
        }
        return polygons;
    }

    [Theory]
    [InlineData("not json")]
    [InlineData("{}")]
    [InlineData("{\"name\":\"a\",\"uv\":[]}")]
    [InlineData("{\"name\":\"a\",\"uv\":[[0.5]]}")]
    [InlineData("{\"name\":\"a\",\"uv\":[[0.5,2]]}")]
    [InlineData("{\"name\":\"a\",\"uv\":[null]}")]
    [InlineData("null")]
    public void A_broken_layout_is_refused(string json)
    {
        var fault = Assert.Throws<InputException>(() => Layout.Read("mine.json", Encoding.UTF8.GetBytes(json)));
        Assert.Contains("'mine.json'", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Our_layouts_are_read()
    {
        var layout = Layout.Read("ibug68", File.ReadAllBytes(Path.Combine(Repository.Canonical, "layouts", "ibug68.json")));
        Assert.Equal(("ibug68", 68), (layout.Name, layout.Queries.Length));
    }

    private static Matrix4x4 RotationOf(Pose pose)
    {
        float[] r = pose.RotationArray(); // As a matrix for row vectors: the transpose.
        return new(r[0], r[3], r[6], 0, r[1], r[4], r[7], 0, r[2], r[5], r[8], 0, 0, 0, 0, 1);
    }

    // Metres from the query back to the nearest surface towards the eye, 0 if there is none (Moeller and Trumbore 1997).
    private static double DistanceInFront(Mesh mesh, Vector3 eye, Vector3 query)
    {
        var direction = query - eye;
        float length = direction.Length();
        direction /= length;
        double nearest = length;
        for (int i = 0; i < mesh.Topology.Triangles.Length; i += 3)
        {
            var a = mesh.Head[mesh.Topology.Triangles[i]];
            var (e1, e2) = (mesh.Head[mesh.Topology.Triangles[i + 1]] - a, mesh.Head[mesh.Topology.Triangles[i + 2]] - a);
            var p = Vector3.Cross(direction, e2);
            float determinant = Vector3.Dot(e1, p);
            if (determinant == 0)
            {
                continue;
            }
            var t = eye - a;
            float u = Vector3.Dot(t, p) / determinant;
            var q = Vector3.Cross(t, e1);
            float v = Vector3.Dot(direction, q) / determinant;
            float distance = Vector3.Dot(e2, q) / determinant;
            if (u >= 0 && v >= 0 && u + v <= 1 && distance > 0 && distance < length - 1e-4f)
            {
                nearest = Math.Min(nearest, distance);
            }
        }
        return nearest < length ? length - nearest : 0;
    }
}
