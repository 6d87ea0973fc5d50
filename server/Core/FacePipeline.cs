using System.Globalization;
using System.Numerics;
using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using MeshFromFaces.Core.Export;
using MeshFromFaces.Core.Geometry;
using MeshFromFaces.Core.Imaging;
using MeshFromFaces.Core.Inference;
using MeshFromFaces.Core.Texturing;

namespace MeshFromFaces.Core;

/// <summary>
/// Photos in, a posed and textured face out. Loaded once, used for many captures; safe to call from several threads.
/// </summary>
public sealed class FacePipeline : IDisposable
{
    public const int MaxViews = 64;

    // Of a face's crop: where it is looked for in the next frame of a video.
    private const float FollowZoom = 1.6f;

    // Nearer than this the projection is meaningless.
    private const float NearestDepth = 0.02f; // m

    private readonly FaceModel _model;
    private readonly FaceSearch _search;
    private readonly Dictionary<string, Topology> _topologies;
    private readonly Dictionary<string, Layout> _layouts;
    private readonly PhotoLimits _limits;
    private AtlasMap? _lastMap; // The next capture mostly wants the same.

    private FacePipeline(FaceModel model, Dictionary<string, Topology> topologies, Dictionary<string, Layout> layouts, string hash, PhotoLimits limits)
    {
        (_model, _search, _topologies, _layouts, Hash, _limits) = (model, new FaceSearch(model), topologies, layouts, hash, limits);
        Topologies = [.. topologies.Keys.Order(StringComparer.Ordinal)];
        Layouts = [.. layouts.Keys.Append(Layout.Dense).Order(StringComparer.Ordinal)];
    }

    public static string DefaultModelFolder => Path.Combine(AppContext.BaseDirectory, "models", "compact");
    public static string DefaultCanonicalFolder => Path.Combine(AppContext.BaseDirectory, "models", "canonical");

    public ModelCard Model => _model.Card;

    /// <summary>SHA-256 (lower-case hex) over the model, the topologies and the layouts: what decides a result beside photos and options.</summary>
    public string Hash { get; }

    public IReadOnlyList<string> Layouts { get; }
    public IReadOnlyList<string> Topologies { get; }

    /// <summary>The queries of one of <see cref="Layouts"/>; null for an unknown name, and for <c>dense</c>, which has none of its own.</summary>
    public Layout? FindLayout(string name) => _layouts.GetValueOrDefault(name);

    /// <summary>Where inference runs, for the log: "CUDA", or "CPU" (with the reason, if CUDA was there but failed).</summary>
    public string Device => _model.Device;

    /// <summary>This library's version, as the GLB names it.</summary>
    public static string Version { get; } = typeof(FacePipeline).Assembly.GetName().Version!.ToString(3);

    /// <summary>Loads a model and the canonical face; null takes the folders that come beside the executable.</summary>
    /// <param name="modelFolder">A folder with the three graphs and model.json.</param>
    /// <param name="canonicalFolder">A folder with topologies/*.obj and layouts/*.json.</param>
    /// <param name="photoLimits">Null takes the standard ones.</param>
    /// <exception cref="InputException">A folder or a file in it is missing or broken; the message says which.</exception>
    public static FacePipeline Load(string? modelFolder = null, string? canonicalFolder = null, PhotoLimits? photoLimits = null)
    {
        string canonical = canonicalFolder ?? DefaultCanonicalFolder;
        string[] topologyFiles = Files(canonical, "topologies", "*.obj"), layoutFiles = Files(canonical, "layouts", "*.json");
        var topologies = topologyFiles.ToDictionary(
            path => Path.GetFileNameWithoutExtension(path), path => TopologyReader.Read(Path.GetFileNameWithoutExtension(path), File.ReadAllText(path)));
        var layouts = layoutFiles.Select(path => Layout.Read(path, File.ReadAllBytes(path))).ToDictionary(layout => layout.Name);
        var model = new FaceModel(modelFolder ?? DefaultModelFolder);
        return new FacePipeline(model, topologies, layouts, HashOf(model.Card, [.. topologyFiles, .. layoutFiles]), photoLimits ?? PhotoLimits.Standard);
    }

