using System.Numerics;
using System.Text.Json;
using MeshFromFaces.Core.Geometry;
using MeshFromFaces.Core.Imaging;
using MeshFromFaces.Core.Tests.Support;
using MeshFromFaces.Core.Texturing;
using Xunit;
using Xunit.Abstractions;

namespace MeshFromFaces.Core.Tests;

/// <summary>
/// The example capture: four pictures of a synthetic subject by another renderer (the training package's `capture`), with
/// the texture it wore and the cameras that took it.
/// </summary>
public sealed class SyntheticCaptureTests(ITestOutputHelper output)
{
    private static readonly string Folder = Path.Combine(Repository.Root, "examples", "captures", "synthetic");
    private static readonly Truth TheTruth = JsonSerializer.Deserialize<Truth>(File.ReadAllText(Path.Combine(Folder, "truth.json")), JsonSerializerOptions.Web)!;

    [Fact]
    public void With_the_true_fits_the_texture_comes_back_at_38_dB()
    {
        var texture = Read(TheTruth.Texture);
        string obj = File.ReadAllText(Path.Combine(Folder, TheTruth.Topology));
        var mesh = KnownFace.WithPositionsOf(TopologyReader.Read("truth", obj), obj);
        var map = AtlasMap.Make(mesh.Topology, texture.Width);
        var blend = new TextureBlend(map.Size);
        foreach (var view in TheTruth.Views)
        {
            var photo = Read(view.Image);
            var camera = new PhotoCamera(view.Pose, Theta.Identity, photo.Width, photo.Height);
            blend.Add(ViewTexture.Unwrap(photo, mesh, new DepthBuffer(camera, mesh), map));
        }
        AssertSimilar(texture, blend.Average(), 38);
    }

    [Fact]
    public void With_the_models_own_fits_the_texture_comes_back_at_26_dB()
    {
        var texture = Read(TheTruth.Texture);
        using var pipeline = FacePipeline.Load();
        PhotoFile[] photos = [.. TheTruth.Views.Select(view => new PhotoFile(view.Image, File.ReadAllBytes(Path.Combine(Folder, view.Image))))];
        var face = pipeline.Build(photos, new FaceOptions { TextureSize = texture.Width });
        AssertSimilar(texture, new Atlas(texture.Width, DecodeRgba(face.Texture)), 26);
    }

    private void AssertSimilar(Photo truth, Atlas actual, double decibels)
    {
        double error = 0;
        int seen = 0;
        for (int texel = 0; texel < truth.Width * truth.Height; texel++)
        {
            if (actual.Rgba[(texel * 4) + 3] == 255)
            {
                for (int channel = 0; channel < 3; channel++)
                {
                    double difference = actual.Rgba[(texel * 4) + channel] - truth.Pixels[(texel * 3) + channel];
                    error += difference * difference;
                }
                seen++;
            }
        }
        double psnr = 10 * Math.Log10(255 * 255 / (error / (seen * 3)));
        output.WriteLine($"PSNR {psnr:F2} dB on {seen} seen texels of {truth.Width * truth.Height}");
        Assert.True(seen > 0.5 * truth.Width * truth.Height, $"{seen} texels seen");
        Assert.True(psnr >= decibels, $"PSNR {psnr:F2} dB, {decibels} are needed");
    }

    private static Photo Read(string name) => PhotoDecoder.Decode(new PhotoFile(name, File.ReadAllBytes(Path.Combine(Folder, name))));

    private static byte[] DecodeRgba(byte[] png)
    {
        using var image = NetVips.Image.NewFromBuffer(png);
        return image.WriteToMemory<byte>();
    }

    private sealed record Truth(string Topology, string Texture, TrueView[] Views);

    private sealed record TrueView(string Image, float[] Rotation, float[] Translation, float FocalMm)
    {
        public Pose Pose => new(
            new Vector3(Rotation.AsSpan(0, 3)), new Vector3(Rotation.AsSpan(3, 3)), new Vector3(Rotation.AsSpan(6, 3)), new Vector3(Translation), FocalMm);
    }
}
