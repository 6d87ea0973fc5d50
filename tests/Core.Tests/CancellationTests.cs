using MeshFromFaces.Core.Imaging;
using MeshFromFaces.Core.Texturing;
using NetVips;
using Xunit;

namespace MeshFromFaces.Core.Tests;

/// <summary>Work that takes long stops in its middle, not only before and after.</summary>
public sealed class CancellationTests
{
    [Fact]
    public void Vips_stops_at_once_and_says_that_it_was_cancelled()
    {
        using var noise = Image.Gaussnoise(2048, 2048);
        using var picture = noise.Cast(Enums.BandFormat.Uchar);
        using var cancellation = new CancellationTokenSource();
        int reached = 0;
        picture.SetProgress(new Immediate<int>(percent =>
        {
            reached = percent;
            if (percent >= 10)
            {
                cancellation.Cancel();
            }
        }));

        Assert.Throws<OperationCanceledException>(() => VipsWork.Run(picture, () => picture.PngsaveBuffer(), cancellation.Token));

        Assert.InRange(reached, 10, 99);
    }

    [Fact]
    public void A_photo_whose_decoding_was_cancelled_is_not_called_damaged()
    {
        using var ramp = Image.Xyz(640, 480);
        using var picture = ramp.ExtractBand(0).Cast(Enums.BandFormat.Uchar);
        Assert.Throws<OperationCanceledException>(() =>
            PhotoDecoder.Decode(new PhotoFile("ramp.png", picture.PngsaveBuffer()), cancellation: new CancellationToken(canceled: true)));
    }

    [Fact]
    public void Filling_stops_between_its_sweeps()
    {
        const int Size = 256;
        using var cancellation = new CancellationTokenSource();
        var parts = new List<double>();
        void Report(double part)
        {
            parts.Add(part);
            if (part > 0.3)
            {
                cancellation.Cancel();
            }
        }

        Assert.Throws<OperationCanceledException>(() => HoleFill.Apply(new float[Size * Size * 3], new byte[Size * Size], Size, Report, cancellation.Token));

        Assert.Equal(parts.Order(), parts);
        Assert.InRange(parts[^1], 0.3, 0.9);
    }

    private sealed class Immediate<T>(Action<T> report) : IProgress<T>
    {
        public void Report(T value) => report(value);
    }
}
