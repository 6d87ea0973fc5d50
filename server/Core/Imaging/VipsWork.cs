using NetVips;

namespace MeshFromFaces.Core.Imaging;

/// <summary>Makes vips, which knows no tokens, stop when one says so.</summary>
internal static class VipsWork
{
    /// <param name="image">The last of the chain: what the work reads.</param>
    /// <param name="work">One call that evaluates <paramref name="image"/>.</param>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public static byte[] Run(Image image, Func<byte[]> work, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        using var stopping = cancellation.Register(() => image.SetKill(true));
        try
        {
            return work();
        }
        catch (VipsException) when (cancellation.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancellation);
        }
    }
}
