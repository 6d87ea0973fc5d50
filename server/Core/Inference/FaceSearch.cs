using System.Numerics;
using MeshFromFaces.Core.Geometry;
using MeshFromFaces.Core.Imaging;

namespace MeshFromFaces.Core.Inference;

/// <summary>One of the faces of a photo.</summary>
/// <param name="Centre">The middle of the face in the photo.</param>
/// <param name="Head">The middle of the head, between the ears, in the photo.</param>
/// <param name="Radius">Photo pixels that <see cref="FaceSearch.HalfFace"/> spans at the head's depth: how large the head appears, whichever way it looks.</param>
internal sealed record FaceSpot(SeenFace Face, PixelPoint Centre, PixelPoint Head, float Radius);

/// <summary>
/// The faces of a photo, without a detector. Where a look at the whole leaves doubt, the encoder looks around for one; to find
/// all, the transformer looks at overlapping tiles of the photo as it looks at the whole. Whoever is present there and certain of
/// its landmarks is a face.
/// </summary>
internal sealed class FaceSearch(FaceModel model)
{
    /// <summary>About half a face's width, metres.</summary>
    public const float HalfFace = 0.08f;

    // Sides of the tiles, of the photo's longer side, each row half a tile from the next: faces from about 4 % of the
    // photo's height, and of several side by side each has a tile to itself.
    private static readonly float[] TileSides = [1 / 2f, 1 / 4f];

    // A face whose crop is off by more than this after the second look, too, in half sides, may be none: looks around tell. As in
    // the training package's faces.py.
    private const float CropDoubtful = 0.12f;

    // A crop of fewer photo pixels a side shows too little to tell a face by.
    private const float SmallestCrop = 32;

    // Crops that the encoder looks around from, of the side and turned by the degrees of the one in doubt, and how often each is
    // then moved to where the encoder saw the face. As in the training package's faces.py. Of 5,000 rendered heads that weights
    // 0.11.0 had not seen, 74 leave doubt; tiles alone find 38 of them, looking around first finds 51 (without the rule that some
    // agree, and by a sigma of 0.028 in the style render), all but one to within 10 % of the outer eyes' distance. Smaller crops, and
    // crops turned by 90 degrees, take as long and make the landmarks no better.
    private static readonly float[] AroundSides = [1, 1.6f, 2.2f], AroundRolls = [-45, 0, 45];
    private const int AroundSteps = 3;

    // Where these show none, it looks beside that crop: larger ones, moved this far of their half sides to the eight sides, turned
    // likewise. Of 2,468 rendered heads that weights 0.16.0 had not seen, the first look shows none of nine that the encoder knows
    // when it is shown them. Looks around and tiles find six of these, with those beside it is eight, by 0.17.0, too.
    private const float BesideSide = 2.4f, BesideAway = 0.6f;

    // So many of these crops come to rest at a face, less than so far apart, in half sides of a crop; a face draws most. Of 546
    // pictures without a face 22 show one to some crop of weights 0.14.0's, seven of them to two or more, two to three or more.
    private const int AroundAgree = 3;
    private const float AroundApart = 0.1f;

    // Two heads' centres are a head's width apart, or the nearer one hides the other. What is found this near a head's centre,
    // in half faces, is the same face again, or, where it is much smaller, an ear or a mouth taken for one.
    private const float Cover = 1.4f, Alike = 0.7f;

    // Its sigma stands for the face's: from the brows to the lower lip of the canonical chart.
    private static readonly Uv[] Probe = [.. from v in Enumerable.Range(0, 8) from u in Enumerable.Range(0, 8) select new Uv(0.2f + (0.6f * u / 7), 0.2f + (0.6f * v / 7))];

    private readonly float[] _style = StyleWeights.Parse(null, model.Card);

    private float SearchSigma => (float)model.Card.SearchSigma;

    /// <summary>
    /// The face that draws a look at the whole photo. If none is present there, or the encoder sees it far from the middle of the
    /// crop even so, it is the surest on which several crops around, larger and rolled, agree, or else, if none is present, several
    /// crops beside.
    /// </summary>
    public SeenFace Look(Photo photo)
    {
        var seen = model.Look(photo);
        if (!IsPresent(seen))
        {
            return SurestOf(photo, Around(seen.Theta), SearchSigma) ?? SurestOf(photo, Beside(seen.Theta), SearchSigma) ?? seen;
        }
        bool isDoubtful = FaceFrame.Off(FaceFrame.Of(seen.Encoding.Pose)) is > CropDoubtful;
        return (isDoubtful ? SurestOf(photo, Around(seen.Theta), Sigma(seen, photo)) : null) ?? seen;
    }

    private static IEnumerable<Theta> Around(Theta crop) => AroundSides.SelectMany(side => Turned(crop.Zoom(side)));

    private static IEnumerable<Theta> Beside(Theta crop) =>
        from y in (int[])[-1, 0, 1]
        from x in (int[])[-1, 0, 1]
        where (x, y) != (0, 0)
        from turned in Turned(crop.Zoom(BesideSide).After(new Theta(1, 0, BesideAway * x, 0, 1, BesideAway * y)))
        select turned;

