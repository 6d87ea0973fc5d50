using System.Globalization;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using MeshFromFaces.Core.Geometry;
using SharpGLTF.Memory;
using SharpGLTF.Schema2;
using SharpGLTF.Transforms;
using Mesh = MeshFromFaces.Core.Geometry.Mesh;

namespace MeshFromFaces.Core.Export;

/// <summary>A camera of the GLB.</summary>
/// <param name="Image">The photo's name.</param>
/// <param name="Orientation">The EXIF orientation, 1..8, that made the photo upright.</param>
internal sealed record GlbView(string Image, PhotoCamera Camera, int Orientation = 1);

/// <summary>
/// Writes the GLB. Its scene is the first photo's camera space: that camera stands at the origin, the node Face carries
/// the head pose, the other cameras stand around the head. The same input gives the same bytes.
/// </summary>
internal static class GlbWriter
{
    public const string FaceNode = "Face";

    /// <param name="texture">JPEG or PNG over the canonical UVs, opaque.</param>
    /// <param name="views">At least one; the first gives the pose.</param>
    /// <param name="extras">Becomes asset.extras.</param>
    public static byte[] Write(Mesh mesh, byte[] texture, IReadOnlyList<GlbView> views, string generator, JsonObject extras)
    {
        var model = ModelRoot.CreateModel();
        model.Asset.Generator = generator;
        model.Asset.Extras = extras;
        var scene = model.UseScene(0);
        var (rotation, translation) = UprightPose(views[0].Camera);

        var face = scene.CreateNode(FaceNode);
        face.Mesh = CreateMesh(model, mesh, texture);
        face.LocalTransform = new AffineTransform(null, Quaternion.CreateFromRotationMatrix(rotation), translation);

        for (int i = 0; i < views.Count; i++)
        {
            var node = scene.CreateNode(ViewName(i + 1, views[i].Image));
            node.Camera = CreateCamera(model, views[i].Camera, node.Name);
            node.Extras = CameraExtras(views[i]);
            if (i > 0)
            {
                // x_first = R1 Ri^T (x_i - Ti) + T1, with row vectors from here on, as System.Numerics has them.
                var (own, offset) = UprightPose(views[i].Camera);
                var toFirst = Matrix4x4.Transpose(own) * rotation;
                node.LocalTransform = new AffineTransform(
                    null, Quaternion.CreateFromRotationMatrix(toFirst), translation - Vector3.Transform(offset, toFirst));
            }
        }
        var glb = model.WriteGLB();
        return glb.AsSpan().ToArray();
    }

    /// <param name="view">Counted from 1.</param>
    public static string ViewName(int view, string image) => string.Create(CultureInfo.InvariantCulture, $"View {view}: {image}");

    /// <summary>
    /// Theta's rotation part: how far the photo's camera is rolled against the face image's. glTF knows no roll within
    /// the image, so it moves into the pose. Of an affine that also shears, the nearest similarity.
    /// </summary>
    private static double Roll(Theta theta) => Math.Atan2(theta.Yx - theta.Xy, theta.Xx + theta.Yy);

    /// <summary>The head in the photo's own, upright camera. R as a row-vector matrix: its transpose in the usual notation.</summary>
    private static (Matrix4x4 Rotation, Vector3 Translation) UprightPose(PhotoCamera camera)
    {
        var pose = camera.Pose;
        var rotation = Matrix4x4.Transpose(new Matrix4x4(
            pose.Row0.X, pose.Row0.Y, pose.Row0.Z, 0,
            pose.Row1.X, pose.Row1.Y, pose.Row1.Z, 0,
            pose.Row2.X, pose.Row2.Y, pose.Row2.Z, 0,
            0, 0, 0, 1));
        // Theta turns clockwise in the image (y down), so the scene turns by the negative angle with y up.
        var roll = Matrix4x4.CreateRotationZ((float)-Roll(camera.Theta));
        return (rotation * roll, Vector3.Transform(pose.Translation, roll));
    }

    private static Camera CreateCamera(ModelRoot model, PhotoCamera camera, string name)
    {
        double halfHeight = (double)camera.Height / Math.Max(camera.Width, camera.Height) * PhotoCamera.SensorMm / 2;
        var result = model.CreateCamera(name);
        result.SetPerspectiveMode((float)camera.Width / camera.Height, (float)(2 * Math.Atan2(halfHeight, camera.LensMm)), 0.01f, 100);
        return result;
    }

