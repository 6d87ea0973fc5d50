using System.Numerics;
using System.Text.Json.Nodes;
using MeshFromFaces.Core.Export;
using MeshFromFaces.Core.Geometry;
using MeshFromFaces.Core.Imaging;
using MeshFromFaces.Core.Tests.Support;
using SharpGLTF.Schema2;
using Xunit;

namespace MeshFromFaces.Core.Tests;

public sealed class GlbWriterTests
{
    private static readonly GlbView[] Views =
    [
        new("front.jpg", KnownFace.Camera(640, 480, 0.2f, 0.1f, 0.3f, focalMm: 50, zoom: 0.8f)),
        new("left ünicode \"quoted\".jpg", KnownFace.Camera(480, 640, 0.9f, -0.2f, -0.1f, focalMm: 85), Orientation: 6),
        new("right.jpg", KnownFace.Camera(512, 512, -0.8f, 0, 2.9f, focalMm: 28)),
    ];

    [GltfValidatorFact]
    public void The_Khronos_validator_finds_neither_error_nor_warning() => GltfValidator.AssertClean(Write());

    [Fact]
    public void The_same_input_gives_the_same_bytes() => Assert.Equal(Write(), Write());

    [Fact]
    public void Each_camera_sees_the_mesh_where_its_photo_does()
    {
        var model = Read(Write());
        var mesh = KnownFace.Patch(8);
        var face = model.LogicalNodes.Single(node => node.Name == GlbWriter.FaceNode);
        var positions = face.Mesh.Primitives.Single().GetVertexAccessor("POSITION").AsVector3Array();
        Assert.Equal(mesh.Head, positions.ToArray());
        for (int i = 0; i < Views.Length; i++)
        {
            var node = model.LogicalNodes.Single(node => node.Name == GlbWriter.ViewName(i + 1, Views[i].Image));
            var lens = (CameraPerspective)node.Camera.Settings;
            Assert.True(Matrix4x4.Invert(node.WorldMatrix, out var toCamera));
            var (width, height) = (Views[i].Camera.Width, Views[i].Camera.Height);
            Assert.Equal((float)width / height, lens.AspectRatio!.Value, 1e-5f);
            // glTF section 3.10.3: yfov over the height; Blender's shift in units of the longer side.
            double perUnit = height / 2.0 / Math.Tan(lens.VerticalFOV / 2), side = Math.Max(width, height);
            var extras = node.Extras!.AsObject();
            double shiftX = (double)extras["shift_x"]! * side, shiftY = (double)extras["shift_y"]! * side;
            for (int vertex = 0; vertex < positions.Count; vertex++)
            {
                var point = Vector3.Transform(Vector3.Transform(positions[vertex], face.WorldMatrix), toCamera);
                double x = (width / 2.0) + (perUnit * point.X / -point.Z) - shiftX;
                double y = (height / 2.0) - (perUnit * point.Y / -point.Z) + shiftY;
                var expected = ReferenceRenderer.Project(Views[i].Camera, mesh.Head[vertex]);
                Assert.Equal(expected.X, x, 0.05);
                Assert.Equal(expected.Y, y, 0.05);
            }
            Assert.Equal(perUnit / side * 36, (double)extras["lens_mm"]!, 1e-3);
        }
    }

    [Fact]
    public void The_first_camera_stands_at_the_origin_and_names_and_extras_are_kept()
    {
        var model = Read(Write());
        Assert.True(model.LogicalNodes.Single(node => node.Name == "View 1: front.jpg").WorldMatrix.IsIdentity);
        Assert.Contains(model.LogicalNodes, node => node.Name == "View 2: left ünicode \"quoted\".jpg");
        Assert.Equal([1, 6, 1], model.LogicalNodes.Where(node => node.Camera is not null).Select(node => (int)node.Extras!["orientation"]!));
        Assert.Equal("MeshFromFaces 1.2.3", model.Asset.Generator);
        Assert.Equal("abc", (string)model.Asset.Extras!["model"]!);
        Assert.Equal(["skin"], model.LogicalMeshes.Single().Extras!["groups"]!.AsArray().Select(group => (string)group!["name"]!));
    }

    [Fact]
    public void The_texture_lies_the_right_way_up()
    {
        var model = Read(Write());
        var primitive = model.LogicalMeshes.Single().Primitives.Single();
        var uvs = primitive.GetVertexAccessor("TEXCOORD_0").AsVector2Array();
        var positions = primitive.GetVertexAccessor("POSITION").AsVector3Array();
        int top = Enumerable.Range(0, positions.Count).MaxBy(i => positions[i].Y), left = Enumerable.Range(0, positions.Count).MaxBy(i => positions[i].X);
        Assert.True(uvs[top].Y < 0.2f, "The top of the face is at the top of the image, glTF's small v.");
        Assert.True(uvs[left].X > 0.8f, "The subject's left is on the image's right.");
    }

    private static byte[] Write()
    {
        var picture = Pictures.Noise(512, 512);
        return GlbWriter.Write(
            KnownFace.Patch(8), PictureEncoder.Jpeg(picture.Pixels, 512, 512), Views, "MeshFromFaces 1.2.3", new JsonObject { ["model"] = "abc" });
    }

    private static ModelRoot Read(byte[] glb) => ModelRoot.ParseGLB(glb);
}