    /// <summary>Throws an <see cref="InputException"/> that names the option and the allowed values if one is out of range or unknown.</summary>
    public void Validate(FaceOptions options)
    {
        if (options.TextureSize is < FaceOptions.MinTextureSize or > FaceOptions.MaxTextureSize || !BitOperations.IsPow2(options.TextureSize))
        {
            throw new InputException($"A texture size of {options.TextureSize} is not possible; use 512, 1024, 2048, 4096 or 8192.");
        }
        RequireKnown("topology", options.Topology, Topologies);
        RequireKnown("layout", options.Layout, Layouts);
        StyleWeights.Parse(options.Style, Model);
        if (options.Face < 1)
        {
            throw new InputException($"There is no face {options.Face}: faces are numbered from 1, the largest.");
        }
    }

    /// <summary>The landmarks of each photo, in the order given.</summary>
    /// <param name="allFaces">Of every face of each photo, largest first, whatever <see cref="FaceOptions.Face"/> says.</param>
    /// <param name="skipped">Told of each photo left out under <see cref="FaceOptions.SkipBadViews"/>, and why.</param>
    /// <exception cref="InputException">A photo or an option is at fault.</exception>
    public IReadOnlyList<ViewLandmarks> Landmarks(
        IReadOnlyList<PhotoFile> photos,
        FaceOptions options,
        IProgress<PipelineProgress>? progress = null,
        Action<SkippedView>? skipped = null,
        bool allFaces = false,
        CancellationToken cancellation = default)
    {
        Validate(options);
        var clock = new StageClock([("Reading photos", 0.6), ("Finding faces", 0.15), ("Fitting the face", 0.15), ("Checking visibility", 0.1)], progress, cancellation);
        var capture = new Capture(options.SkipBadViews);
        var topology = ChooseTopology(options);
        var layout = ChooseLayout(options, topology);

        var views = clock.Run(report => Read(photos, capture, report, cancellation));
        var faces = clock.Run(report => FindFaces(views, options.Face, allFaces, capture, report, cancellation));
        var fits = clock.Run(report => Fit(faces, topology, layout, options, capture, report));
        var places = topology.Locate(layout.Queries);
        var landmarks = clock.Run(report => Each(fits, report, fit => Describe(fit, layout, places, Sight(fit))));
        foreach (var view in capture.Skipped)
        {
            skipped?.Invoke(view);
        }
        return landmarks;
    }

    /// <summary>
    /// The landmarks of a video, frame by frame as they are asked for; no more than a frame is held. Each frame gives what it
    /// would give as a photo. With <see cref="FaceOptions.Face"/>, though, the face chosen is followed: where it was in
    /// the frame before is looked at first, and only where it is lost are all faces searched again.
    /// </summary>
    /// <returns>One a frame, in their order; a frame at fault says why, and the next is taken.</returns>
    /// <exception cref="InputException">An option is at fault.</exception>
    public IEnumerable<FrameLandmarks> Follow(IEnumerable<Frame> frames, FaceOptions options, CancellationToken cancellation = default)
    {
        Validate(options);
        var topology = ChooseTopology(options);
        var layout = ChooseLayout(options, topology);
        var places = topology.Locate(layout.Queries);
        FoundFace? last = null;
        return frames.Select(frame =>
        {
            cancellation.ThrowIfCancellationRequested();
            try
            {
                var capture = new Capture(skipBadViews: false);
                var view = new View(0, "", frame.Read());
                var face = FindAgain(view, last) ?? FindFaces([view], options.Face, false, capture, _ => cancellation.ThrowIfCancellationRequested(), cancellation).Single();
                var fit = Fit([face], topology, layout, options, capture, _ => { }).Single();
                last = options.Face is null ? null : face;
                return new FrameLandmarks(frame.Number, frame.Time, Describe(fit, layout, places, Sight(fit)), null);
            }
            catch (InputException fault)
            {
                last = null;
                return new FrameLandmarks(frame.Number, frame.Time, null, fault.Message);
            }
        });
    }

