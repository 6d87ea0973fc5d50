using System.Numerics;
using MeshFromFaces.Core.Imaging;
using MeshFromFaces.Core.Tests.Support;
using Xunit;
using Xunit.Abstractions;

namespace MeshFromFaces.Core.Tests;

/// <summary>Pictures with known faces in them, through the shipped model.</summary>
public sealed class SeveralFacesTests(SeveralFacesTests.Heads heads, ITestOutputHelper output) : IClassFixture<SeveralFacesTests.Heads>
{
    private static readonly FaceOptions Standard = new();

    [TrainedModelTheory]
    [InlineData(1, 0.1f)]
    [InlineData(1, 0.5f)]
    [InlineData(2, 0.1f, 0.5f)]
    [InlineData(2, 0.25f, 0.25f)]
    [InlineData(2, 0.4f, 0.35f)]
    [InlineData(4, 0.1f, 0.1f, 0.1f, 0.1f)]
    [InlineData(4, 0.3f, 0.2f, 0.15f, 0.1f)]
    [InlineData(4, 0.25f, 0.25f, 0.25f, 0.25f)]
    public void Every_face_is_found_once_and_the_largest_comes_first(int count, params float[] heights)
    {
        Assert.Equal(count, heights.Length);
        var (picture, truth) = heads.Scene(seed: (int)(heights.Sum() * 100) + count, heights);
        var faces = heads.Pipeline.Landmarks([picture], Standard, allFaces: true);

        double[] errors = [.. truth.Select(face => faces.Min(found => Apart(face, Points(found))))];
        output.WriteLine($"{faces.Count} of {count} faces; errors {string.Join(", ", errors.Select(error => $"{error:F1}"))} % of the outer eyes' distance; presence {string.Join(", ", faces.Select(face => $"{face.Presence:F3}"))}");
        Assert.Equal(count, faces.Count);
        Assert.All(errors, error => Assert.InRange(error, 0, 10));
        Assert.Equal(Enumerable.Range(1, count).Select(number => (int?)number), faces.Select(face => face.Face));
        // As large as the head appears: where two differ clearly, the truth says which comes first.
        var order = faces.Select(found => Array.FindIndex(truth, face => Apart(face, Points(found)) < 10)).Select(index => heights[index]).ToArray();
        Assert.All(order.Zip(order.Skip(1)), pair => Assert.True(pair.First > 0.8f * pair.Second));
    }

    [TrainedModelFact]
    public void A_face_is_chosen_by_its_number()
    {
        var (picture, _) = heads.Scene(seed: 5, 0.35f, 0.2f);
        var all = heads.Pipeline.Landmarks([picture], Standard, allFaces: true);
        var second = heads.Pipeline.Landmarks([picture], Standard with { Face = 2 }).Single();
        Assert.Equal(2, second.Face);
        Assert.Equal(Points(all[1]), Points(second));

        var fault = Assert.Throws<InputException>(() => heads.Pipeline.Landmarks([picture], Standard with { Face = 3 }));
        Assert.Equal("'scene.png' shows 2 faces; there is no face 3. Choose 1 to 2; 1 is the largest.", fault.Message);

        var face = heads.Pipeline.Build([picture], Standard with { Face = 2, TextureSize = 512 });
        Assert.Equal(Points(all[1]), Points(face.Views.Single().Landmarks));
        // The mesh is not drawn over the first, but its frame and number are.
        var overlay = PhotoDecoder.Decode(new PhotoFile("overlay.jpg", face.Views.Single().Overlay));
        var (low, high) = (Points(all[0]).Aggregate(Vector2.Min), Points(all[0]).Aggregate(Vector2.Max));
        var around = (high - low) / 2;
        int framed = Enumerable.Range(0, overlay.Width * overlay.Height).Count(pixel =>
            Inside(new Vector2(pixel % overlay.Width, pixel / overlay.Width), low - around, high + around)
            && Math.Abs(overlay.Pixels[pixel * 3] - 150) + Math.Abs(overlay.Pixels[(pixel * 3) + 1] - 235) + Math.Abs(overlay.Pixels[(pixel * 3) + 2] - 255) < 20);
        Assert.InRange(framed, 500, 20_000);
    }

    [TrainedModelFact]
    public void A_photo_of_one_face_gives_the_same_landmarks_searched_or_not()
    {
        foreach (var photo in heads.Photos)
        {
            var quick = heads.Pipeline.Landmarks([photo], Standard).Single();
            Assert.Null(quick.Face);
            Assert.DoesNotContain("\"face\"", System.Text.Encoding.UTF8.GetString(ViewLandmarks.ToJson([quick])), StringComparison.Ordinal);
            var searched = heads.Pipeline.Landmarks([photo], Standard, allFaces: true).Single();
            Assert.Equal(ViewLandmarks.ToJson([quick]), ViewLandmarks.ToJson([searched with { Face = null }]));
        }
    }

