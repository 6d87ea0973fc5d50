using System.Numerics;
using MeshFromFaces.Core.Geometry;
using MeshFromFaces.Core.Imaging;
using MeshFromFaces.Core.Tests.Support;
using MeshFromFaces.Core.Texturing;
using Xunit;
using Xunit.Abstractions;

namespace MeshFromFaces.Core.Tests;

public sealed class TexturingTests(ITestOutputHelper output)
{
    private static readonly (float Yaw, float Pitch, float Roll)[] FourViews = [(0, 0.05f, 0.1f), (0.7f, 0, -0.2f), (-0.7f, 0.1f, 0), (0.1f, -0.5f, 0.3f)];

    // Waves of 12 to 40 periods over the atlas: details of a few texels of a 512 atlas, all within what it can hold.
    private static Vector3 Skin(double u, double v) => new(
        (float)(0.45 + (0.2 * Math.Sin(u * 160)) + (0.15 * Math.Cos(v * 110))),
        (float)(0.35 + (0.2 * Math.Sin((u + v) * 75)) + (0.1 * Math.Cos(v * 250))),
        (float)(0.3 + (0.15 * Math.Cos((u - v) * 130)) + (0.1 * Math.Sin(u * 40))));

    [Fact]
    public void A_texture_rendered_from_four_views_bakes_back_at_38_dB()
    {
        const int Size = 512;
        var mesh = KnownFace.Canonical;
        var atlas = Bake(mesh, Size, FourViews, (camera) => ReferenceRenderer.Render(mesh, camera, Skin, new Vector3(0.02f, 0.6f, 0.1f)));

        double error = 0;
        int seen = 0;
        for (int y = 0; y < Size; y++)
        {
            for (int x = 0; x < Size; x++)
            {
                int at = ((y * Size) + x) * 4;
                if (atlas.Rgba[at + 3] == 255)
                {
                    var truth = Skin((x + 0.5) / Size, 1 - ((y + 0.5) / Size));
                    for (int channel = 0; channel < 3; channel++)
                    {
                        double difference = atlas.Rgba[at + channel] - ReferenceRenderer.ToByte(truth[channel]);
                        error += difference * difference;
                    }
                    seen++;
                }
            }
        }
        int chart = AtlasMap.Make(mesh.Topology, Size).Triangle.Count(triangle => triangle >= 0);
        double psnr = 10 * Math.Log10(255 * 255 / (error / (seen * 3)));
        output.WriteLine($"PSNR {psnr:F2} dB on {seen} seen of {chart} texels in the chart");
        if (psnr < 38)
        {
            string picture = Path.Combine(AppContext.BaseDirectory, "actual-bake.png");
            File.WriteAllBytes(picture, PictureEncoder.Png(atlas.Rgba, Size, Size));
            output.WriteLine($"See {picture}");
        }
        Assert.True(psnr >= 38, $"PSNR {psnr:F2} dB");
        Assert.True(seen > 0.8 * chart, $"{seen} of {chart} texels seen");
    }

    [Fact]
    public void A_map_of_coordinates_comes_back_within_a_twentieth_of_a_texel()
    {
        const int Size = 512;
        var mesh = KnownFace.Patch();
        // Linear light carries u and v themselves, so a shift of the whole chain shows as a shift of their mean.
        var atlas = Bake(mesh, Size, [(0.3f, 0.2f, 0.4f)], camera => ReferenceRenderer.Render(mesh, camera, (u, v) => new Vector3((float)u, (float)v, 0.5f), Vector3.Zero));
        double du = 0, dv = 0;
        int seen = 0;
        for (int y = 0; y < Size; y++)
        {
            for (int x = 0; x < Size; x++)
            {
                int at = ((y * Size) + x) * 4;
                if (atlas.Rgba[at + 3] == 255)
                {
                    du += (Srgb.Linear[atlas.Rgba[at]] * Size) - (x + 0.5);
                    dv += (Srgb.Linear[atlas.Rgba[at + 1]] * Size) - (Size - y - 0.5);
                    seen++;
                }
            }
        }
        output.WriteLine($"mean shift {du / seen:F4}, {dv / seen:F4} texels over {seen}");
        Assert.True(seen > 100_000);
        Assert.InRange(du / seen, -0.05, 0.05);
        Assert.InRange(dv / seen, -0.05, 0.05);
    }