    /// <summary>One mesh with one texture from all photos.</summary>
    /// <exception cref="InputException">A photo or an option is at fault.</exception>
    public Face Build(
        IReadOnlyList<PhotoFile> photos,
        FaceOptions options,
        IProgress<PipelineProgress>? progress = null,
        CancellationToken cancellation = default)
    {
        Validate(options);
        var clock = new StageClock(UsualTimes(photos, options), progress, cancellation);
        var capture = new Capture(options.SkipBadViews);
        var topology = ChooseTopology(options);
        var layout = ChooseLayout(options, topology);

        var views = clock.Run(report => Read(photos, capture, report, cancellation));
        var faces = clock.Run(report => FindFaces(views, options.Face, false, capture, report, cancellation));
        var fits = clock.Run(report => Fit(faces, topology, layout, options, capture, report));
        var blend = new TextureBlend(options.TextureSize);
        var maps = clock.Run(report => Unwrap(fits, topology, layout, options, blend, report, cancellation));
        var atlas = clock.Run(report => blend.Average(report, cancellation));
        var (glb, texture) = clock.Run(_ =>
        {
            var mesh = Mesh.Combine(topology, [.. fits.Select(fit => fit.Mesh.Head)], [.. fits.Select(fit => fit.Sigma)], [.. maps.Select(map => map.Visible)]);
            return Write(mesh, atlas, fits, options, cancellation);
        });
        return new Face(glb, texture, [.. InOrder(fits, maps).Select(map => map.View)], capture.Skipped, clock.Times);
    }

    public void Dispose() => _model.Dispose();

    // Milliseconds of processor, as `tests/Benchmarks -- stages` measured them over one to four photos of 0.3 to 8
    // megapixels and atlases of 512 to 4096 texels. What reading a photo costs is told by its bytes, known before any work.
    private static (string Stage, double Weight)[] UsualTimes(IReadOnlyList<PhotoFile> photos, FaceOptions options)
    {
        double views = photos.Count, megabytes = photos.Sum(photo => photo.Bytes.Length / 1e6);
        double megatexels = (double)options.TextureSize * options.TextureSize / 1e6;
        return
        [
            ("Reading photos", (5 * views) + (13 * megabytes)),
            ("Finding faces", 22 * views),
            ("Fitting the face", 19 * views),
            ("Unwrapping photos", (100 * views) + (40 * views * megatexels)),
            ("Filling the texture", 20 + (35 * megatexels)),
            ("Writing the mesh", 10 + (13 * megatexels)),
        ];
    }

    // One photo of the capture. They are worked on in the order of their content's hash, so that the order in which they
    // were given can change no rounding; Index, the place in that order, brings results back to it.
    private sealed record View(int Index, string Hash, Photo Photo);

    // Number and All (in the order of the numbers) are known only of a photo that was searched for all its faces.
    private sealed record FoundFace(View View, SeenFace Face, int? Number, IReadOnlyList<FaceSpot> All);

    private sealed record FittedView(FoundFace Found, PhotoCamera Camera, Mesh Mesh, float[] Sigma, Answers Landmarks)
    {
        public View View => Found.View;
    }

    private sealed record UnwrappedView(bool[] Visible, FaceView View);

    private List<View> Read(IReadOnlyList<PhotoFile> photos, Capture capture, Action<double> report, CancellationToken cancellation)
    {
        if (photos.Count is < 1 or > MaxViews)
        {
            throw new InputException($"{photos.Count} photos were given; 1 to {MaxViews} photos of one face are needed.");
        }
        var views = new View?[photos.Count];
        long pixels = 0;
        int done = 0;
        capture.ForEach(photos.Count, i => photos[i].Name, i =>
        {
            if (Interlocked.Read(ref pixels) > _limits.CapturePixels)
            {
                return; // Refused below; no need to fill the memory first.
            }
            var photo = PhotoDecoder.Decode(photos[i], _limits, cancellation);
            Interlocked.Add(ref pixels, (long)photo.Width * photo.Height);
            views[i] = new View(i, Convert.ToHexString(SHA256.HashData(photos[i].Bytes)), photo);
            report((double)Interlocked.Increment(ref done) / photos.Count);
        });
        if (pixels > _limits.CapturePixels)
        {
            throw new InputException($"The photos have more than {_limits.CapturePixels / 1e6:0.#} megapixels together. Use fewer or smaller photos.");
        }
        capture.RequireOne(views.Count(view => view is not null));
        return [.. views.OfType<View>().OrderBy(view => view.Hash, StringComparer.Ordinal)];
    }

