using MeshFromFaces.Core.Inference;
using MeshFromFaces.Core.Tests.Support;
using Microsoft.ML.OnnxRuntime;
using Xunit;

namespace MeshFromFaces.Core.Tests;

/// <summary>An accelerator that is there and cannot start costs nothing but speed.</summary>
public sealed class AcceleratorTests : IDisposable
{
    private readonly KnownModel _model = new();

    public void Dispose() => _model.Dispose();

    public static TheoryData<string> Failures => [.. Failing.Keys];

    // Real failures of the real runtime: a device that no machine has (or, in the build without CUDA, CUDA itself), and an
    // accelerator that is taken and then cannot have a graph of ours.
    private static Dictionary<string, Action<SessionOptions>> Failing { get; } = new()
    {
        ["no such device"] = options => options.AppendExecutionProvider_CUDA(999),
        ["no session"] = options =>
        {
            options.AddSessionConfigEntry("session.disable_cpu_ep_fallback", "1");
            options.AppendExecutionProvider_CPU();
        },
    };

    [Theory]
    [MemberData(nameof(Failures))]
    public void One_that_fails_leaves_the_work_to_the_processor_and_says_why(string failure)
    {
        using var plain = new FaceModel(_model.ModelFolder, addAccelerator: null);
        using var fallenBack = new FaceModel(_model.ModelFolder, Failing[failure]);

        Assert.Equal("CPU", plain.Device);
        Assert.Matches(@"^CPU \(CUDA failed: [^\r\n]{10,}\)$", fallenBack.Device);
        var photo = Pictures.Noise(200, 160);
        Assert.Equal(plain.FindFace(photo), fallenBack.FindFace(photo));
    }

    [Fact]
    public void A_graph_that_is_broken_is_still_the_models_fault()
    {
        File.WriteAllBytes(Path.Combine(_model.ModelFolder, "face_encoder.onnx"), [1, 2, 3]);
        _model.WriteCard();
        var fault = Assert.Throws<InputException>(() => new FaceModel(_model.ModelFolder, Failing["no such device"]));
        Assert.Contains("face_encoder.onnx", fault.Message, StringComparison.Ordinal);
    }
}
