namespace MeshFromFaces.Core;

/// <summary>
/// Photos in, a posed and textured face out. Loaded once, used for many captures; safe to call from several threads.
/// </summary>
public sealed class FacePipeline : IDisposable
{
    public const int MaxViews = 64;

    public static string DefaultModelFolder => Path.Combine(AppContext.BaseDirectory, "models", "compact");
    public static string DefaultCanonicalFolder => Path.Combine(AppContext.BaseDirectory, "models", "canonical");

    /// <summary>Loads a model and the canonical face; null takes the folders that come beside the executable.</summary>
    /// <param name="modelFolder">A folder with the three graphs and model.json.</param>
    /// <param name="canonicalFolder">A folder with topologies/*.obj and layouts/*.json.</param>
    /// <exception cref="InputException">A folder or a file in it is missing or broken; the message says which.</exception>
    public static FacePipeline Load(string? modelFolder = null, string? canonicalFolder = null) => throw new NotImplementedException();

    public ModelCard Model => throw new NotImplementedException();
    public IReadOnlyList<string> Layouts => throw new NotImplementedException();
    public IReadOnlyList<string> Topologies => throw new NotImplementedException();

    /// <summary>Where inference runs, for the log: "CPU" or "CUDA".</summary>
    public string Device => throw new NotImplementedException();

    /// <summary>Throws an <see cref="InputException"/> that names the option and the allowed values if one is out of range or unknown.</summary>
    public void Validate(FaceOptions options) => throw new NotImplementedException();

    /// <summary>The landmarks of each photo, in the order given.</summary>
    /// <exception cref="InputException">A photo or an option is at fault.</exception>
    public IReadOnlyList<ViewLandmarks> Landmarks(
        IReadOnlyList<PhotoFile> photos,
        FaceOptions options,
        IProgress<PipelineProgress>? progress = null,
        CancellationToken cancellation = default) => throw new NotImplementedException();

    /// <summary>One mesh with one texture from all photos.</summary>
    /// <exception cref="InputException">A photo or an option is at fault.</exception>
    public Face Build(
        IReadOnlyList<PhotoFile> photos,
        FaceOptions options,
        IProgress<PipelineProgress>? progress = null,
        CancellationToken cancellation = default) => throw new NotImplementedException();

    public void Dispose() => throw new NotImplementedException();
}
