using System.Buffers;
using System.Globalization;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using MeshFromFaces.Core.Geometry;
using MeshFromFaces.Core.Imaging;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace MeshFromFaces.Core.Inference;

/// <summary>The three graphs of a model folder. Safe to call from several threads.</summary>
internal sealed class FaceModel : IDisposable
{
    // Of the first look's crop: what the second look sees. As in the training package's faces.py.
    private const float SecondLookZoom = 1.15f;

    // Side of a crop, in that of the look it was found in, from which a second look would show the face no larger to speak of: it
    // changed neither renders' landmarks (2.45 % in the mean) nor portraits' (1.12). As in the training package's faces.py.
    private const float CloseUp = 0.7f;

    // Queries of one run of the predictor. Fixed, so that an answer's last digits do not depend on the number of cores.
    private const int QueriesARun = 1536;

    // A crop this far from where the encoder then sees the face, in half sides, is corrected; at more than its own half it is of
    // something else. Three rendered faces in ten are; all renders' mean error falls by 2 to 3 %. As in the training package's faces.py.
    internal const float CropOff = 0.07f, CropLost = 1;

    private static readonly Lock Starting = new();

    private readonly InferenceSession _transformer, _encoder, _predictor;
    private readonly RunOptions _run = new();
    private readonly int _faceSize;
    private readonly bool _mirrors; // The predictor takes the features of a face's mirror image, too.

    /// <exception cref="InputException">The folder, its card or a graph is missing, altered or of another shape.</exception>
    public FaceModel(string folder) : this(folder, FindAccelerator())
    {
    }

    /// <param name="addAccelerator">Adds CUDA to a session's options; null where the runtime comes without it.</param>
    internal FaceModel(string folder, Action<SessionOptions>? addAccelerator)
    {
        Card = ReadCard(folder);
        (var sessions, Device) = OpenAll(folder, addAccelerator);
        (_transformer, _encoder, _predictor) = (sessions[0], sessions[1], sessions[2]);
        _faceSize = _encoder.InputMetadata[GraphContract.Face].Dimensions is [_, 3, int height, int width] && height == width && height > 0
            ? height
            : throw new InputException($"'{Path.Combine(folder, GraphContract.FaceEncoder.File)}' needs an input '{GraphContract.Face}' [V,3,H,H]. Export the model again.");
        _mirrors = _predictor.InputMetadata[GraphContract.Features].SymbolicDimensions is [GraphContract.Images, ..];
    }

    public ModelCard Card { get; }

    /// <summary>"CUDA" or "CPU", with the reason if CUDA was there and could not be used.</summary>
    public string Device { get; }

    /// <summary>
    /// The face that a look at the photo shows. Where the encoder sees it far from the middle of the transformer's crop, it looks
    /// again at where it saw it.
    /// </summary>
    /// <param name="tile">The part of the photo to look at in place of the whole: tile to photo.</param>
    public SeenFace Look(Photo photo, Theta? tile = null) => LookAt(photo, FindFace(photo, tile));

    /// <summary>As <see cref="Look"/>, but no more than a glance at a tile that shows no face to it, as most do not.</summary>
    public SeenFace Glance(Photo photo, Theta tile)
    {
        var theta = FindFace(photo, tile);
        var encoding = EncodeOnce(photo, theta);
        return encoding.Presence < Card.PresenceThreshold ? new SeenFace(theta, encoding) : LookAt(photo, theta);
    }

    private SeenFace LookAt(Photo photo, Theta theta)
    {
        var encoding = Encode(photo, theta);
        var own = FaceFrame.Of(encoding.Pose);
        if (encoding.Presence >= Card.PresenceThreshold && FaceFrame.Off(own) is > CropOff and < CropLost)
        {
            var corrected = theta.After(own);
            var again = Encode(photo, corrected);
            if (again.Presence >= Card.PresenceThreshold)
            {
                return new SeenFace(corrected, again);
            }
        }
        return new SeenFace(theta, encoding);
    }

    /// <summary>The face that a crop shows, once the crop has been moved a few times to where the encoder saw the face in it.</summary>
    public SeenFace Settle(Photo photo, Theta theta, int steps)
    {
        for (int step = 0; step < steps && FaceFrame.Of(EncodeOnce(photo, theta).Pose) is var own && float.IsFinite(FaceFrame.Off(own)); step++)
        {
            theta = theta.After(own);
        }
        return new SeenFace(theta, Encode(photo, theta));
    }

