using System.Numerics;
using MeshFromFaces.Core.Imaging;
using MeshFromFaces.Core.Tests.Support;
using Xunit;
using Xunit.Abstractions;

namespace MeshFromFaces.Core.Tests;

/// <summary>Frames made from the example portrait, so that its motion is known, through the shipped model.</summary>
public sealed class VideoTests(ITestOutputHelper output) : IDisposable
{
    private static readonly FaceOptions Standard = new();
    private static readonly Photo Portrait = PhotoDecoder.Decode(new PhotoFile("astronaut.png", File.ReadAllBytes(Path.Combine(Repository.Root, "examples", "photos", "astronaut.png"))));
    private static readonly Vector2 Middle = new(224, 120); // Of the face, in the portrait.

    private readonly FacePipeline _pipeline = FacePipeline.Load();

    public void Dispose() => _pipeline.Dispose();

    [TrainedModelFact]
    public void Landmarks_follow_the_motion_of_the_face()
    {
        // Turning, growing and moving across the picture: by half an eye's width from frame to frame.
        Matrix3x2[] motion = [.. Enumerable.Range(0, 12).Select(i =>
            Place(scale: 1 + (0.03f * i), turn: 0.3f * MathF.Sin(0.5f * i), at: new Vector2(180 + (10 * i), 150 + (20 * MathF.Sin(0.6f * i)))))];
        var results = _pipeline.Follow(motion.Select((place, i) => Frame(i, Scene(place))), Standard).ToArray();

        Assert.Equal(Enumerable.Range(1, motion.Length), results.Select(result => result.Frame));
        Assert.All(results.Select((result, i) => (result, i)), pair => Assert.Equal(pair.i / 25.0, pair.result.Time, 9));
        // Each landmark's mean place in the portrait, moved, is the truth: what is left is what does not follow.
        Vector2[][] still = [.. results.Zip(motion, (result, place) => Points(result).Select(point => Vector2.Transform(point, Inverse(place))).ToArray())];
        Vector2[] mean = [.. Enumerable.Range(0, 68).Select(i => still.Aggregate(Vector2.Zero, (sum, points) => sum + points[i]) / still.Length)];
        float eyes = Vector2.Distance(mean[36], mean[45]);
        double[] errors = [.. still.Select(points => 100 * points.Zip(mean, Vector2.Distance).Skip(17).Average() / eyes)];
        output.WriteLine($"{string.Join(", ", errors.Select(error => $"{error:F2}"))} % of the outer eyes' distance");
        Assert.All(errors, error => Assert.InRange(error, 0, 4));
        Assert.InRange(Vector2.Distance(mean[36], new Vector2(193.5f, 101.5f)) / eyes, 0, 0.1); // Marked by hand.
    }

    [TrainedModelFact]
    public void A_frame_gives_what_it_gives_as_a_photo_whatever_came_before_it()
    {
        Photo[] scenes = [Scene(Place(1, 0.2f, new(150, 160))), Scene(Place(1.3f, 0, new(300, 150)))];
        var followed = _pipeline.Follow(scenes.Select((scene, i) => Frame(i, scene)), Standard).Select(result => result.View!);
        var alone = _pipeline.Landmarks([.. scenes.Select((scene, i) => new PhotoFile($"frame {i}", Pictures.Png(scene)))], Standard);
        Assert.Equal(ViewLandmarks.ToJson(alone), ViewLandmarks.ToJson([.. followed]));
    }

    [TrainedModelFact]
    public void A_frame_at_fault_says_why_and_the_next_is_taken()
    {
        Frame[] frames =
        [
            Frame(0, Scene(Place(1, 0, new(200, 150)))),
            Frame(1, Pictures.Plain(480, 360, 90, 140, 200)),
            new(3, 2 / 25.0, "broken.png", () => PhotoDecoder.Decode(new PhotoFile("broken.png", [1, 2, 3]))),
            Frame(3, Scene(Place(1, 0, new(210, 150)))),
        ];
        var results = _pipeline.Follow(frames, Standard with { Face = 1 }).ToArray();
        Assert.Equal([true, false, false, true], results.Select(result => result.View is not null));
        Assert.Contains("no face was found", results[1].Fault, StringComparison.Ordinal);
        Assert.Contains("'broken.png' is", results[2].Fault, StringComparison.Ordinal);
        string json = System.Text.Encoding.UTF8.GetString(results[1].ToJson());
        Assert.StartsWith("{\"frame\":2,\"time\":0.04,\"fault\":\"", json, StringComparison.Ordinal);
    }

    [TrainedModelFact]
    public void A_chosen_face_is_followed_though_another_becomes_the_largest()
    {
        // The first shrinks from the larger to the smaller, and back over the place where the second was.
        (Matrix3x2 First, Matrix3x2 Second)[] motion = [.. Enumerable.Range(0, 5).Select(i =>
            (Place(1.3f - (0.15f * i), 0, new Vector2(120 + (12 * i), 140)), Place(0.8f + (0.15f * i), 0, new Vector2(350, 200))))];
        var frames = motion.Select((pair, i) => Frame(i, Scene(pair.First, pair.Second)));
        var results = _pipeline.Follow(frames, Standard with { Face = 1 }).ToArray();
        foreach (var (result, (first, _)) in results.Zip(motion))
        {
            var nose = Vector2.Transform(new Vector2(224, 127), first);
            Assert.InRange(Vector2.Distance(Points(result)[30], nose), 0, 12);
        }
    }

    [TrainedModelFact]
    public void Frames_are_read_when_their_turn_comes_and_a_cancelled_video_stops()
    {
        var scene = Scene(Place(1, 0, new(200, 150)));
        int read = 0;
        using var cancellation = new CancellationTokenSource();
        var frames = Enumerable.Range(0, 1000).Select(i => new Frame(i + 1, i, "frame", () => { read++; return scene; }));
        var results = _pipeline.Follow(frames, Standard, cancellation.Token).GetEnumerator();
        Assert.True(results.MoveNext() && results.MoveNext());
        Assert.Equal(2, read);
        cancellation.Cancel();
        Assert.Throws<OperationCanceledException>(() => results.MoveNext());
    }

    private static Frame Frame(int index, Photo photo) => new(index + 1, index / 25.0, $"frame {index}", () => photo with { Name = $"frame {index}" });

    private static Photo Scene(params Matrix3x2[] places)
    {
        var collage = new Collage(480, 360).Background(1);
        foreach (var place in places)
        {
            collage.Paste(Portrait, Middle, new Vector2(80, 110), place, Vector3.One);
        }
        return collage.Photo;
    }

    private static Matrix3x2 Place(float scale, float turn, Vector2 at) =>
        Matrix3x2.CreateTranslation(-Middle) * Matrix3x2.CreateScale(scale) * Matrix3x2.CreateRotation(turn) * Matrix3x2.CreateTranslation(at);

    private static Matrix3x2 Inverse(Matrix3x2 place) => Matrix3x2.Invert(place, out var inverse) ? inverse : throw new ArgumentException("It has no inverse.", nameof(place));

    private static Vector2[] Points(FrameLandmarks result) => [.. result.View!.Landmarks.Select(mark => new Vector2(mark.X, mark.Y))];
}