    private List<FoundFace> FindFaces(List<View> views, int? number, bool all, Capture capture, Action<double> report, CancellationToken cancellation)
    {
        var faces = new FoundFace[views.Count][];
        var done = new double[views.Count];
        void Done(int view, double part)
        {
            done[view] = part;
            report(done.Average());
        }
        capture.ForEach(views.Count, i => views[i].Photo.Name, i =>
        {
            faces[i] = [];
            cancellation.ThrowIfCancellationRequested();
            var view = views[i];
            var whole = _search.Look(view.Photo);
            if (number is null && !all && whole.Encoding.Presence >= Model.PresenceThreshold)
            {
                faces[i] = [new FoundFace(view, whole, null, [])];
                Done(i, 1);
                return;
            }
            var found = _search.FindAll(view.Photo, whole, part => Done(i, part));
            RequireFace(view.Photo.Name, found.Count, number ?? 1, whole.Encoding.Presence);
            var numbered = found.Select((spot, n) => new FoundFace(view, spot.Face, n + 1, found));
            faces[i] = [.. all ? numbered : numbered.Skip((number ?? 1) - 1).Take(1)];
        });
        capture.RequireOne(faces.Count(found => found.Length > 0));
        return [.. faces.SelectMany(found => found)];
    }

    // Where it was in the frame before, with as much around it as it may have moved.
    private FoundFace? FindAgain(View view, FoundFace? last)
    {
        if (last is null)
        {
            return null;
        }
        var face = _model.Look(view.Photo, last.Face.Theta.Zoom(FollowZoom));
        return face.Encoding.Presence >= Model.PresenceThreshold ? last with { View = view, Face = face } : null;
    }

    private void RequireFace(string name, int found, int number, double presence)
    {
        if (found == 0)
        {
            throw new InputException(string.Create(CultureInfo.InvariantCulture,
                $"'{name}': no face was found (presence {presence:F3}, at least {Model.PresenceThreshold:F3} is needed). Use a photo in which the face is whole, upright and at least a tenth of the picture wide."));
        }
        if (number > found)
        {
            throw new InputException($"'{name}' shows {(found == 1 ? "1 face" : $"{found} faces")}; there is no face {number}. Choose {(found == 1 ? "1" : $"1 to {found}")}; 1 is the largest.");
        }
    }

    private List<FittedView> Fit(List<FoundFace> faces, Topology topology, Layout layout, FaceOptions options, Capture capture, Action<double> report)
    {
        bool dense = layout.Queries == topology.Vertices;
        Uv[] queries = dense ? [.. topology.Vertices] : [.. topology.Vertices, .. layout.Queries];
        float[] style = StyleWeights.Parse(options.Style, Model);
        int vertices = topology.Vertices.Length;
        var fits = new FittedView?[faces.Count];
        int done = 0;
        capture.ForEach(faces.Count, i => faces[i].View.Photo.Name, i =>
        {
            var (view, (theta, encoding)) = (faces[i].View, faces[i].Face);
            var camera = new PhotoCamera(encoding.Pose, theta, view.Photo.Width, view.Photo.Height);
            var answers = _model.Predict(encoding, queries, style, view.Photo.Name);
            RequireInFront(camera, answers.Head, view.Photo.Name);
            var landmarks = dense ? answers : new Answers(answers.Head[vertices..], answers.Sigma[vertices..]);
            fits[i] = new FittedView(faces[i], camera, new Mesh(topology, answers.Head[..vertices]), answers.Sigma[..vertices], landmarks);
            report((double)Interlocked.Increment(ref done) / faces.Count);
        });
        capture.RequireOne(fits.Count(fit => fit is not null));
        return [.. fits.OfType<FittedView>()];
    }

    // The fit is off by about its sigma, and past an outline the photo shows what is behind it.
    private static float[] Margins(FittedView fit)
    {
        const float Sigmas = 2, Most = 0.008f; // m
        return [.. fit.Sigma.Select(sigma => Math.Min(Sigmas * sigma * fit.Camera.PixelsPerFaceUnit, Most * fit.Camera.PixelsPerMetre))];
    }

