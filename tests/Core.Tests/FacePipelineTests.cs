using System.Text.Json;
using MeshFromFaces.Core.Geometry;
using MeshFromFaces.Core.Imaging;
using MeshFromFaces.Core.Tests.Support;
using SharpGLTF.Schema2;
using Xunit;

namespace MeshFromFaces.Core.Tests;

/// <summary>The whole way with a model whose answers are known.</summary>
public sealed class FacePipelineTests
{
    private static readonly FaceOptions Small = new() { TextureSize = 512 };

    private static PhotoFile Photo(int seed, int width = 320, int height = 260) => new($"photo-{seed}.png", Pictures.Png(Pictures.Noise(width, height, seed)));

    [Fact]
    public void A_capture_gives_every_file_in_the_order_of_its_photos()
    {
        using var model = new KnownModel();
        using var pipeline = model.Load();
        PhotoFile[] photos = [Photo(1), Photo(2, 260, 320), Photo(3)];
        var reports = new List<PipelineProgress>();
        var face = pipeline.Build(photos, Small, new Immediate(reports.Add));

        Assert.Equal(photos.Select(photo => photo.Name), face.Views.Select(view => view.Landmarks.Image));
        Assert.Equal((260, 320), (face.Views[1].Landmarks.Width, face.Views[1].Landmarks.Height));
        Assert.All(face.Views, view => Assert.Equal(3, view.Landmarks.Landmarks.Count));
        Assert.Empty(face.Skipped);
        Assert.Equal(6, face.Timings.Count);
        Assert.Equal(reports.Select(report => report.Fraction).Order(), reports.Select(report => report.Fraction));
        Assert.Equal(1, reports[^1].Fraction, 9);
        Assert.Equal(face.Timings.Select(time => time.Stage), reports.Select(report => report.Stage).Distinct());
        var cameras = ModelRoot.ParseGLB(face.Glb).LogicalNodes.Where(node => node.Camera is not null).Select(node => node.Name);
        Assert.Equal(["View 1: photo-1.png", "View 2: photo-2.png", "View 3: photo-3.png"], cameras);
        foreach (byte[] texture in face.Views.Select(view => view.Texture).Append(face.Texture))
        {
            using var image = NetVips.Image.NewFromBuffer(texture);
            Assert.Equal((512, 512, 4), (image.Width, image.Height, image.Bands));
        }
    }

    [GltfValidatorFact]
    public void The_glb_of_a_capture_passes_the_Khronos_validator()
    {
        using var model = new KnownModel();
        using var pipeline = model.Load();
        GltfValidator.AssertClean(pipeline.Build([Photo(1), Photo(2)], Small).Glb);
    }

    [Fact]
    public void The_order_of_the_photos_changes_no_byte_of_mesh_and_texture()
    {
        using var model = new KnownModel();
        using var pipeline = model.Load();
        PhotoFile[] photos = [.. Enumerable.Range(1, 11).Select(seed => Photo(seed))];
        var given = pipeline.Build(photos, Small);
        var turned = pipeline.Build([.. photos.Reverse()], Small);
        Assert.Equal(given.Texture, turned.Texture);
        Assert.Equal(Vertices(given), Vertices(turned));
        Assert.Equal(given.Views.Select(view => view.Texture), turned.Views.Select(view => view.Texture).Reverse());
        Assert.Equal(given.Glb, pipeline.Build(photos, Small).Glb);
    }