    /// <summary>
    /// Where the face is: face image to photo. The transformer looks at the whole photo and then, unless the face is close up, at
    /// what it chose there, a little wider: on validation renders that takes a tenth off the landmarks' mean error.
    /// </summary>
    /// <param name="tile">The part of the photo to look at first in place of the whole: tile to photo.</param>
    public Theta FindFace(Photo photo, Theta? tile = null)
    {
        const int Size = GraphContract.ImageSize;
        float[] image = ArrayPool<float>.Shared.Rent(3 * Size * Size); // A new one each look would keep the collector busy.
        if (tile is { } part)
        {
            Resampler.Crop(photo, CropToPhoto(photo, part, Size), Size, image);
        }
        else
        {
            Resampler.Square(photo, Size, image);
        }
        var chosen = Transform(image, photo.Name);
        var theta = (tile ?? Theta.Identity).After(chosen);
        if (chosen.Scale < CloseUp)
        {
            var wide = theta.Zoom(SecondLookZoom);
            Resampler.Crop(photo, CropToPhoto(photo, wide, Size), Size, image);
            theta = wide.After(Transform(image, photo.Name));
        }
        ArrayPool<float>.Shared.Return(image);
        return theta;
    }

    private Theta Transform(float[] image, string name)
    {
        using var input = Tensor(image.AsSpan(0, 3 * GraphContract.ImageSize * GraphContract.ImageSize), 1, 3, GraphContract.ImageSize, GraphContract.ImageSize);
        using var outputs = _transformer.Run(_run, [GraphContract.Image], [input], [GraphContract.Theta]);
        var theta = Read(outputs[0], name, GraphContract.Theta, 6);
        return new Theta(theta[0], theta[1], theta[2], theta[3], theta[4], theta[5]);
    }

    /// <summary>
    /// Features, pose and presence of a photo's face image, by what the encoder says of it and, at the same time, of its mirror
    /// image: on validation renders that takes 5 % off the landmarks' error. One image a run of the graph: in a batch its last
    /// digits would depend on those beside it.
    /// </summary>
    public EncodedFace Encode(Photo photo, Theta theta)
    {
        if (!_mirrors)
        {
            return EncodeOnce(photo, theta);
        }
        using var face = FaceImage(photo, theta);
        using var mirrored = Mirrored(face);
        var encoded = new EncodedFace[2];
        SideBySide.For(2, i => encoded[i] = Run(i == 0 ? face : mirrored, photo.Name));
        return EncodedFace.Mean(encoded[0], encoded[1]);
    }

    /// <summary>What the encoder says of the face image alone: all that it takes to tell where to look next.</summary>
    internal EncodedFace EncodeOnce(Photo photo, Theta theta)
    {
        using var face = FaceImage(photo, theta);
        return Run(face, photo.Name);
    }

    private OrtValue FaceImage(Photo photo, Theta theta)
    {
        int length = 3 * _faceSize * _faceSize;
        float[] face = ArrayPool<float>.Shared.Rent(length);
        Resampler.Crop(photo, CropToPhoto(photo, theta, _faceSize), _faceSize, face);
        var image = Tensor(face.AsSpan(0, length), 1, 3, _faceSize, _faceSize);
        ArrayPool<float>.Shared.Return(face);
        return image;
    }

    private OrtValue Mirrored(OrtValue image)
    {
        var mirrored = Tensor(image.GetTensorDataAsSpan<float>(), 1, 3, _faceSize, _faceSize);
        var rows = mirrored.GetTensorMutableDataAsSpan<float>();
        for (int start = 0; start < rows.Length; start += _faceSize)
        {
            rows.Slice(start, _faceSize).Reverse();
        }
        return mirrored;
    }

    private EncodedFace Run(OrtValue face, string name)
    {
        using var outputs = _encoder.Run(_run, [GraphContract.Face], [face], GraphContract.FaceEncoder.Outputs);
        return ReadEncoding(outputs, name);
    }

