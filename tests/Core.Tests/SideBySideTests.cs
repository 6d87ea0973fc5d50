using MeshFromFaces.Core.Geometry;
using MeshFromFaces.Core.Inference;
using MeshFromFaces.Core.Tests.Support;
using Xunit;

namespace MeshFromFaces.Core.Tests;

/// <summary>Work on several cores gives, and throws, what it would on one.</summary>
public sealed class SideBySideTests
{
    [Fact]
    public void All_is_done_once()
    {
        int[] times = new int[1000];
        SideBySide.For(times.Length, i => Interlocked.Increment(ref times[i]));
        Assert.All(times, count => Assert.Equal(1, count));
    }

    [Fact]
    public void What_is_thrown_comes_out_as_it_is_from_loops_in_loops_too()
    {
        var fault = Assert.Throws<InputException>(() => SideBySide.For(4, _ => SideBySide.For(4, _ => throw new InputException("Too dark."))));
        Assert.Equal("Too dark.", fault.Message);
        Assert.Throws<OperationCanceledException>(() => SideBySide.For(4, _ => SideBySide.For(4, _ => throw new OperationCanceledException())));
    }

    [TrainedModelFact]
    public void Many_queries_are_answered_as_few_at_a_time_are()
    {
        using var model = new FaceModel(FacePipeline.DefaultModelFolder);
        float[] style = StyleWeights.Parse(null, model.Card);
        var face = model.Encode(Pictures.Noise(200, 160), Theta.Identity);
        Uv[] queries = [.. from i in Enumerable.Range(0, 2500) select new Uv(0.1f + (0.8f * (i % 50) / 50), 0.1f + (0.8f * (i / 50) / 50f))];

        var all = model.Predict(face, queries, style, "noise");

        Assert.Equal(queries.Length, all.Head.Length);
        foreach (int start in (int[])[0, 1500, 1535, 1536, 2450])
        {
            var few = model.Predict(face, queries.AsSpan(start, 50), style, "noise");
            for (int i = 0; i < 50; i++)
            {
                Assert.InRange((few.Head[i] - all.Head[start + i]).Length(), 0, 1e-6f); // A thousandth of a millimetre.
                Assert.Equal(few.Sigma[i], all.Sigma[start + i], 1e-5f);
            }
        }
    }
}