    [Fact]
    public void Landmarks_are_the_posed_queries()
    {
        using var model = new KnownModel();
        using var pipeline = model.Load();
        var view = pipeline.Landmarks([Photo(4)], Small).Single();
        var pose = new Pose(new(view.Rotation[0], view.Rotation[1], view.Rotation[2]), new(view.Rotation[3], view.Rotation[4], view.Rotation[5]),
            new(view.Rotation[6], view.Rotation[7], view.Rotation[8]), new(view.Translation[0], view.Translation[1], view.Translation[2]), view.FocalMm);
        var camera = new PhotoCamera(pose, new Theta(view.Theta[0], view.Theta[1], view.Theta[2], view.Theta[3], view.Theta[4], view.Theta[5]), view.Width, view.Height);
        Assert.InRange(view.Presence, 0.98, 0.99); // The logit is 4.
        foreach (var landmark in view.Landmarks)
        {
            var (x, y, _) = ReferenceRenderer.Project(camera, new(landmark.Position[0], landmark.Position[1], landmark.Position[2]));
            Assert.Equal(x, landmark.X, 0.01);
            Assert.Equal(y, landmark.Y, 0.01);
            Assert.True(landmark.Visible);
        }
        // uv (0.5, 0.5): log sigma = 0.05 + 0.1 - 4 in face-image units; theta scales by about 0.8, the square's half is 160 px.
        double scale = Math.Sqrt(Math.Abs((view.Theta[0] * view.Theta[4]) - (view.Theta[1] * view.Theta[3])));
        Assert.Equal(Math.Exp(-3.85) * scale * 160, view.Landmarks[0].Sigma, 1e-3);
    }

    [Fact]
    public void Style_and_layout_are_obeyed()
    {
        using var model = new KnownModel();
        using var pipeline = model.Load();
        Assert.Equal(["dense", "ibug68"], pipeline.Layouts);
        var photo = pipeline.Landmarks([Photo(4)], Small).Single().Landmarks[0].Position;
        var render = pipeline.Landmarks([Photo(4)], Small with { Style = "render" }).Single().Landmarks[0].Position;
        Assert.Equal([0.001, 0.002, 0.003], photo.Zip(render).Select(pair => Math.Round(pair.First - pair.Second, 5)));
        Assert.Equal(17 * 17, pipeline.Landmarks([Photo(4)], Small with { Layout = "dense" }).Single().Landmarks.Count);
    }

    [Theory]
    [InlineData("render:0.3,photo:0.7", 0.7)]
    [InlineData("photo:7, render:3", 0.7)]
    [InlineData("photo:2", 1)]
    [InlineData("photo:0,render:1", 0)]
    [InlineData("none", 0)]
    public void A_blend_of_styles_lies_between_them_in_proportion(string style, double photoShare)
    {
        using var model = new KnownModel();
        using var pipeline = model.Load();
        IReadOnlyList<float> Point(string style) => pipeline.Landmarks([Photo(4)], Small with { Style = style }).Single().Landmarks[0].Position;
        double[] moved = [.. Point(style).Zip(Point("render")).Select(pair => Math.Round(pair.First - pair.Second, 6))];
        Assert.Equal([0.001 * photoShare, 0.002 * photoShare, 0.003 * photoShare], moved);
    }