    [Theory]
    [InlineData(512, 300)]
    [InlineData(512, 2000)]
    [InlineData(1024, 701)]
    public void White_photos_bake_exactly_white_filled_texels_included(int size, int photoSide)
    {
        var mesh = KnownFace.Canonical;
        var white = new byte[photoSide * photoSide * 3];
        Array.Fill(white, (byte)255);
        var atlas = Bake(mesh, size, FourViews[..3], _ => new Photo("white", photoSide, photoSide, white), photoSide);

        Assert.Contains(atlas.Rgba.Where((_, i) => i % 4 == 3), alpha => alpha == 255);
        Assert.Contains(atlas.Rgba.Where((_, i) => i % 4 == 3), alpha => alpha == 0);
        Assert.DoesNotContain(atlas.Rgba.Where((_, i) => i % 4 != 3), value => value != 255);
    }

    [Fact]
    public void The_order_of_the_views_changes_no_byte()
    {
        var random = new Random(5);
        Atlas[] views = [.. Enumerable.Range(0, 64).Select(_ =>
        {
            var rgba = new byte[64 * 64 * 4];
            random.NextBytes(rgba);
            for (int i = 3; i < rgba.Length; i += 4)
            {
                rgba[i] = (byte)(rgba[i] > 100 ? 255 : 0);
            }
            return new Atlas(64, rgba);
        })];
        byte[] Combined(IEnumerable<Atlas> order)
        {
            var blend = new TextureBlend(64);
            foreach (var view in order)
            {
                blend.Add(view);
            }
            return blend.Average().Rgba;
        }
        var given = Combined(views);
        Assert.Equal(given, Combined(views.Reverse()));
        random.Shuffle(views);
        Assert.Equal(given, Combined(views));
    }

    [Fact]
    public void The_mean_is_of_linear_light_and_over_the_seeing_views_only()
    {
        byte[] black = [0, 0, 0, 255], white = [255, 255, 255, 255], unseen = [9, 9, 9, 0];
        Atlas Plain(byte[] colour) => new(16, [.. Enumerable.Repeat(colour, 256).SelectMany(bytes => bytes)]);
        var blend = new TextureBlend(16);
        blend.Add(Plain(black));
        blend.Add(Plain(unseen));
        blend.Add(Plain(white));
        // Half the light of white is 188 in sRGB, not 128.
        Assert.All(blend.Average().Rgba.Chunk(4), texel => Assert.Equal([188, 188, 188, 255], texel));
    }

    [Fact]
    public void Unwrap_equals_its_naive_twin()
    {
        const int Size = 512, Width = 320, Height = 400;
        var mesh = KnownFace.Patch(12);
        var camera = KnownFace.Camera(Width, Height, 0.9f, -0.3f, 0.5f, fill: 1.3f);
        var pixels = new byte[Width * Height * 3];
        new Random(3).NextBytes(pixels);
        var photo = new Photo("noise", Width, Height, pixels);
        var depth = new DepthBuffer(camera, mesh);
        var map = AtlasMap.Make(mesh.Topology, Size);

        var fast = ViewTexture.Unwrap(photo, mesh, depth, map);
        var naive = NaiveUnwrap.Unwrap(photo, mesh, depth, map);

        int seen = 0, differ = 0;
        for (int texel = 0; texel < Size * Size; texel++)
        {
            if (naive[texel] is { } colour)
            {
                seen++;
                for (int channel = 0; channel < 3; channel++)
                {
                    differ += Math.Abs(fast.Rgba[(texel * 4) + channel] - ReferenceRenderer.ToByte(colour[channel])) > 1 ? 1 : 0;
                }
            }
            differ += (naive[texel] is not null) == (fast.Rgba[(texel * 4) + 3] == 255) ? 0 : 1;
        }
        output.WriteLine($"{seen} seen, {differ} differ");
        Assert.InRange(seen, 20_000, (Size * Size) - 20_000);
        // A texel exactly on a limit (grazing angle, photo border) may fall on either side by rounding.
        Assert.InRange(differ, 0, seen / 5000);
    }