    // Views run side by side: their sums are exact, so it does not matter which comes first. The largest atlases go one by
    // one, as each takes a quarter of a gigabyte.
    private List<UnwrappedView> Unwrap(
        List<FittedView> fits, Topology topology, Layout layout, FaceOptions options, TextureBlend blend, Action<double> report, CancellationToken cancellation)
    {
        var map = MapOf(topology, options.TextureSize, cancellation);
        var views = new UnwrappedView[fits.Count];
        const int Steps = 3; // Of a view: colours, overlay, PNG.
        var places = topology.Locate(layout.Queries);
        int done = 0;
        void Step() => report((double)Interlocked.Increment(ref done) / (Steps * fits.Count));
        var parallel = new ParallelOptions
        {
            CancellationToken = cancellation,
            MaxDegreeOfParallelism = options.TextureSize > 4096 ? 1 : Math.Min(4, Environment.ProcessorCount),
        };
        Parallel.For(0, fits.Count, parallel, i =>
        {
            var (fit, photo) = (fits[i], fits[i].View.Photo);
            var depth = new DepthBuffer(fit.Camera, fit.Mesh);
            var sight = depth.Side < DepthBuffer.QuerySide ? Sight(fit) : depth;
            var atlas = ViewTexture.Unwrap(photo, fit.Mesh, depth, map, Margins(fit), cancellation);
            lock (blend)
            {
                blend.Add(atlas);
            }
            Step();
            var landmarks = Describe(fit, layout, places, sight);
            var overlay = Overlay.Draw(
                photo, fit.Mesh, depth, [.. landmarks.Landmarks.Select(mark => (new PixelPoint(mark.X, mark.Y), mark.Visible))],
                [.. fit.Found.All.Select(spot => (spot.Centre, spot.Radius))], fit.Found.Number, cancellation);
            Step();
            var texture = PictureEncoder.Png(atlas.Rgba, atlas.Size, atlas.Size, cancellation);
            views[i] = new UnwrappedView([.. fit.Mesh.Head.Zip(fit.Mesh.Normals(), sight.Sees)], new FaceView(landmarks, texture, overlay));
            Step();
        });
        return [.. views];
    }

    private (byte[] Glb, byte[] Texture) Write(Mesh mesh, Atlas atlas, List<FittedView> fits, FaceOptions options, CancellationToken cancellation)
    {
        byte[] texture = [];
        byte[] glb = [];
        Parallel.Invoke(
            new ParallelOptions { CancellationToken = cancellation },
            () => texture = PictureEncoder.Png(atlas.Rgba, atlas.Size, atlas.Size, cancellation),
            // JPEG: a tenth of the PNG's size, and every reader of glTF has it.
            () => glb = GlbWriter.Write(
                mesh,
                PictureEncoder.Jpeg(atlas.Rgb(), atlas.Size, atlas.Size, cancellation),
                [.. fits.OrderBy(fit => fit.View.Index).Select(fit => new GlbView(fit.View.Photo.Name, fit.Camera, fit.View.Photo.Orientation))],
                $"MeshFromFaces {Version}",
                Extras(options)));
        return (glb, texture);
    }

    private JsonObject Extras(FaceOptions options)
    {
        var chosen = new JsonObject
        {
            ["textureSize"] = options.TextureSize,
            ["topology"] = options.Topology,
            ["layout"] = options.Layout,
            ["style"] = options.Style ?? Model.DefaultStyle,
            ["skipBadViews"] = options.SkipBadViews,
        };
        if (options.Face is { } face)
        {
            chosen["face"] = face;
        }
        return new JsonObject
        {
            ["tool"] = "MeshFromFaces",
            ["version"] = Version,
            ["model"] = new JsonObject { ["name"] = Model.Name, ["version"] = Model.Version, ["hash"] = Model.Hash },
            ["options"] = chosen,
        };
    }

    private static DepthBuffer Sight(FittedView fit) => new(fit.Camera, fit.Mesh, DepthBuffer.QuerySide);

    private static ViewLandmarks Describe(FittedView fit, Layout layout, SurfacePoint[] places, DepthBuffer sight)
    {
        var (camera, answers, normals) = (fit.Camera, fit.Landmarks, fit.Mesh.Normals());
        var landmarks = new Landmark[answers.Head.Length];
        for (int i = 0; i < landmarks.Length; i++)
        {
            var head = answers.Head[i];
            var point = camera.Project(head);
            landmarks[i] = new Landmark(point.X, point.Y, [head.X, head.Y, head.Z], answers.Sigma[i] * camera.PixelsPerFaceUnit, sight.Sees(head, places[i].Of(normals)));
        }
        var translation = camera.Pose.Translation;
        return new ViewLandmarks(
            fit.View.Photo.Name, fit.Found.Number, camera.Width, camera.Height, fit.Found.Face.Encoding.Presence, layout.Name, landmarks,
            camera.Theta.ToArray(), camera.Pose.RotationArray(), [translation.X, translation.Y, translation.Z], camera.Pose.FocalMm);
    }

