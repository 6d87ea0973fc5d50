using System.Security.Cryptography;
using System.Text.Json;

namespace MeshFromFaces.Core.Tests.Support;

/// <summary>
/// A model folder and a canonical folder whose every answer is known: the face is a plate that stands before the camera,
/// and each fit depends a little on the mean colour of the photo, so that no two photos give the same.
/// </summary>
internal sealed class KnownModel : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("mff-model-").FullName;
    private readonly double _searchSigma;

    /// <param name="presence">Logit.</param>
    /// <param name="depth">T.z, metres.</param>
    /// <param name="sigma">Natural log of the sigma, face-image units.</param>
    /// <param name="white">What the logit gains in a face image that is all white.</param>
    /// <param name="side">Of the crop that the transformer chooses, in the side of what it looks at.</param>
    /// <param name="turned">Tangent of the plate's yaw.</param>
    /// <param name="up">T.y, metres.</param>
    /// <param name="searchSigma">What the card allows a face that a search alone shows.</param>
    public KnownModel(float presence = 4, float depth = -0.5f, float sigma = -4, float side = 0.8f, float white = 0, float turned = 0.2f, float up = 0, double searchSigma = 0.01)
    {
        _searchSigma = searchSigma;
        ModelFolder = Path.Combine(_root, "model");
        CanonicalFolder = Path.Combine(_root, "canonical");
        Directory.CreateDirectory(ModelFolder);
        Directory.CreateDirectory(Path.Combine(CanonicalFolder, "topologies"));
        Directory.CreateDirectory(Path.Combine(CanonicalFolder, "layouts"));
        File.WriteAllText(Path.Combine(CanonicalFolder, "topologies", "mid.obj"), KnownFace.PatchObj(16));
        File.WriteAllText(Path.Combine(CanonicalFolder, "layouts", "ibug68.json"), """{"name":"ibug68","uv":[[0.5,0.5],[0.25,0.5],[0.5,0.75]]}""");

        float[] none(int outputs) => new float[3 * outputs];
        float[] little(int outputs) => [.. Enumerable.Range(0, 3 * outputs).Select(i => 0.01f * ((i % 5) - 2))];
        Write("spatial_transformer.onnx", new Onnx()
            .Input("image", 1, 3, 256, 256).Output("theta", 1, 2, 3)
            .MeanColour("image", "mean").Linear("mean", "six", 3, little(6), [side, -0.1f, 0, 0.1f, side, 0])
            .Shape("shape", 1, 2, 3).Node("Reshape", ["six", "shape"], "theta"));
        Write("face_encoder.onnx", new Onnx()
            .Input("face", "V", 3, 64, 64)
            .Output("features", "V", 3).Output("rotation6d", "V", 6).Output("translation", "V", 3).Output("focal_mm", "V", 1).Output("presence", "V", 1)
            .MeanColour("face", "features")
            .Linear("features", "rotation6d", 3, little(6), [1, 0, turned, 0, 1, 0])
            .Linear("features", "translation", 3, none(3), [0, up, depth])
            .Linear("features", "focal_mm", 3, none(1), [60])
            .Linear("features", "presence", 3, [white / 3, white / 3, white / 3], [presence]));
        Write("landmark_predictor.onnx", new Onnx()
            .Input("features", 1, 3).Input("query_uv", "K", 2).Input("style", 1, 2).Output("position", "K", 3).Output("log_sigma", "K", 1)
            .Linear("query_uv", "plate", 2, [0.2f, 0, 0.03f, 0, 0.2f, -0.02f], [-0.1f, -0.1f, 0])
            .Linear("features", "own", 3, little(3), [0, 0, 0])
            .Constant("styles", [0, 0, 0, 0.001f, 0.002f, 0.003f], 2, 3)
            .Node("MatMul", ["style", "styles"], "styled")
            .Node("Add", ["plate", "own"], "personal").Node("Add", ["personal", "styled"], "position")
            .Linear("query_uv", "log_sigma", 2, [0.1f, 0.2f], [sigma]));
        WriteCard();
    }

    public string ModelFolder { get; }
    public string CanonicalFolder { get; }

    public FacePipeline Load() => FacePipeline.Load(ModelFolder, CanonicalFolder);

    public void WriteCard()
    {
        var files = Directory.GetFiles(ModelFolder, "*.onnx").ToDictionary(path => Path.GetFileName(path)!, path => Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(path))));
        string card = JsonSerializer.Serialize(new { name = "known", version = "1", files, styles = (string[])["render", "photo"], defaultStyle = "photo", presenceThreshold = 0.5, searchSigma = _searchSigma });
        File.WriteAllText(Path.Combine(ModelFolder, "model.json"), card);
    }

    public void Dispose() => Directory.Delete(_root, recursive: true);

    private void Write(string file, Onnx graph) => File.WriteAllBytes(Path.Combine(ModelFolder, file), graph.ToArray());
}
