using MeshFromFaces.Core.Imaging;

namespace MeshFromFaces.Core.Texturing;

/// <summary>
/// The combined texture: each texel the plain mean, in linear light, of the views that see it (the paper's rule).
/// Sums are exact for up to 64 views (see <see cref="Srgb.Linear"/>), so the order of the views changes nothing.
/// </summary>
internal sealed class TextureBlend(int size)
{
    private readonly float[] _sums = new float[size * size * 3];
    private readonly byte[] _views = new byte[size * size];

    public void Add(Atlas view)
    {
        var light = Srgb.Linear;
        Parallel.For(0, size, y =>
        {
            for (int texel = y * size; texel < (y + 1) * size; texel++)
            {
                if (view.Rgba[(texel * 4) + 3] != 0)
                {
                    _sums[texel * 3] += light[view.Rgba[texel * 4]];
                    _sums[(texel * 3) + 1] += light[view.Rgba[(texel * 4) + 1]];
                    _sums[(texel * 3) + 2] += light[view.Rgba[(texel * 4) + 2]];
                    _views[texel]++;
                }
            }
        });
    }

    /// <summary>The mean where a view saw the texel (alpha 255), smoothly filled everywhere else (alpha 0). Call once: it works in place.</summary>
    /// <param name="report">Takes how much is done, 0..1.</param>
    public Atlas Average(Action<double>? report = null, CancellationToken cancellation = default)
    {
        Parallel.For(0, size, y =>
        {
            for (int texel = y * size; texel < (y + 1) * size; texel++)
            {
                if (_views[texel] > 1)
                {
                    _sums[texel * 3] /= _views[texel];
                    _sums[(texel * 3) + 1] /= _views[texel];
                    _sums[(texel * 3) + 2] /= _views[texel];
                }
            }
        });
        HoleFill.Apply(_sums, _views, size, report, cancellation);
        var rgba = new byte[size * size * 4];
        Parallel.For(0, size, y =>
        {
            for (int texel = y * size; texel < (y + 1) * size; texel++)
            {
                rgba[texel * 4] = Srgb.Encode(_sums[texel * 3]);
                rgba[(texel * 4) + 1] = Srgb.Encode(_sums[(texel * 3) + 1]);
                rgba[(texel * 4) + 2] = Srgb.Encode(_sums[(texel * 3) + 2]);
                rgba[(texel * 4) + 3] = _views[texel] > 0 ? (byte)255 : (byte)0;
            }
        });
        return new Atlas(size, rgba);
    }
}