    /// <summary>Where each query lies on this face.</summary>
    /// <param name="style">[S], the weights of the query deformer's codes.</param>
    /// <param name="name">The photo's, for messages.</param>
    public Answers Predict(EncodedFace encoding, ReadOnlySpan<Uv> queries, float[] style, string name)
    {
        Uv[][] parts = [.. queries.ToArray().Chunk(QueriesARun)];
        var positions = new Vector3[queries.Length];
        var sigmas = new float[queries.Length];
        SideBySide.For(parts.Length, part =>
        {
            int start = part * QueriesARun, count = parts[part].Length;
            using var features = Tensor(encoding.Features, encoding.Images, encoding.Features.Length / encoding.Images);
            using var queryUv = Tensor(MemoryMarshal.Cast<Uv, float>(parts[part]), count, 2);
            using var styles = Tensor(style, 1, style.Length);
            using var outputs = _predictor.Run(_run, GraphContract.LandmarkPredictor.Inputs, [features, queryUv, styles], GraphContract.LandmarkPredictor.Outputs);
            MemoryMarshal.Cast<float, Vector3>(Read(outputs[0], name, GraphContract.Position, count * 3)).CopyTo(positions.AsSpan(start));
            var logSigmas = Read(outputs[1], name, GraphContract.LogSigma, count);
            for (int i = 0; i < count; i++)
            {
                sigmas[start + i] = MathF.Exp(logSigmas[i]);
            }
        });
        return new Answers(positions, sigmas);
    }

    public void Dispose()
    {
        _transformer.Dispose();
        _encoder.Dispose();
        _predictor.Dispose();
        _run.Dispose();
    }

    // Output pixel (i, j) of the crop is the face-image point (2 i / size - 1, ...); theta takes it into the photo's square.
    internal static Affine CropToPhoto(Photo photo, Theta theta, int size)
    {
        double half = photo.SquareSide / 2.0, step = 2.0 / size;
        return new Affine(
            theta.Xx * step * half, theta.Xy * step * half, ((theta.X0 - theta.Xx - theta.Xy) * half) + (photo.Width / 2.0),
            theta.Yx * step * half, theta.Yy * step * half, ((theta.Y0 - theta.Yx - theta.Yy) * half) + (photo.Height / 2.0));
    }

    private static EncodedFace ReadEncoding(IReadOnlyList<OrtValue> outputs, string name)
    {
        ReadOnlySpan<float> Part(int output) => Finite(outputs[output].GetTensorDataAsSpan<float>(), name, GraphContract.FaceEncoder.Outputs[output]);
        var columns = Part(1);
        var translation = Part(2);
        var pose = Pose.FromColumns(new(columns[..3]), new(columns[3..6]), new(translation[..3]), Part(3)[0]);
        return new EncodedFace(Part(0).ToArray(), pose, Part(4)[0]);
    }

    private static ReadOnlySpan<float> Read(OrtValue output, string photo, string tensor, int length)
    {
        var values = output.GetTensorDataAsSpan<float>();
        return values.Length == length
            ? Finite(values, photo, tensor)
            : throw new InputException($"The model's '{tensor}' has {values.Length} values, {length} are needed. Export the model again.");
    }

    private static ReadOnlySpan<float> Finite(ReadOnlySpan<float> values, string photo, string tensor)
    {
        foreach (float value in values)
        {
            if (!float.IsFinite(value))
            {
                throw new InputException($"'{photo}': the model's '{tensor}' is not a number. The model is broken; use another or export it again.");
            }
        }
        return values;
    }

    // In the runtime's own memory, which is aligned: in what order it sums up a tensor, and so an answer's last digits, depends on
    // where that lies.
    private static OrtValue Tensor(ReadOnlySpan<float> values, params long[] shape)
    {
        var tensor = OrtValue.CreateAllocatedTensorValue(OrtAllocator.DefaultInstance, TensorElementType.Float, shape);
        values.CopyTo(tensor.GetTensorMutableDataAsSpan<float>());
        return tensor;
    }

    private static Action<SessionOptions>? FindAccelerator()
    {
        lock (Starting)
        {
            if (!OrtEnv.IsCreated)
            {
                // On its own it warns, of devices that it does not know, on the user's console.
                var environment = new EnvironmentCreationOptions { logId = "MeshFromFaces", logLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR };
                OrtEnv.CreateInstanceWithOptions(ref environment);
            }
        }
        return OrtEnv.Instance().GetAvailableProviders().Contains("CUDAExecutionProvider") ? options => options.AppendExecutionProvider_CUDA() : null;
    }