    [Fact]
    public void A_margin_keeps_out_what_is_behind_a_face_that_is_fitted_a_little_off()
    {
        const int Side = 600;
        var mesh = KnownFace.Canonical;
        var picture = ReferenceRenderer.Render(mesh, KnownFace.Camera(Side, Side, fill: 0.8f), (_, _) => Vector3.One, Vector3.UnitX, samples: 1);
        // The fit is a little too large, and turned: its outline lies up to 10 px outside the face's.
        var fit = KnownFace.Camera(Side, Side, yaw: 0.02f, pitch: 0.02f, fill: 0.82f);
        var map = AtlasMap.Make(mesh.Topology, 512);
        (int Seen, int Red) Count(float margin)
        {
            float[] margins = [.. Enumerable.Repeat(margin, mesh.Head.Length)];
            byte[][] seen = [.. ViewTexture.Unwrap(picture, mesh, new DepthBuffer(fit, mesh), map, margins).Rgba.Chunk(4).Where(texel => texel[3] == 255)];
            return (seen.Length, seen.Count(texel => texel[1] < 128));
        }

        var (without, with) = (Count(0), Count(12));

        output.WriteLine($"{without} without a margin, {with} with one");
        Assert.InRange(without.Red, 1_000, int.MaxValue);
        Assert.InRange(with.Red, 0, without.Red / 50);
        Assert.InRange(with.Seen, 0.85 * without.Seen, without.Seen);
    }

    [Fact]
    public void A_sliver_between_lid_and_eye_is_not_drawn_out_over_its_texels()
    {
        // A quad of half the atlas that is a fiftieth as high in space as its texels ask for, between two ordinary ones.
        const string Obj = "vt 0 0\nvt 1 0\nvt 0 0.3\nvt 1 0.3\nvt 0 0.7\nvt 1 0.7\nvt 0 1\nvt 1 1\nf 1/1 2/2 4/4 3/3\nf 3/3 4/4 6/6 5/5\nf 5/5 6/6 8/8 7/7\n";
        var topology = TopologyReader.Read("seam", Obj);
        Vector3 At(Uv uv) => new((uv.U - 0.5f) * 0.2f, uv.V < 0.5f ? (uv.V - 0.3f) * 0.2f : ((uv.V - 0.7f) * 0.2f) + 0.0015f, 0);
        var mesh = new Mesh(topology, [.. topology.Vertices.Select(At)]);
        var camera = KnownFace.Camera(800, 800, fill: 0.7f);
        var atlas = ViewTexture.Unwrap(Pictures.Noise(800, 800), mesh, new DepthBuffer(camera, mesh), AtlasMap.Make(topology, 512));
        byte Alpha(double v) => atlas.Rgba[(((((int)((1 - v) * 512)) * 512) + 256) * 4) + 3];
        Assert.Equal((255, 0, 255), (Alpha(0.15), Alpha(0.5), Alpha(0.85)));
    }

    [Fact]
    public void Each_texel_knows_its_triangle()
    {
        const int Size = 512;
        var topology = KnownFace.Canonical.Topology;
        var map = AtlasMap.Make(topology, Size);
        var random = new Random(1);
        for (int i = 0; i < 2000; i++)
        {
            int x = random.Next(Size), y = random.Next(Size);
            double u = (x + 0.5) / Size, v = 1 - ((y + 0.5) / Size);
            int found = map.Triangle[(y * Size) + x];
            double best = Enumerable.Range(0, topology.TriangleCount).Max(triangle => Inside(topology, triangle, u, v));
            // Texels whose centre is on a triangle's edge may take either side.
            if (Math.Abs(best) > 1e-6)
            {
                Assert.Equal(best > 0, found >= 0);
            }
            if (found >= 0)
            {
                Assert.True(Inside(topology, found, u, v) > -1e-5);
            }
        }
    }

