using System.Runtime.ExceptionServices;

namespace MeshFromFaces.Core;

/// <summary>Work on several cores at once.</summary>
internal static class SideBySide
{
    /// <summary>
    /// As <see cref="Parallel.For(int, int, Action{int})"/>, no more at once than there are cores; and what the work throws comes
    /// out as it is: of several the first, and a cancellation stays one.
    /// </summary>
    public static void For(int count, Action<int> work)
    {
        try
        {
            Parallel.For(0, count, new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount }, work);
        }
        catch (AggregateException several)
        {
            ExceptionDispatchInfo.Throw(several.Flatten().InnerExceptions[0]);
        }
    }
}
