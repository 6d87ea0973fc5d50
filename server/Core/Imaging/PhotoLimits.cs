namespace MeshFromFaces.Core.Imaging;

/// <summary>How large photos may be. The standard values keep a capture within the memory of an ordinary machine.</summary>
public sealed record PhotoLimits
{
    public static readonly PhotoLimits Standard = new();

    /// <summary>Bytes of one file.</summary>
    public long FileBytes { get; init; } = 100_000_000;

    /// <summary>Pixels of one photo; it is held decoded, three bytes a pixel.</summary>
    public long Pixels { get; init; } = 100_000_000;

    /// <summary>Pixels of all photos of a capture together.</summary>
    public long CapturePixels { get; init; } = 1_500_000_000;
}
