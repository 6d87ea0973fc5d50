using BenchmarkDotNet.Attributes;
using MeshFromFaces.Core;
using MeshFromFaces.Core.Geometry;
using MeshFromFaces.Core.Imaging;
using MeshFromFaces.Core.Inference;
using MeshFromFaces.Core.Tests.Support;
using MeshFromFaces.Core.Texturing;

namespace MeshFromFaces.Benchmarks;

/// <summary>One 1024 px photo of a face, already decoded, to answers; the model warm.</summary>
public class Landmarks
{
    private readonly FaceModel _model = new(FacePipeline.DefaultModelFolder);
    private Photo _photo = null!;
    private readonly Uv[] _sparse = [.. Layout.Read("ibug68", File.ReadAllBytes(Path.Combine(FacePipeline.DefaultCanonicalFolder, "layouts", "ibug68.json"))).Queries];
    private readonly Uv[] _dense = [.. Scene.CanonicalMesh().Topology.Vertices];

    private FaceSearch _search = null!;
    private EncodedFace _face = null!;

    /// <summary>The side of the face's crop in the photo's; a close-up gets one look, smaller faces two.</summary>
    [Params(0.4f, 0.85f)]
    public float FaceShare { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        _search = new FaceSearch(_model);
        _photo = Scene.Portrait(_model, 1024, FaceShare);
        _face = _model.Look(_photo).Encoding;
    }

    [Benchmark(Baseline = true)]
    public object Points68() => Answer(_sparse);

    [Benchmark]
    public object DenseMesh() => Answer(_dense);

    [Benchmark]
    public object FindFace() => _model.FindFace(_photo);

    [Benchmark]
    public object Encode() => _model.Encode(_photo, Theta.Identity);

    /// <summary>What <see cref="Encode"/> took without the mirror image.</summary>
    [Benchmark]
    public object EncodeOnce() => _model.EncodeOnce(_photo, Theta.Identity);

    [Benchmark]
    public object Predict() => _model.Predict(_face, _sparse, StyleWeights.Parse(null, _model.Card), _photo.Name);

    [GlobalCleanup]
    public void Close() => _model.Dispose();

    private Answers Answer(Uv[] queries)
    {
        var face = _search.Look(_photo);
        return _model.Predict(face.Encoding, queries, StyleWeights.Parse(null, _model.Card), _photo.Name);
    }
}

/// <summary>What a photo without a face takes before it is refused.</summary>
public class Searching
{
    private readonly FaceModel _model = new(FacePipeline.DefaultModelFolder);
    private readonly Photo _photo = Scene.Noise(1024, 1024);
    private FaceSearch _search = null!;

    [GlobalSetup]
    public void Setup() => _search = new FaceSearch(_model);

    [Benchmark(Baseline = true)]
    public object OneLook() => _model.Look(_photo);

    [Benchmark]
    public object LookAround() => _search.Look(_photo);

    [Benchmark]
    public object Tiles() => _search.FindAll(_photo, _model.Look(_photo), _ => { });

    [GlobalCleanup]
    public void Close() => _model.Dispose();
}

/// <summary>The networks' inputs from photos, against a plain loop.</summary>
public class Resampling
{
    private readonly float[] _planes = new float[3 * 256 * 256];
    private Photo _photo = null!;

    [Params(1024, 3840)]
    public int Side { get; set; }

    [GlobalSetup]
    public void Setup() => _photo = Scene.Noise(Side, Side * 9 / 16);

    [Benchmark(Baseline = true)]
    public void CropNaive() => NaiveResampler.Crop(_photo, Crop, 192, _planes);

    [Benchmark]
    public void CropFast() => Resampler.Crop(_photo, Crop, 192, _planes);

    [Benchmark]
    public void SquareNaive() => NaiveResampler.Square(_photo, 256, _planes);

    [Benchmark]
    public void SquareFast() => Resampler.Square(_photo, 256, _planes);

    // Half the photo's width, a little rolled.
    private Affine Crop => new(Side / 400.0, -0.2, Side * 0.25, 0.2, Side / 400.0, Side * 0.03);
}

/// <summary>One 3840x2160 photo onto a 2048 texel atlas, and what comes before and after.</summary>
public class Texturing
{
    private readonly Photo _photo = Scene.Noise(3840, 2160);
    private readonly Mesh _mesh = Scene.CanonicalMesh();
    private readonly PhotoCamera _camera = Scene.Camera(3840, 2160);
    private DepthBuffer _depth = null!;
    private AtlasMap _map = null!;
    private Atlas _atlas = null!;

    [GlobalSetup]
    public void Setup()
    {
        _depth = new DepthBuffer(_camera, _mesh);
        _map = AtlasMap.Make(_mesh.Topology, 2048);
        _atlas = ViewTexture.Unwrap(_photo, _mesh, _depth, _map);
    }

    [Benchmark(Baseline = true)]
    public object UnwrapNaive() => NaiveUnwrap.Unwrap(_photo, _mesh, _depth, _map);

    [Benchmark]
    public object UnwrapFast() => ViewTexture.Unwrap(_photo, _mesh, _depth, _map);

    [Benchmark]
    public object DepthBuffer() => new DepthBuffer(_camera, _mesh);

    [Benchmark]
    public object Map() => AtlasMap.Make(_mesh.Topology, 2048);

    [Benchmark]
    public object BlendAndFill()
    {
        var blend = new TextureBlend(2048);
        blend.Add(_atlas);
        return blend.Average();
    }

    [Benchmark]
    public object Png() => PictureEncoder.Png(_atlas.Rgba, 2048, 2048);
}
