using MeshFromFaces.Core.Imaging;

namespace MeshFromFaces.Core;

/// <summary>A picture of a video.</summary>
/// <param name="Number">From 1.</param>
/// <param name="Time">Seconds from the first frame; rises from frame to frame.</param>
/// <param name="Name">For messages and the record.</param>
/// <param name="Read">Decodes it, when its turn has come; throws an <see cref="InputException"/> if it cannot be.</param>
public sealed record Frame(int Number, double Time, string Name, Func<Photo> Read);