    private static IEnumerable<Theta> Turned(Theta crop) => AroundRolls.Select(crop.Roll);

    // The surest face, by a smaller sigma than this, at which enough of the crops come to rest.
    private SeenFace? SurestOf(Photo photo, IEnumerable<Theta> crops, float sigma)
    {
        Theta[] starts = [.. crops];
        var looks = new SeenFace[starts.Length];
        SideBySide.For(starts.Length, i => looks[i] = model.Settle(photo, starts[i], AroundSteps));
        SeenFace[] shown = [.. looks.Where(look => IsPresent(look) && IsLargeEnough(look, photo))];
        return shown.Where(look => shown.Count(other => Apart(look.Theta, other.Theta) < AroundApart) >= AroundAgree)
            .Select(look => (Look: look, Sigma: Sigma(look, photo)))
            .Where(look => look.Sigma < sigma)
            .DefaultIfEmpty()
            .MinBy(look => look.Sigma).Look;
    }

    /// <param name="whole">What the look at the whole photo found. Needs its presence alone, and is preferred to a tile's
    /// look at the same face, so that a photo of one face gives what it gives without a search.</param>
    /// <param name="report">Called with the part that is done, 0..1, from any thread; may throw to end the search.</param>
    /// <returns>Largest first; those of one size from left to right.</returns>
    public IReadOnlyList<FaceSpot> FindAll(Photo photo, SeenFace whole, Action<double> report)
    {
        Theta[] tiles = [.. TileSides.SelectMany(side => Tiles(photo, side))];
        var seen = new SeenFace[tiles.Length];
        int done = 0;
        SideBySide.For(tiles.Length, i =>
        {
            seen[i] = model.Glance(photo, tiles[i]);
            report((double)Interlocked.Increment(ref done) / tiles.Length);
        });
        var proposals = seen.Prepend(whole)
            .Where(face => IsPresent(face) && (face == whole || IsLargeEnough(face, photo)))
            .Select(face => (Face: face, Answers: model.Predict(face.Encoding, Probe, _style, photo.Name)))
            .Select(proposal => (proposal.Face, proposal.Answers.Head, Sigma: proposal.Face == whole ? 0 : proposal.Answers.Sigma.Average()))
            .Where(proposal => proposal.Sigma <= SearchSigma)
            .Select(proposal => (Spot: Locate(photo, proposal.Face, proposal.Head), proposal.Sigma))
            .Where(proposal => proposal.Spot.Radius > 0)
            .OrderByDescending(proposal => proposal.Spot.Radius);
        var heads = new List<List<(FaceSpot Spot, float Sigma)>>(); // The largest look at each comes first.
        foreach (var proposal in proposals)
        {
            var head = heads.Find(head => Covers(head[0].Spot, proposal.Spot));
            if (head is null)
            {
                heads.Add([proposal]);
            }
            else if (proposal.Spot.Radius >= Alike * head[0].Spot.Radius)
            {
                head.Add(proposal);
            }
        }
        return [.. heads.Select(head => head.MinBy(look => look.Sigma).Spot).OrderByDescending(face => face.Radius).ThenBy(face => face.Centre.X)];
    }

    // Squares whose centre lies in the photo: tile to photo, both in [-1, 1] of their squares.
    private static IEnumerable<Theta> Tiles(Photo photo, float side)
    {
        float square = photo.SquareSide;
        if (square * side < PhotoDecoder.MinSide)
        {
            yield break; // Fewer pixels than a photo must have.
        }
        int steps = (int)Math.Round((1 - side) / side * 2);
        for (int row = 0; row <= steps; row++)
        {
            for (int column = 0; column <= steps; column++)
            {
                var (x, y) = ((side * (column + 1)) - 1, (side * (row + 1)) - 1);
                if (MathF.Abs(x) <= photo.Width / square && MathF.Abs(y) <= photo.Height / square)
                {
                    yield return new Theta(side, 0, x, 0, side, y);
                }
            }
        }
    }

    private bool IsPresent(SeenFace face) => face.Encoding.Presence >= model.Card.PresenceThreshold;

    private static bool IsLargeEnough(SeenFace face, Photo photo) => face.Theta.Scale * photo.SquareSide >= SmallestCrop;

    private static float Apart(Theta crop, Theta other) => Vector2.Distance(new(crop.X0, crop.Y0), new(other.X0, other.Y0)) / crop.Scale;

    private float Sigma(SeenFace face, Photo photo) => model.Predict(face.Encoding, Probe, _style, photo.Name).Sigma.Average();

    private static FaceSpot Locate(Photo photo, SeenFace face, Vector3[] head)
    {
        var camera = new PhotoCamera(face.Encoding.Pose, face.Theta, photo.Width, photo.Height);
        PixelPoint[] points = [.. head.Select(camera.Project)];
        return new FaceSpot(face, new PixelPoint(points.Average(point => point.X), points.Average(point => point.Y)), camera.Project(Vector3.Zero), camera.PixelsPerMetre * HalfFace);
    }

    private static bool Covers(FaceSpot larger, FaceSpot smaller) =>
        Vector2.Distance(new(larger.Head.X, larger.Head.Y), new(smaller.Centre.X, smaller.Centre.Y)) < Cover * larger.Radius;
}