    [TrainedModelFact]
    public void Where_one_look_finds_no_face_the_largest_is_found_by_searching()
    {
        // Two equal faces: the transformer looks between them.
        var (picture, truth) = heads.Scene(seed: 52, 0.25f, 0.25f);
        var found = heads.Pipeline.Landmarks([picture], Standard).Single();
        Assert.InRange(truth.Min(face => Apart(face, Points(found))), 0, 10);
    }

    [TrainedModelTheory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void A_picture_without_a_face_is_refused_however_it_is_asked(int seed)
    {
        var picture = new Collage(800, 600).Background(seed).File("texture.png");
        foreach (int? face in (int?[])[null, 1])
        {
            var fault = Assert.Throws<InputException>(() => heads.Pipeline.Landmarks([picture], Standard with { Face = face }));
            Assert.Contains("'texture.png': no face was found", fault.Message, StringComparison.Ordinal);
        }
        Assert.Throws<InputException>(() => heads.Pipeline.Landmarks([picture], Standard, allFaces: true));
    }

    private static bool Inside(Vector2 point, Vector2 low, Vector2 high) => point.X >= low.X && point.Y >= low.Y && point.X <= high.X && point.Y <= high.Y;

    private static Vector2[] Points(ViewLandmarks view) => [.. view.Landmarks.Select(mark => new Vector2(mark.X, mark.Y))];

    // Per cent of the outer eyes' distance from each inner landmark to the nearest found: a mirrored face has them elsewhere in the list.
    private static double Apart(Vector2[] truth, Vector2[] found) =>
        100 * truth.Skip(17).Average(point => found.Skip(17).Min(other => Vector2.Distance(point, other))) / Vector2.Distance(truth[36], truth[45]);

    /// <summary>The example portrait and the synthetic capture's views, with the landmarks that the model gives each alone.</summary>
    public sealed class Heads : IDisposable
    {
        private const int Width = 1200, Height = 1000;

        private readonly (Photo Photo, Vector2[] Points)[] _heads;

        public Heads()
        {
            string examples = Path.Combine(Repository.Root, "examples");
            string[] files = [Path.Combine(examples, "photos", "astronaut.png"), .. Directory.GetFiles(Path.Combine(examples, "captures", "synthetic"), "*.jpg").Order(StringComparer.Ordinal)];
            Photos = [.. files.Select(file => new PhotoFile(Path.GetFileName(file), File.ReadAllBytes(file)))];
            _heads = [.. Photos.Zip(Pipeline.Landmarks(Photos, Standard), (file, view) => (PhotoDecoder.Decode(file), Points(view)))];
        }

        public FacePipeline Pipeline { get; } = FacePipeline.Load();
        public IReadOnlyList<PhotoFile> Photos { get; }

        /// <summary>Heads turned by up to 30 degrees, some mirrored, tinted, none over another.</summary>
        /// <param name="heights">Brows to chin, parts of the picture's height.</param>
        public (PhotoFile Picture, Vector2[][] Truth) Scene(int seed, params float[] heights)
        {
            var random = new Random(seed);
            float Between(float low, float high) => low + (random.NextSingle() * (high - low));
            var collage = new Collage(Width, Height).Background(seed);
            var truth = new List<Vector2[]>();
            // Each head somewhere in a cell of its own.
            var cell = new Vector2(heights.Length > 1 ? Width / 2 : Width, heights.Length > 2 ? Height / 2 : Height);
            for (int i = 0; i < heights.Length; i++)
            {
                var (photo, points) = _heads[random.Next(_heads.Length)];
                var (low, high) = (points.Aggregate(Vector2.Min), points.Aggregate(Vector2.Max));
                var (middle, tall) = ((low + high) / 2, high.Y - low.Y);
                var head = new Vector2(0.65f, 0.8f); // Half of it, in units of brows to chin.
                float scale = heights[i] * Height / tall;
                var free = Vector2.Max(Vector2.Zero, (cell / 2) - (head * tall * scale));
                var at = (cell * new Vector2(0.5f + (i % 2), 0.5f + (i / 2))) + (free * new Vector2(Between(-1, 1), Between(-1, 1)));
                var place = Matrix3x2.CreateTranslation(-middle) * Matrix3x2.CreateScale(random.Next(2) == 0 ? scale : -scale, scale)
                    * Matrix3x2.CreateRotation(Between(-0.5f, 0.5f)) * Matrix3x2.CreateTranslation(at);
                // A little higher than the landmarks' middle: over the brows there is a forehead.
                collage.Paste(photo, middle - new Vector2(0, 0.12f * tall), head * tall, place, new Vector3(Between(0.75f, 1.2f), Between(0.75f, 1.2f), Between(0.75f, 1.2f)));
                truth.Add([.. points.Select(point => Vector2.Transform(point, place))]);
            }
            return (collage.File("scene.png"), [.. truth]);
        }

        public void Dispose() => Pipeline.Dispose();
    }
}
