using System.Numerics;
using MeshFromFaces.Core.Geometry;

namespace MeshFromFaces.Core.Inference;

/// <summary>What the encoder says of one face image.</summary>
/// <param name="Features">[F].</param>
/// <param name="Presence">Probability that a face is there, 0..1.</param>
internal sealed record EncodedFace(float[] Features, Pose Pose, double Presence);

/// <summary>A place of a photo that may show a face: its face image, and what the encoder says of that.</summary>
internal sealed record SeenFace(Theta Theta, EncodedFace Encoding);

/// <summary>The answers to a list of queries.</summary>
/// <param name="Head">Positions in head space, metres.</param>
/// <param name="Sigma">Standard deviations of the 2D position, in face-image units.</param>
internal sealed record Answers(Vector3[] Head, float[] Sigma);
