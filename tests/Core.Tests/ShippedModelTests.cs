using System.Globalization;
using System.Numerics;
using MeshFromFaces.Core.Imaging;
using MeshFromFaces.Core.Tests.Support;
using SharpGLTF.Schema2;
using Xunit;
using Xunit.Abstractions;

namespace MeshFromFaces.Core.Tests;

/// <summary>The whole way with the model and the canonical face that we ship.</summary>
public sealed class ShippedModelTests(ITestOutputHelper output)
{
    private static readonly string Examples = Path.Combine(Repository.Root, "examples");

    [Fact]
    public void The_shipped_folders_load_and_name_what_they_hold()
    {
        using var pipeline = FacePipeline.Load();
        Assert.Contains("mid", pipeline.Topologies);
        Assert.Superset(new HashSet<string>(["dense", "ibug68", "facemesh468"]), pipeline.Layouts.ToHashSet());
        Assert.Equal(["render", "photo"], pipeline.Model.Styles);
        Assert.Contains("mid", Assert.Throws<InputException>(() => pipeline.Validate(new FaceOptions { Topology = "huge" })).Message, StringComparison.Ordinal);
    }

    [TrainedModelFact]
    public void Pictures_without_a_face_are_refused()
    {
        using var pipeline = FacePipeline.Load();
        Photo[] faceless = [Pictures.Plain(400, 300, 90, 140, 200), Pictures.Noise(640, 480), Stripes(), Pictures.Plain(256, 256, 0, 0, 0)];
        foreach (var picture in faceless)
        {
            var fault = Assert.Throws<InputException>(() => pipeline.Landmarks([new PhotoFile("faceless.png", Pictures.Png(picture))], new FaceOptions()));
            Assert.Contains("'faceless.png': no face was found", fault.Message, StringComparison.Ordinal);
        }
    }

    [TrainedModelFact]
    public void Every_example_photo_shows_a_face_within_its_picture()
    {
        using var pipeline = FacePipeline.Load();
        foreach (var photo in ExamplePhotos())
        {
            var view = pipeline.Landmarks([photo], new FaceOptions()).Single();
            output.WriteLine($"{photo.Name}: presence {view.Presence:F3}, sigma {view.Landmarks.Average(mark => mark.Sigma):F2} px");
            Assert.All(view.Landmarks.Skip(17), mark => // Without the jaw line, which a tight crop may cut.
            {
                Assert.InRange(mark.X, 0, view.Width);
                Assert.InRange(mark.Y, 0, view.Height);
            });
            // Eyes above the nose's tip above the mouth, the subject's right eye on the image's left.
            Assert.True(view.Landmarks[36].Y < view.Landmarks[33].Y && view.Landmarks[33].Y < view.Landmarks[57].Y);
            Assert.True(view.Landmarks[36].X < view.Landmarks[45].X);
        }
    }

    // What no 2D figure shows: a head whose canonical shape is turned or moved, and whose pose makes up for it.
    [TrainedModelFact]
    public void The_canonical_shape_of_every_example_photo_stands_where_the_mean_face_stands()
    {
        using var pipeline = FacePipeline.Load();
        Vector3[] mean = [.. File.ReadLines(Path.Combine(Repository.Root, "models", "canonical", "topologies", "mid.obj"))
            .Where(line => line.StartsWith("v ", StringComparison.Ordinal))
            .Select(line => line.Split(' ')[1..].Select(number => float.Parse(number, CultureInfo.InvariantCulture)).ToArray())
            .Select(xyz => new Vector3(xyz[0], xyz[1], xyz[2]))];
        foreach (var photo in ExamplePhotos())
        {
            var marks = pipeline.Landmarks([photo], new FaceOptions { Layout = "dense" }).Single().Landmarks;
            Assert.Equal(mean.Length, marks.Count);
            float off = 1000 * marks.Zip(mean).Average(pair => Vector3.Distance(new(pair.First.Position[0], pair.First.Position[1], pair.First.Position[2]), pair.Second));
            output.WriteLine($"{photo.Name}: {off:F1} mm from the mean face");
            Assert.InRange(off, 0, 12);
        }
    }

    [TrainedModelFact]
    public void Styles_place_points_differently_on_one_face_and_a_blend_between_them()
    {
        using var pipeline = FacePipeline.Load();
        Vector2[] Points(string style) => [.. pipeline.Landmarks([Portrait()], new FaceOptions { Style = style }).Single().Landmarks.Select(mark => new Vector2(mark.X, mark.Y))];
        var (render, photo, half, none) = (Points("render"), Points("photo"), Points("render:1,photo:1"), Points("none"));
        float eyes = Vector2.Distance(photo[36], photo[45]);
        double Apart(Vector2[] a, Vector2[] b) => 100 * a.Zip(b).Skip(17).Average(pair => Vector2.Distance(pair.First, pair.Second)) / eyes;
        output.WriteLine($"photo-render {Apart(photo, render):F2} %, half-photo {Apart(half, photo):F2} %, half-render {Apart(half, render):F2} %, none-render {Apart(none, render):F2} % of the outer eyes' distance");
        Assert.InRange(Apart(photo, render), 0.5, 5);
        Assert.InRange(Apart(half, photo), 0.1, Apart(photo, render));
        Assert.InRange(Apart(half, render), 0.1, Apart(photo, render));
        Assert.InRange(Apart(none, render), 0, 0.2);
    }

    [TrainedModelFact]
    public void The_order_of_example_photos_changes_no_byte_of_mesh_and_texture()
    {
        using var pipeline = FacePipeline.Load();
        var photos = ExamplePhotos();
        var options = new FaceOptions { TextureSize = 1024 };
        var (given, turned) = (pipeline.Build(photos, options), pipeline.Build([.. photos.Reverse()], options));
        Assert.Equal(given.Texture, turned.Texture);
        Assert.Equal(Vertices(given), Vertices(turned));
        if (GltfValidator.IsInstalled || Environment.GetEnvironmentVariable("CI") == "true")
        {
            GltfValidator.AssertClean(given.Glb);
        }
    }

    private static PhotoFile Portrait() => ExamplePhotos().Single(photo => photo.Name == "astronaut.png");

    private static PhotoFile[] ExamplePhotos()
    {
        string[] files = [.. Directory.GetFiles(Examples, "*", SearchOption.AllDirectories).Where(IsPhoto).Order(StringComparer.Ordinal)];
        Assert.NotEmpty(files);
        return [.. files.Select(path => new PhotoFile(Path.GetFileName(path), File.ReadAllBytes(path)))];
    }

    // A capture's own texture lies beside its photos.
    private static bool IsPhoto(string path) => Path.GetExtension(path) is ".jpg" or ".png" && Path.GetFileName(path) != FaceFiles.Texture;

    private static Photo Stripes() => new("stripes", 300, 300, [.. Enumerable.Range(0, 300 * 300).SelectMany(pixel => Enumerable.Repeat((byte)(pixel % 20 < 10 ? 230 : 30), 3))]);

    private static (float X, float Y, float Z)[] Vertices(Face face) =>
        [.. ModelRoot.ParseGLB(face.Glb).LogicalMeshes.Single().Primitives.Single().GetVertexAccessor("POSITION").AsVector3Array().Select(v => (v.X, v.Y, v.Z))];
}