    private static T[] Each<T>(List<FittedView> fits, Action<double> report, Func<FittedView, T> describe)
    {
        var results = new List<T>();
        foreach (var fit in fits)
        {
            results.Add(describe(fit));
            report((double)results.Count / fits.Count);
        }
        return InOrder(fits, results);
    }

    private static T[] InOrder<T>(List<FittedView> fits, IReadOnlyList<T> results) =>
        [.. fits.Zip(results).OrderBy(pair => pair.First.View.Index).Select(pair => pair.Second)];

    private AtlasMap MapOf(Topology topology, int size, CancellationToken cancellation)
    {
        var map = _lastMap;
        if (map is null || map.Topology != topology || map.Size != size)
        {
            _lastMap = map = AtlasMap.Make(topology, size, cancellation);
        }
        return map;
    }

    private Topology ChooseTopology(FaceOptions options)
    {
        if (options.TopologyFile is not { } path)
        {
            return _topologies[options.Topology];
        }
        try
        {
            return TopologyReader.Read(Path.GetFileName(path), File.ReadAllText(path));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"Topology '{path}' cannot be read: {exception.Message} Give the path of an OBJ.", exception);
        }
    }

    private Layout ChooseLayout(FaceOptions options, Topology topology) =>
        options.Layout == Layout.Dense ? new Layout(Layout.Dense, topology.Vertices) : _layouts[options.Layout];

    private static void RequireInFront(PhotoCamera camera, Vector3[] head, string name)
    {
        bool plausible = camera.Theta.Scale is > 1e-3f and < 1e3f && camera.Pose.FocalMm > 1;
        foreach (var position in head)
        {
            plausible &= -camera.Pose.ToCamera(position).Z > NearestDepth;
        }
        if (!plausible)
        {
            throw new InputException($"'{name}': the face could not be fitted (the camera would stand inside the head). Use a photo in which the face is whole and upright.");
        }
    }

    private static void RequireKnown(string option, string value, IReadOnlyList<string> allowed)
    {
        if (!allowed.Contains(value))
        {
            throw new InputException($"The {option} '{value}' is unknown; use {string.Join(" or ", allowed)}.");
        }
    }

    private static string HashOf(ModelCard model, string[] canonicalFiles)
    {
        var lines = canonicalFiles.Order(StringComparer.Ordinal).Select(path => $"{Path.GetFileName(path)} {Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(path)))}");
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', lines.Prepend(model.Hash)))));
    }

    private static string[] Files(string canonical, string folder, string pattern)
    {
        string path = Path.Combine(canonical, folder);
        string[] files = Directory.Exists(path) ? Directory.GetFiles(path, pattern) : [];
        return files.Length > 0
            ? files
            : throw new InputException($"'{path}' has no {pattern}. A canonical folder has topologies/*.obj and layouts/*.json; copy it whole.");
    }

    // Which photos of a capture could not be used.
    private sealed class Capture(bool skipBadViews)
    {
        private readonly List<SkippedView> _skipped = [];

        public IReadOnlyList<SkippedView> Skipped => _skipped;

        /// <summary>Does each view's work; of those at fault, the first in the order ends the job, unless they are to be skipped.</summary>
        public void ForEach(int count, Func<int, string> name, Action<int> work)
        {
            var faults = new InputException?[count];
            SideBySide.For(count, i =>
            {
                try
                {
                    work(i);
                }
                catch (InputException fault)
                {
                    faults[i] = fault;
                }
            });
            for (int i = 0; i < count; i++)
            {
                if (faults[i] is { } fault)
                {
                    if (!skipBadViews)
                    {
                        throw fault;
                    }
                    _skipped.Add(new SkippedView(name(i), fault.Message));
                }
            }
        }

        public void RequireOne(int left)
        {
            if (left == 0)
            {
                throw new InputException("No photo is left to work with. " + string.Join(" ", _skipped.Select(view => view.Reason)));
            }
        }
    }
}