    /// <summary>
    /// What glTF's camera cannot hold: the principal point. shift_x and shift_y are Blender's lens shift (in units of the
    /// image's longer side); with them the mesh covers the photo. orientation tells those who show the photo's file, and
    /// do not heed its EXIF, how it was turned.
    /// </summary>
    private static JsonObject CameraExtras(GlbView view) => new()
    {
        ["image"] = view.Image,
        ["width"] = view.Camera.Width,
        ["height"] = view.Camera.Height,
        ["orientation"] = view.Orientation,
        ["lens_mm"] = (double)view.Camera.LensMm,
        ["sensor_mm"] = PhotoCamera.SensorMm,
        ["shift_x"] = -view.Camera.Theta.X0 / 2,
        ["shift_y"] = view.Camera.Theta.Y0 / 2,
        ["theta"] = new JsonArray([.. view.Camera.Theta.ToArray().Select(value => JsonValue.Create(value))]),
    };

    private static SharpGLTF.Schema2.Mesh CreateMesh(ModelRoot model, Mesh mesh, byte[] texture)
    {
        var result = model.CreateMesh(FaceNode);
        result.Extras = new JsonObject
        {
            ["topology"] = mesh.Topology.Name,
            // How to read the polygons off the triangles (Topology.Triangles): glTF itself knows no quads.
            ["polygons"] = "consecutive triangles with the same first vertex",
            ["groups"] = new JsonArray([.. mesh.Topology.Groups.Select(group => new JsonObject
            {
                ["name"] = group.Name,
                ["firstTriangle"] = group.FirstTriangle,
                ["triangleCount"] = group.TriangleCount,
            })]),
        };
        // glTF's texture coordinates run down from the image's top.
        Vector2[] uvs = [.. mesh.Topology.Vertices.Select(uv => new Vector2(uv.U, 1 - uv.V))];
        uint[] indices = [.. mesh.Topology.Triangles.Select(index => (uint)index)];
        var primitive = result.CreatePrimitive();
        primitive.DrawPrimitiveType = PrimitiveType.TRIANGLES;
        primitive.SetVertexAccessor("POSITION", VertexData(model, mesh.Head, DimensionType.VEC3));
        primitive.SetVertexAccessor("NORMAL", VertexData(model, mesh.Normals(), DimensionType.VEC3));
        primitive.SetVertexAccessor("TEXCOORD_0", VertexData(model, uvs, DimensionType.VEC2));
        var triangles = model.CreateAccessor();
        var indexBytes = MemoryMarshal.AsBytes(indices.AsSpan()).ToArray();
        triangles.SetIndexData(model.UseBufferView(indexBytes, 0, null, 0, BufferMode.ELEMENT_ARRAY_BUFFER), 0, indices.Length, IndexEncodingType.UNSIGNED_INT);
        primitive.SetIndexAccessor(triangles);
        primitive.Material = CreateMaterial(model, texture);
        return result;
    }

    private static Accessor VertexData<T>(ModelRoot model, T[] values, DimensionType dimensions) where T : unmanaged
    {
        var accessor = model.CreateAccessor();
        var bytes = MemoryMarshal.AsBytes(values.AsSpan()).ToArray();
        var view = model.UseBufferView(bytes, 0, null, 0, BufferMode.ARRAY_BUFFER);
        accessor.SetVertexData(view, 0, values.Length, new AttributeFormat(dimensions, EncodingType.FLOAT));
        return accessor;
    }

    private static Material CreateMaterial(ModelRoot model, byte[] texture)
    {
        var material = model.CreateMaterial(FaceNode);
        material.InitializePBRMetallicRoughness();
        material.DoubleSided = true; // The face is an open shell: its back is seen from behind and inside the mouth.
        var colour = material.FindChannel("BaseColor")!.Value;
        colour.SetTexture(0, model.UseImage(new MemoryImage(texture)), null, TextureWrapMode.CLAMP_TO_EDGE, TextureWrapMode.CLAMP_TO_EDGE,
            TextureMipMapFilter.LINEAR_MIPMAP_LINEAR, TextureInterpolationFilter.LINEAR);
        var surface = material.FindChannel("MetallicRoughness")!.Value;
        foreach (var parameter in surface.Parameters)
        {
            parameter.Value = parameter.Name switch
            {
                "RoughnessFactor" => 0.6f, // Skin between matte and moist.
                "MetallicFactor" => 0f,
                _ => parameter.Value,
            };
        }
        return material;
    }
}