    // A graph is hundreds of small steps, after each of which its threads would wait for one another, longer than most steps
    // take: one thread a run, and runs side by side.
    private static SessionOptions MakeOptions() => new()
    {
        GraphOptimizationLevel = GraphOptimizationLevel.ORT_ENABLE_ALL,
        LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR,
        IntraOpNumThreads = 1,
    };

    private static ModelCard ReadCard(string folder)
    {
        string path = Path.Combine(folder, GraphContract.Card);
        if (!File.Exists(path))
        {
            throw new InputException($"'{path}' is missing. A model folder has {GraphContract.Card} and the three graphs it lists.");
        }
        ModelCard card;
        try
        {
            card = JsonSerializer.Deserialize(File.ReadAllBytes(path), ModelCardJson.Default.ModelCard)
                ?? throw new JsonException("It is empty.");
        }
        catch (JsonException exception)
        {
            throw new InputException($"'{path}' is not a model card: {exception.Message} Export the model again.", exception);
        }
        if (card.Styles.Count == 0 || !card.Styles.Contains(card.DefaultStyle))
        {
            throw new InputException($"'{path}': the default style '{card.DefaultStyle}' is not one of its styles ({string.Join(", ", card.Styles)}). Correct the card.");
        }
        return card with { Hash = HashOf(card) };
    }

    private static string HashOf(ModelCard card)
    {
        var text = new StringBuilder();
        foreach (var (file, hash) in card.Files.OrderBy(entry => entry.Key, StringComparer.Ordinal))
        {
            text.Append(CultureInfo.InvariantCulture, $"{file} {hash}\n");
        }
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())));
    }

    // CUDA shows that it cannot be had (no driver, no library, no memory) when it is asked for or when a graph is to run on it.
    private (InferenceSession[] Sessions, string Device) OpenAll(string folder, Action<SessionOptions>? addAccelerator)
    {
        string device = "CPU";
        if (addAccelerator is not null)
        {
            try
            {
                return (OpenGraphs(folder, addAccelerator), "CUDA");
            }
            catch (Exception e) when (e is OnnxRuntimeException or EntryPointNotFoundException or InputException { InnerException: OnnxRuntimeException })
            {
                device = $"CPU (CUDA failed: {(e.InnerException ?? e).Message.ReplaceLineEndings(" ").Trim()})";
            }
        }
        return (OpenGraphs(folder, _ => { }), device);
    }

    private InferenceSession[] OpenGraphs(string folder, Action<SessionOptions> configure)
    {
        using var options = MakeOptions();
        configure(options);
        var opened = new List<InferenceSession>();
        try
        {
            foreach (var graph in (Graph[])[GraphContract.SpatialTransformer, GraphContract.FaceEncoder, GraphContract.LandmarkPredictor])
            {
                opened.Add(Open(folder, graph, options));
            }
            return [.. opened];
        }
        catch
        {
            opened.ForEach(session => session.Dispose());
            throw;
        }
    }

    private InferenceSession Open(string folder, Graph graph, SessionOptions options)
    {
        string path = Path.Combine(folder, graph.File);
        if (!File.Exists(path))
        {
            throw new InputException($"'{path}' is missing. A model folder has {GraphContract.Card} and the three graphs it lists.");
        }
        byte[] bytes = File.ReadAllBytes(path);
        string hash = Convert.ToHexStringLower(SHA256.HashData(bytes));
        if (!Card.Files.TryGetValue(graph.File, out string? expected) || !string.Equals(hash, expected, StringComparison.OrdinalIgnoreCase))
        {
            throw new InputException($"'{path}' is not the file that {GraphContract.Card} describes (its SHA-256 is {hash}, {expected ?? "nothing"} is listed). Copy the whole folder again.");
        }
        InferenceSession session;
        try
        {
            session = new InferenceSession(bytes, options);
        }
        catch (OnnxRuntimeException exception)
        {
            throw new InputException($"'{path}' is not a graph that ONNX Runtime can load: {exception.Message}", exception);
        }
        foreach (string name in graph.Inputs.Except(session.InputNames).Concat(graph.Outputs.Except(session.OutputNames)))
        {
            session.Dispose();
            throw new InputException($"'{path}' has no '{name}'; it needs the inputs {string.Join(", ", graph.Inputs)} and the outputs {string.Join(", ", graph.Outputs)}. Export the model again.");
        }
        return session;
    }
}