    [Fact]
    public void No_photo_and_too_many_are_refused()
    {
        using var model = new KnownModel();
        using var pipeline = model.Load();
        Assert.Contains("0 photos were given", Assert.Throws<InputException>(() => pipeline.Build([], Small)).Message, StringComparison.Ordinal);
        var many = Enumerable.Repeat(Photo(1), 65).ToArray();
        Assert.Contains("65 photos were given; 1 to 64", Assert.Throws<InputException>(() => pipeline.Landmarks(many, Small)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_photo_without_a_face_is_named_or_skipped()
    {
        using var model = new KnownModel(presence: -3);
        using var pipeline = model.Load();
        var fault = Assert.Throws<InputException>(() => pipeline.Build([Photo(1)], Small));
        Assert.Contains("'photo-1.png': no face was found (presence 0.047, at least 0.500 is needed)", fault.Message, StringComparison.Ordinal);
        fault = Assert.Throws<InputException>(() => pipeline.Build([Photo(1)], Small with { SkipBadViews = true }));
        Assert.Contains("No photo is left", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void One_bad_photo_fails_the_capture_unless_it_may_be_skipped()
    {
        using var model = new KnownModel();
        using var pipeline = model.Load();
        PhotoFile[] photos = [Photo(1), new("broken.jpg", "no photo"u8.ToArray()), Photo(2)];
        Assert.Contains("'broken.jpg' is a text", Assert.Throws<InputException>(() => pipeline.Build(photos, Small)).Message, StringComparison.Ordinal);
        var face = pipeline.Build(photos, Small with { SkipBadViews = true });
        Assert.Equal(["photo-1.png", "photo-2.png"], face.Views.Select(view => view.Landmarks.Image));
        Assert.Equal("broken.jpg", face.Skipped.Single().Image);
    }

    [Theory]
    [InlineData(float.NaN, -0.5f, -4f, "'translation'|'presence'")]
    [InlineData(4f, float.NaN, -4f, "'translation'")]
    [InlineData(4f, -0.5f, float.PositiveInfinity, "'log_sigma'")]
    [InlineData(4f, 0.3f, -4f, "could not be fitted")]
    public void Answers_that_are_no_numbers_are_a_clear_fault(float presence, float depth, float sigma, string expected)
    {
        using var model = new KnownModel(presence, depth, sigma);
        using var pipeline = model.Load();
        var fault = Assert.Throws<InputException>(() => pipeline.Build([Photo(1)], Small));
        Assert.Contains("'photo-1.png'", fault.Message, StringComparison.Ordinal);
        Assert.Contains(expected.Split('|'), part => fault.Message.Contains(part, StringComparison.Ordinal));
    }

    [Fact]
    public void Options_out_of_range_are_refused_with_what_is_allowed()
    {
        using var model = new KnownModel();
        using var pipeline = model.Load();
        void Refused(FaceOptions options, params string[] parts)
        {
            var fault = Assert.Throws<InputException>(() => pipeline.Build([Photo(1)], options));
            Assert.All(parts, part => Assert.Contains(part, fault.Message, StringComparison.Ordinal));
        }
        Refused(Small with { TextureSize = 256 }, "256", "512, 1024, 2048, 4096 or 8192");
        Refused(Small with { TextureSize = 1000 }, "1000", "512, 1024");
        Refused(Small with { TextureSize = 16384 }, "16384", "8192");
        Refused(Small with { Topology = "../mid" }, "'../mid'", "mid");
        Refused(Small with { Layout = "wflw" }, "'wflw'", "dense or ibug68");
        Refused(Small with { Style = "oil" }, "'oil'", "render or photo", "render:0.5,photo:0.5", "none");
        foreach (string style in (string[])["", "render:1,oil:1", "render:-1,photo:2", "render,photo", "render:1,render:1", "photo:0", "photo:NaN", "photo:Infinity", "photo:1e999", "photo:1:1", "none:1"])
        {
            Refused(Small with { Style = style }, $"'{style}'", "render or photo");
        }
        Refused(Small with { TopologyFile = "nowhere.obj" }, "'nowhere.obj' cannot be read");
    }

    [Fact]
    public void A_topology_of_the_user_becomes_the_mesh()
    {
        using var model = new KnownModel();
        using var pipeline = model.Load();
        string obj = Path.Combine(model.CanonicalFolder, "mine.obj");
        File.WriteAllText(obj, KnownFace.PatchObj(5));
        var face = pipeline.Build([Photo(1)], Small with { TopologyFile = obj });
        Assert.Equal(36, ModelRoot.ParseGLB(face.Glb).LogicalMeshes.Single().Primitives.Single().GetVertexAccessor("POSITION").Count);
    }

    [Fact]
    public void A_broken_model_folder_is_refused_at_loading()
    {
        using var model = new KnownModel();
        void Refused(string part)
        {
            var fault = Assert.Throws<InputException>(model.Load);
            Assert.Contains(part, fault.Message, StringComparison.Ordinal);
        }
        string encoder = Path.Combine(model.ModelFolder, "face_encoder.onnx"), card = Path.Combine(model.ModelFolder, "model.json");
        byte[] whole = File.ReadAllBytes(encoder);
        File.WriteAllBytes(encoder, whole[..^1]);
        Refused("face_encoder.onnx' is not the file that model.json describes");
        model.WriteCard();
        Refused("face_encoder.onnx' is not a graph that ONNX Runtime can load");
        File.Copy(Path.Combine(model.ModelFolder, "spatial_transformer.onnx"), encoder, overwrite: true);
        model.WriteCard();
        Refused("face_encoder.onnx' has no 'face'");
        File.Delete(encoder);
        Refused("face_encoder.onnx' is missing");
        File.WriteAllText(card, "{\"name\": 5}");
        Refused("model.json' is not a model card");
        File.Delete(card);
        Refused("model.json' is missing");
        Assert.Contains("has no *.obj", Assert.Throws<InputException>(() => FacePipeline.Load(model.ModelFolder, model.ModelFolder)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Its_hash_is_another_with_any_other_graph_topology_or_layout()
    {
        using var model = new KnownModel();
        string[] files = [Path.Combine(model.CanonicalFolder, "topologies", "mid.obj"), Path.Combine(model.CanonicalFolder, "layouts", "ibug68.json")];
        var hashes = new List<string> { HashOf(model), HashOf(model) };
        foreach (string file in files)
        {
            File.AppendAllText(file, "\n");
            hashes.Add(HashOf(model));
        }
        using var other = new KnownModel(depth: -0.6f);
        hashes.Add(HashOf(other));

        Assert.Equal(hashes[0], hashes[1]);
        Assert.Equal(4, hashes.Distinct().Count());
    }

    private static string HashOf(KnownModel model)
    {
        using var pipeline = model.Load();
        return pipeline.Hash;
    }

    [Theory]
    [InlineData("Reading photos")]
    [InlineData("Finding faces")]
    [InlineData("Fitting the face")]
    [InlineData("Unwrapping photos")]
    [InlineData("Writing the mesh")]
    public void A_job_can_be_cancelled_in_any_stage(string stage)
    {
        using var model = new KnownModel();
        using var pipeline = model.Load();
        using var cancellation = new CancellationTokenSource();
        var progress = new Immediate(report =>
        {
            if (report.Stage == stage)
            {
                cancellation.Cancel();
            }
        });
        Assert.ThrowsAny<OperationCanceledException>(() => pipeline.Build([Photo(1), Photo(2)], Small, progress, cancellation.Token));
    }

    [Fact]
    public void Several_captures_run_side_by_side()
    {
        using var model = new KnownModel();
        using var pipeline = model.Load();
        var alone = pipeline.Build([Photo(1), Photo(2)], Small);
        var faces = new Face[4];
        Parallel.For(0, 4, i => faces[i] = pipeline.Build([Photo(1), Photo(2)], Small));
        Assert.All(faces, face => Assert.Equal(alone.Glb, face.Glb));
    }

    [Fact]
    public void The_model_card_has_one_hash_for_the_whole_model()
    {
        using var model = new KnownModel();
        using var first = model.Load();
        Assert.Equal(("known", "photo", 64), (first.Model.Name, first.Model.DefaultStyle, first.Model.Hash.Length));
        using var other = new KnownModel(presence: 5);
        using var second = other.Load();
        Assert.NotEqual(first.Model.Hash, second.Model.Hash);
    }

    [Fact]
    public void Options_from_json_cannot_name_a_file() =>
        Assert.Null(JsonSerializer.Deserialize<FaceOptions>("""{"TopologyFile":"secret","topologyFile":"secret"}""")!.TopologyFile);

    private static float[] Vertices(Face face) =>
        [.. ModelRoot.ParseGLB(face.Glb).LogicalMeshes.Single().Primitives.Single().GetVertexAccessor("POSITION").AsVector3Array().SelectMany(v => (float[])[v.X, v.Y, v.Z])];

    private sealed class Immediate(Action<PipelineProgress> act) : IProgress<PipelineProgress>
    {
        public void Report(PipelineProgress value) => act(value);
    }
}
