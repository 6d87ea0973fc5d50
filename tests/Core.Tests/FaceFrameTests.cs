using System.Buffers;
using System.Numerics;
using MeshFromFaces.Core.Geometry;
using MeshFromFaces.Core.Imaging;
using MeshFromFaces.Core.Inference;
using MeshFromFaces.Core.Tests.Support;
using Xunit;

namespace MeshFromFaces.Core.Tests;

/// <summary>The crop round a face whose pose is known, and the look that it corrects.</summary>
public sealed class FaceFrameTests
{
    private static readonly Pose Frontal = Pose.FromColumns(Vector3.UnitX, Vector3.UnitY, new Vector3(0, 0.011f, -0.5f), 60);

    [Fact]
    public void A_frontal_face_half_a_metre_away_fills_the_crop_that_it_is_taught_in()
    {
        var crop = FaceFrame.Of(Frontal);
        Assert.Equal(0, crop.X0, 1e-5f);
        Assert.Equal(0, crop.Xy, 1e-5f);
        Assert.InRange(crop.Scale, 0.95f, 1.1f);
        Assert.InRange(FaceFrame.Off(crop), 0, 0.1f);
        Assert.Equal(0, FaceFrame.Off(Theta.Identity));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(0.7f)]
    [InlineData(-2.5f)]
    public void The_crop_turns_moves_and_grows_with_the_face(float roll)
    {
        var still = FaceFrame.Of(Frontal);
        // Rolled about the optical axis, 1.25 times as near by a longer lens, and moved along the image.
        var (sin, cos) = MathF.SinCos(roll);
        var spin = new Vector2(cos, sin);
        var at = new Vector2(0.011f * -sin, 0.011f * cos);
        var pose = Pose.FromColumns(new Vector3(spin, 0), new Vector3(-sin, cos, 0), new Vector3(at, -0.5f), 75);

        var crop = FaceFrame.Of(pose);

        Assert.Equal(1.25f * still.Scale, crop.Scale, 1e-4f);
        Assert.Equal(cos * crop.Scale, crop.Xx, 1e-4f);
        Assert.Equal(-sin * crop.Scale, crop.Yx, 1e-4f); // v points down: a turn to the left is one from x towards -v.
        var (x, y) = (1.25f * still.X0, 1.25f * still.Y0);
        Assert.Equal((cos * x) + (sin * y), crop.X0, 1e-4f);
        Assert.Equal((-sin * x) + (cos * y), crop.Y0, 1e-4f);
    }

    [Theory]
    [InlineData(-0.5f, 4, false)]
    [InlineData(-0.545f, 4, true)] // A tenth of its half side: too little to doubt the face, enough to see it better.
    [InlineData(-0.65f, 4, true)]
    [InlineData(-0.65f, -4, false)] // No face: nothing to look at again.
    [InlineData(-5, 4, false)] // Too far off to be of the same face.
    public void A_look_that_is_off_is_corrected_once(float depth, float presence, bool corrected)
    {
        using var known = new KnownModel(presence, depth, turned: 0, up: Frontal.Translation.Y);
        using var model = new FaceModel(known.ModelFolder, addAccelerator: null);
        var photo = Pictures.Noise(200, 160);
        var first = model.FindFace(photo);

        var seen = model.Look(photo);

        Assert.Equal(corrected ? first.After(FaceFrame.Of(model.Encode(photo, first).Pose)) : first, seen.Theta);
        Assert.Equal(model.Encode(photo, seen.Theta).Features, seen.Encoding.Features);
    }

    // The runtime sums a tensor up in an order that depends on its address.
    [Fact]
    public void A_photo_gets_the_same_answer_to_the_last_digit_wherever_in_memory_its_crop_comes_to_lie()
    {
        using var known = new KnownModel();
        using var model = new FaceModel(known.ModelFolder, addAccelerator: null);
        var photo = Pictures.Noise(200, 160);
        Theta[] crops = [.. Enumerable.Range(1, 20).Select(i => Theta.Identity.Zoom(i / 20f))];
        float[][] features = [.. crops.Select(crop => model.Encode(photo, crop).Features)];
        var kept = new List<Array>();
        for (int words = 1; words <= 20; words++)
        {
            kept.Add(new long[2000 + words]);
            kept.Add(ArrayPool<float>.Shared.Rent(3 * 64 * 64)); // The next one lent out is new, and lies elsewhere.

            Assert.Equal(features, crops.Select(crop => model.Encode(photo, crop).Features));
        }
        GC.KeepAlive(kept);
    }

    [Theory]
    [InlineData(0.3f, 2)]
    [InlineData(0.65f, 2)]
    [InlineData(0.75f, 1)]
    public void A_small_face_gets_a_second_look_at_where_the_first_found_it_a_close_up_does_not(float side, int looks)
    {
        using var known = new KnownModel(side: side);
        using var model = new FaceModel(known.ModelFolder, addAccelerator: null);
        var black = new Photo("black.png", 90, 70, new byte[90 * 70 * 3]); // Of which the transformer says the same wherever it looks.
        var look = new Theta(side, -0.1f, 0, 0.1f, side, 0);

        var found = model.FindFace(black);

        var wanted = looks == 1 ? look : look.Zoom(1.15f).After(look);
        Assert.All(wanted.ToArray().Zip(found.ToArray()), pair => Assert.Equal(pair.First, pair.Second, 1e-5f));
    }
}
