using System.Numerics;
using MeshFromFaces.Core.Geometry;

namespace MeshFromFaces.Core.Inference;

/// <summary>What the encoder says of one face image.</summary>
/// <param name="Features">[Images, F].</param>
/// <param name="PresenceLogit">Of the probability that a face is there.</param>
/// <param name="Images">How many images they are of: 1, or 2 where those of its mirror image follow.</param>
internal sealed record EncodedFace(float[] Features, Pose Pose, float PresenceLogit, int Images = 1)
{
    /// <summary>Probability that a face is there, 0..1.</summary>
    public double Presence => 1 / (1 + Math.Exp(-PresenceLogit));

    /// <summary>What both a face image and its mirror image say: on average nearer the truth than either.</summary>
    public static EncodedFace Mean(EncodedFace own, EncodedFace mirrored) => new(
        [.. own.Features, .. mirrored.Features], Pose.Mean(own.Pose, mirrored.Pose.Mirrored()), (own.PresenceLogit + mirrored.PresenceLogit) / 2, 2);
}

/// <summary>A place of a photo that may show a face: its face image, and what the encoder says of that.</summary>
internal sealed record SeenFace(Theta Theta, EncodedFace Encoding);

/// <summary>The answers to a list of queries.</summary>
/// <param name="Head">Positions in head space, metres.</param>
/// <param name="Sigma">Standard deviations of the 2D position, in face-image units.</param>
internal sealed record Answers(Vector3[] Head, float[] Sigma);
