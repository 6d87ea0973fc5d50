namespace MeshFromFaces.Core.Texturing;

/// <summary>
/// Gives every texel that nobody saw, in the chart and past its edge, a smooth continuation of those around it: Laplace's
/// equation with the seen texels as boundary, solved from coarse to fine (cascadic multigrid, Bornemann and Deuflhard
/// 1996). Next to the chart's edge this is the dilation that texture filtering needs.
/// </summary>
internal static class HoleFill
{
    private const int Sweeps = 4;

    // All coarser levels' part of the work: a quarter of the texels, and a quarter of these, ...
    private const double Coarser = 0.25;

    // Where no texel at all was seen: linear light of a mid-grey.
    private const float Nothing = 0.214f;

    /// <param name="rgb">[size, size, 3] linear light; where <paramref name="seen"/> is 0 it is overwritten.</param>
    /// <param name="seen">[size, size] nonzero = known.</param>
    /// <param name="size">A power of two.</param>
    /// <param name="report">Takes how much is done, 0..1.</param>
    public static void Apply(float[] rgb, byte[] seen, int size, Action<double>? report = null, CancellationToken cancellation = default)
    {
        cancellation.ThrowIfCancellationRequested();
        if (size == 1)
        {
            if (seen[0] == 0)
            {
                Array.Fill(rgb, Nothing);
            }
            return;
        }
        var (coarse, coarseSeen) = Halve(rgb, seen, size);
        Apply(coarse, coarseSeen, size / 2, part => report?.Invoke(part * Coarser), cancellation);
        Enlarge(coarse, rgb, seen, size);
        for (int sweep = 0; sweep < Sweeps; sweep++)
        {
            cancellation.ThrowIfCancellationRequested();
            Relax(rgb, seen, size, colour: 0);
            Relax(rgb, seen, size, colour: 1);
            report?.Invoke(Coarser + ((1 - Coarser) * (sweep + 1) / Sweeps));
        }
    }

    // Means of the seen ones of 2x2 texels; seen where any is.
    private static (float[] Rgb, byte[] Seen) Halve(float[] rgb, byte[] seen, int size)
    {
        int half = size / 2;
        var coarse = new float[half * half * 3];
        var coarseSeen = new byte[half * half];
        Parallel.For(0, half, y =>
        {
            for (int x = 0; x < half; x++)
            {
                float r = 0, g = 0, b = 0;
                int count = 0;
                for (int child = 0; child < 4; child++)
                {
                    int from = (((y * 2) + (child >> 1)) * size) + (x * 2) + (child & 1);
                    if (seen[from] != 0)
                    {
                        r += rgb[from * 3];
                        g += rgb[(from * 3) + 1];
                        b += rgb[(from * 3) + 2];
                        count++;
                    }
                }
                if (count > 0)
                {
                    int to = (y * half) + x;
                    (coarse[to * 3], coarse[(to * 3) + 1], coarse[(to * 3) + 2]) = (r / count, g / count, b / count);
                    coarseSeen[to] = 1;
                }
            }
        });
        return (coarse, coarseSeen);
    }

    // Unseen texels take the coarse level bilinearly: 3/4 of the cell they lie in and 1/4 of the next, on both axes.
    private static void Enlarge(float[] coarse, float[] rgb, byte[] seen, int size)
    {
        int half = size / 2;
        Parallel.For(0, size, y =>
        {
            int near = (y / 2) * half, far = Math.Clamp((y / 2) + ((y & 1) * 2) - 1, 0, half - 1) * half;
            for (int x = 0; x < size; x++)
            {
                int to = (y * size) + x;
                if (seen[to] != 0)
                {
                    continue;
                }
                int side = Math.Clamp((x / 2) + ((x & 1) * 2) - 1, 0, half - 1);
                for (int channel = 0; channel < 3; channel++)
                {
                    float a = coarse[((near + (x / 2)) * 3) + channel], b = coarse[((near + side) * 3) + channel];
                    float c = coarse[((far + (x / 2)) * 3) + channel], d = coarse[((far + side) * 3) + channel];
                    float first = a + ((b - a) * 0.25f), second = c + ((d - c) * 0.25f);
                    rgb[(to * 3) + channel] = first + ((second - first) * 0.25f);
                }
            }
        });
    }

    // Gauss-Seidel on one colour of the chessboard: it reads only the other, so rows may run in parallel.
    private static void Relax(float[] rgb, byte[] seen, int size, int colour)
    {
        Parallel.For(0, size, y =>
        {
            int above = Math.Max(y - 1, 0) * size, below = Math.Min(y + 1, size - 1) * size, row = y * size;
            for (int x = (y + colour) & 1; x < size; x += 2)
            {
                if (seen[row + x] == 0)
                {
                    int up = (above + x) * 3, down = (below + x) * 3, to = (row + x) * 3;
                    int left = (row + Math.Max(x - 1, 0)) * 3, right = (row + Math.Min(x + 1, size - 1)) * 3;
                    for (int channel = 0; channel < 3; channel++)
                    {
                        rgb[to + channel] = 0.25f * (rgb[up + channel] + rgb[down + channel] + rgb[left + channel] + rgb[right + channel]);
                    }
                }
            }
        });
    }
}
