using System.Numerics;
using MeshFromFaces.Core.Geometry;
using MeshFromFaces.Core.Imaging;
using MeshFromFaces.Core.Inference;
using MeshFromFaces.Core.Tests.Support;
using Xunit;

namespace MeshFromFaces.Core.Tests;

/// <summary>What a face and its mirror image say together.</summary>
public sealed class MirrorTests
{
    private static readonly Pose Turned = Pose.FromColumns(new(0.9f, 0.1f, -0.4f), new(-0.2f, 1, 0.3f), new(0.02f, -0.01f, -0.6f), 70);

    [Fact]
    public void A_mirrored_pose_shows_the_mirrored_head_where_the_mirror_does()
    {
        var head = new Vector3(0.03f, -0.05f, 0.1f);
        var camera = Turned.ToCamera(head);
        var mirrored = Turned.Mirrored().ToCamera(head * new Vector3(-1, 1, 1));
        Assert.InRange(Vector3.Distance(camera * new Vector3(-1, 1, 1), mirrored), 0, 1e-6f);
        Assert.Equal(Turned, Turned.Mirrored().Mirrored());
    }

    [Fact]
    public void The_mean_of_two_turns_lies_halfway()
    {
        static Pose Yaw(float angle) => Pose.FromColumns(new(MathF.Cos(angle), 0, -MathF.Sin(angle)), Vector3.UnitY, new(angle, 0, -0.5f), 60 + angle);
        var mean = Pose.Mean(Yaw(0.1f), Yaw(0.3f));
        Assert.All(mean.RotationArray().Zip(Yaw(0.2f).RotationArray()), pair => Assert.Equal(pair.Second, pair.First, 1e-6f));
        Assert.Equal(0.2f, mean.Translation.X, 1e-6f);
        Assert.Equal(60.2f, mean.FocalMm, 1e-4f);
    }

    // Each pixel of this crop is one of the photo's, so that the mirrored photo's crop is the mirrored crop to the last bit: between
    // pixels, its last digits tip what the encoder rounds to 8 bits, and turn the head by 0.07 degrees.
    [TrainedModelFact]
    public void A_mirrored_photo_gets_the_mirrored_answer()
    {
        using var model = new FaceModel(FacePipeline.DefaultModelFolder);
        var photo = Astronaut();
        var mirrored = Mirror(photo);
        var theta = new Theta(0.375f, 0, -28 / 256f, 0, 0.375f, -125 / 256f);
        Assert.InRange(FaceFrame.Off(FaceFrame.Of(model.Encode(photo, theta).Pose)), 0, 0.3f);
        var own = model.Encode(photo, theta);
        var other = model.Encode(mirrored, Opposite(theta));

        Assert.InRange(Apart(own.Pose, other.Pose), 0, 1e-5f);
        Assert.Equal(own.PresenceLogit, other.PresenceLogit, 1e-4f);
        Uv[] queries = [.. from i in Enumerable.Range(0, 400) select new Uv(0.2f + (0.6f * (i % 20) / 19), 0.2f + (0.6f * (i / 20) / 19))];
        float[] style = StyleWeights.Parse(null, model.Card);
        var heads = model.Predict(own, queries, style, photo.Name).Head;
        var others = model.Predict(other, [.. queries.Select(query => new Uv(1 - query.U, query.V))], style, photo.Name).Head;
        Assert.InRange(heads.Zip(others).Average(pair => Vector3.Distance(pair.First, pair.Second * new Vector3(-1, 1, 1))), 0, 1e-3f);
    }

    // The two crops differ in their last digits here, between the pixels, and so does what the encoder rounds to 8 bits. How far
    // single looks are apart depends on the crop, hence several of them.
    [TrainedModelFact]
    public void Wherever_the_face_lies_two_looks_agree_ten_times_as_well_as_one()
    {
        using var model = new FaceModel(FacePipeline.DefaultModelFolder);
        var photo = Astronaut();
        var mirrored = Mirror(photo);
        var found = model.FindFace(photo);
        float one = 0, two = 0;
        for (int step = -4; step <= 4; step++)
        {
            var theta = found with { X0 = found.X0 + (0.03f * step * found.Xx), Y0 = found.Y0 + (0.02f * step * found.Yy) };
            var opposite = Opposite(theta);
            one += Apart(model.EncodeOnce(photo, theta).Pose, model.EncodeOnce(mirrored, opposite).Pose);
            two += Apart(model.Encode(photo, theta).Pose, model.Encode(mirrored, opposite).Pose);
        }
        Assert.InRange(two, 0, one / 10); // Of weights 0.18.0 a thirty-eighth.
    }

    // The largest difference of two turns' matrices, one of them seen in a mirror.
    private static float Apart(Pose pose, Pose mirrored) =>
        mirrored.Mirrored().RotationArray().Zip(pose.RotationArray()).Max(pair => MathF.Abs(pair.First - pair.Second));

    private static Theta Opposite(Theta theta) => new(theta.Xx, -theta.Xy, -theta.X0, -theta.Yx, theta.Yy, theta.Y0);

    private static Photo Astronaut() =>
        PhotoDecoder.Decode(new PhotoFile("astronaut.png", File.ReadAllBytes(Path.Combine(Repository.Root, "examples", "photos", "astronaut.png"))));

    private static Photo Mirror(Photo photo)
    {
        byte[] pixels = new byte[photo.Pixels.Length];
        for (int pixel = 0; pixel < photo.Width * photo.Height; pixel++)
        {
            int opposite = (pixel / photo.Width * photo.Width) + photo.Width - 1 - (pixel % photo.Width);
            photo.Pixels.AsSpan(3 * pixel, 3).CopyTo(pixels.AsSpan(3 * opposite));
        }
        return new Photo(photo.Name, photo.Width, photo.Height, pixels);
    }
}
