using MeshFromFaces.Core.Geometry;
using MeshFromFaces.Core.Imaging;
using MeshFromFaces.Core.Inference;
using MeshFromFaces.Core.Tests.Support;
using Xunit;

namespace MeshFromFaces.Core.Tests;

/// <summary>Looking around for a face where the look at the whole photo leaves doubt.</summary>
public sealed class FaceSearchTests
{
    private const int Side = 400;

    // Dark where the look at the whole photo ends up, white around: the more a crop shows, the surer it is that there is a face.
    private static readonly Photo Ring = Draw((x, y) => Math.Max(Math.Abs(x - (Side / 2)), Math.Abs(y - (Side / 2))) > Side / 9);

    [Theory]
    [InlineData(-5.5, 0.01, true)] // A sigma of 0.005, less than the card allows.
    [InlineData(-5.5, 0.002, false)]
    [InlineData(-3, 0.01, false)] // A sigma of 0.06.
    [InlineData(-3, 0.1, true)]
    public void A_face_that_a_look_at_the_photo_does_not_show_is_seen_from_a_crop_around(float logSigma, double allowed, bool found)
    {
        using var known = new KnownModel(presence: -4, sigma: logSigma, side: 0.4f, white: 16, turned: 0, up: 0.011f, searchSigma: allowed);
        using var model = new FaceModel(known.ModelFolder, addAccelerator: null);
        var first = model.Look(Ring);
        Assert.InRange(first.Encoding.Presence, 0, model.Card.PresenceThreshold);

        var seen = new FaceSearch(model).Look(Ring);

        Assert.Equal(found, seen.Encoding.Presence >= model.Card.PresenceThreshold);
        Assert.Equal(found, seen.Theta.Scale > 1.4f * first.Theta.Scale);
        Assert.Equal(model.Encode(Ring, seen.Theta).Features, seen.Encoding.Features);
    }

    // A corner is white: less than a quarter of any crop round the middle, where the look at the photo ends up, and more of one beside.
    [Theory]
    [InlineData(-5.5, true)]
    [InlineData(-3, false)]
    public void A_face_that_no_crop_around_shows_is_seen_from_one_beside(float logSigma, bool found)
    {
        var corner = Draw((x, y) => x >= (Side / 2) + 20 && y < (Side / 2) - 20);
        using var known = new KnownModel(presence: -4, sigma: logSigma, side: 0.4f, white: 16, turned: 0, up: 0.011f);
        using var model = new FaceModel(known.ModelFolder, addAccelerator: null);
        var first = model.Look(corner);

        var seen = new FaceSearch(model).Look(corner);

        Assert.Equal(found, seen.Encoding.Presence >= model.Card.PresenceThreshold);
        Assert.Equal(found, seen.Theta.X0 - first.Theta.X0 + first.Theta.Y0 - seen.Theta.Y0 > 0.2f); // Up and to the right.
    }

    [Fact]
    public void A_face_in_the_middle_of_its_crop_is_not_looked_around_for()
    {
        using var known = new KnownModel(presence: 4, side: 0.4f);
        using var model = new FaceModel(known.ModelFolder, addAccelerator: null);
        Assert.Equal(model.Look(Ring).Theta, new FaceSearch(model).Look(Ring).Theta);
    }

    // The plate's pose is the same wherever the encoder looks, and so is its sigma: no look is surer than the first.
    [Theory]
    [InlineData(-0.65f)]
    [InlineData(-5)]
    public void A_face_that_is_off_even_so_stays_where_no_look_around_is_surer(float depth)
    {
        using var known = new KnownModel(presence: 4, depth: depth);
        using var model = new FaceModel(known.ModelFolder, addAccelerator: null);
        Assert.Equal(model.Look(Ring).Theta, new FaceSearch(model).Look(Ring).Theta);
    }

    [Fact]
    public void A_crop_comes_to_rest_where_the_encoder_sees_the_face()
    {
        using var known = new KnownModel(depth: -0.65f);
        using var model = new FaceModel(known.ModelFolder, addAccelerator: null);
        var own = FaceFrame.Of(model.Encode(Ring, Theta.Identity).Pose);

        Assert.Equal(Theta.Identity, model.Settle(Ring, Theta.Identity, 0).Theta);
        Assert.Equal(own, model.Settle(Ring, Theta.Identity, 1).Theta);
        Assert.InRange(model.Settle(Ring, Theta.Identity, 3).Theta.Scale / MathF.Pow(own.Scale, 3), 0.97f, 1.03f);
    }

    private static Photo Draw(Func<int, int, bool> white)
    {
        byte[] pixels = new byte[Side * Side * 3];
        for (int i = 0; i < pixels.Length; i++)
        {
            pixels[i] = white(i / 3 % Side, i / 3 / Side) ? (byte)255 : (byte)0;
        }
        return new Photo("ring.png", Side, Side, pixels);
    }
}
