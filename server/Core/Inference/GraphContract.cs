namespace MeshFromFaces.Core.Inference;

/// <summary>
/// The files of a model folder and the names in its graphs (design.md section 4). V views, K queries, F features, S styles.
/// </summary>
internal static class GraphContract
{
    public const string Card = "model.json";

    /// <summary>image [1,3,256,256] -> theta [1,2,3].</summary>
    public static readonly Graph SpatialTransformer = new("spatial_transformer.onnx", [Image], [Theta]);

    /// <summary>face [V,3,H,H] -> features [V,F], rotation6d [V,6], translation [V,3] m, focal_mm [V,1], presence [V,1] logit.</summary>
    public static readonly Graph FaceEncoder = new("face_encoder.onnx", [Face], [Features, Rotation, Translation, Focal, Presence]);

    /// <summary>
    /// features [1,F], query_uv [K,2], style [1,S] -> position [K,3] m, log_sigma [K,1] in face-image units. Where the graph names
    /// the first axis of the features <see cref="Images"/>, those of the face's mirror image may follow its own, [2,F].
    /// </summary>
    public static readonly Graph LandmarkPredictor = new("landmark_predictor.onnx", [Features, QueryUv, Style], [Position, LogSigma]);

    /// <summary>Side of the spatial transformer's input.</summary>
    public const int ImageSize = 256;

    public const string Image = "image";
    public const string Theta = "theta";
    public const string Face = "face";
    public const string Features = "features";
    public const string Rotation = "rotation6d";
    public const string Translation = "translation";
    public const string Focal = "focal_mm";
    public const string Presence = "presence";
    public const string QueryUv = "query_uv";
    public const string Style = "style";
    public const string Position = "position";
    public const string LogSigma = "log_sigma";
    public const string Images = "images";
}

internal sealed record Graph(string File, string[] Inputs, string[] Outputs);