    [Fact]
    public void Filling_keeps_what_is_seen_and_stays_within_its_range()
    {
        const int Size = 256;
        var random = new Random(2);
        var rgb = new float[Size * Size * 3];
        var seen = new byte[Size * Size];
        for (int texel = 0; texel < seen.Length; texel++)
        {
            int x = texel % Size, y = texel / Size;
            seen[texel] = (byte)(((x - 128) * (x - 128)) + ((y - 100) * (y - 100)) is > 400 and < 8000 ? 1 : 0);
            for (int channel = 0; channel < 3; channel++)
            {
                rgb[(texel * 3) + channel] = seen[texel] != 0 ? 0.25f + (0.5f * random.NextSingle()) : float.NaN;
            }
        }
        var before = (float[])rgb.Clone();
        HoleFill.Apply(rgb, seen, Size);
        for (int i = 0; i < rgb.Length; i++)
        {
            if (seen[i / 3] != 0)
            {
                Assert.Equal(before[i], rgb[i]);
            }
            Assert.InRange(rgb[i], 0.25f, 0.75f);
        }
    }

    [Fact]
    public void A_hole_in_a_ramp_is_filled_with_the_ramp()
    {
        // A ramp solves Laplace's equation, so the hole must continue it: what a smooth fill means.
        const int Size = 256;
        var rgb = new float[Size * Size * 3];
        var seen = new byte[Size * Size];
        for (int texel = 0; texel < seen.Length; texel++)
        {
            int x = texel % Size, y = texel / Size;
            seen[texel] = (byte)(((x - 128) * (x - 128)) + ((y - 128) * (y - 128)) > 900 ? 1 : 0);
            rgb[texel * 3] = rgb[(texel * 3) + 1] = rgb[(texel * 3) + 2] = seen[texel] != 0 ? x / 255f : 0;
        }
        HoleFill.Apply(rgb, seen, Size);
        double worst = Enumerable.Range(0, seen.Length).Max(texel => Math.Abs(rgb[texel * 3] - (texel % Size / 255.0)));
        output.WriteLine($"worst {worst * 255:F2} texels of ramp");
        Assert.InRange(worst * 255, 0, 1.5);
    }

    private static Atlas Bake(Mesh mesh, int size, (float Yaw, float Pitch, float Roll)[] views, Func<PhotoCamera, Photo> photograph, int side = 900)
    {
        var map = AtlasMap.Make(mesh.Topology, size);
        var blend = new TextureBlend(size);
        foreach (var (yaw, pitch, roll) in views)
        {
            var camera = KnownFace.Camera(side, side, yaw, pitch, roll, zoom: 0.9f);
            blend.Add(ViewTexture.Unwrap(photograph(camera), mesh, new DepthBuffer(camera, mesh), map));
        }
        return blend.Average();
    }

    // The least barycentric coordinate: positive inside.
    private static double Inside(Topology topology, int triangle, double u, double v)
    {
        Uv At(int corner) => topology.Vertices[topology.Triangles[(triangle * 3) + corner]];
        var (a, b, c) = (At(0), At(1), At(2));
        double area = ((double)(b.U - a.U) * (c.V - a.V)) - ((double)(c.U - a.U) * (b.V - a.V));
        double wa = (((b.U - u) * (c.V - v)) - ((c.U - u) * (b.V - v))) / area;
        double wb = (((c.U - u) * (a.V - v)) - ((a.U - u) * (c.V - v))) / area;
        return Math.Min(wa, Math.Min(wb, 1 - wa - wb));
    }
}
