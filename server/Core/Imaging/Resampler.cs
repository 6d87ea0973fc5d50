using System.Buffers;
using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace MeshFromFaces.Core.Imaging;

/// <summary>
/// The two resamplings before the networks. Both work on the sRGB-encoded values, as in training, and write
/// planes of 0..1: [3, size, size], R first.
/// </summary>
internal static class Resampler
{
    // Samples a side of one output pixel, where a crop that is stretched has more photo pixels one way than the other.
    private const int MaxSamples = 16;

    // A block's sum, a column at a time, fits into 16 bits.
    private const int MaxBlock = ushort.MaxValue / byte.MaxValue;

    /// <summary>The photo centred in its square with black around it, shrunk by exact area averages (enlarged: bilinear).</summary>
    /// <param name="planes">[3, size, size] at <paramref name="offset"/>.</param>
    public static void Square(Photo photo, int size, float[] planes, int offset = 0)
    {
        var columns = Taps.Make(photo.Width, photo.SquareSide, size);
        var rows = Taps.Make(photo.Height, photo.SquareSide, size);
        int stride = photo.Width * 3;
        Parallel.For(0, size, () => new float[stride + 1], (y, _, sums) => // One more, as a pixel's channels are read four at a time.
        {
            Sum(photo.Pixels.AsSpan(rows.Start[y] * stride, rows.Count[y] * stride), rows.Weights(y), sums.AsSpan(0, stride));
            Average(sums, columns, new PlanarRow(planes, offset, size, y));
            return sums;
        }, _ => { });
    }

    /// <summary>
    /// The face image I': a large photo is averaged in square blocks, so that it does not alias, to the crop's resolution or a
    /// little more, as in training; each output pixel is then the mean of a regular grid of bilinear samples over the area it
    /// covers, one for each whole block across. Black outside the photo.
    /// </summary>
    /// <param name="toPhoto">Output pixels (centres at half-integers) to photo pixels.</param>
    /// <param name="planes">[3, size, size] at <paramref name="offset"/>.</param>
    public static void Crop(Photo photo, Affine toPhoto, int size, float[] planes, int offset = 0)
    {
        int block = BlockSide(toPhoto);
        if (block > 1)
        {
            (photo, toPhoto) = InBlocks(photo, toPhoto, size, block);
        }
        int across = Samples(toPhoto.Xx, toPhoto.Yx);
        int down = Samples(toPhoto.Xy, toPhoto.Yy);
        Parallel.For(0, size, y => CropRow(photo, toPhoto, y, across, down, new PlanarRow(planes, offset, size, y)));
        if (block > 1)
        {
            ArrayPool<byte>.Shared.Return(photo.Pixels);
        }
    }

    private static void CropRow(Photo photo, Affine toPhoto, int y, int across, int down, PlanarRow row)
    {
        float scale = 1f / (255f * across * down);
        float stepX = (float)(toPhoto.Xx / across), stepY = (float)(toPhoto.Yx / across);
        ReadOnlySpan<byte> pixels = photo.Pixels;
        bool inside = RowInside(photo, toPhoto, row.Length, y);
        for (int x = 0; x < row.Length; x++)
        {
            var sum = Vector128<float>.Zero;
            for (int j = 0; j < down; j++)
            {
                // Half-integer pixel centres: a sample's position less a half is the index of its upper left pixel.
                var (px, py) = toPhoto.Apply(x + (0.5 / across), y + ((j + 0.5) / down));
                float fx = (float)px - 0.5f, fy = (float)py - 0.5f;
                for (int i = 0; i < across; i++, fx += stepX, fy += stepY)
                {
                    sum += inside ? Inside(pixels, photo.Width, fx, fy) : AtEdge(photo, fx, fy);
                }
            }
            row.Set(x, sum * scale);
        }
    }

    private static int Samples(double dx, double dy) => (int)Math.Clamp(Math.Sqrt((dx * dx) + (dy * dy)), 1, MaxSamples);

    private static int BlockSide(Affine toPhoto)
    {
        double across = Math.Sqrt((toPhoto.Xx * toPhoto.Xx) + (toPhoto.Yx * toPhoto.Yx)), down = Math.Sqrt((toPhoto.Xy * toPhoto.Xy) + (toPhoto.Yy * toPhoto.Yy));
        return (int)Math.Clamp(Math.Min(across, down), 1, MaxBlock);
    }

    // The blocks of the photo that the crop sees, averaged, and the affine to them. Their pixels are to be returned to the pool.
    private static (Photo Blocks, Affine ToBlocks) InBlocks(Photo photo, Affine toPhoto, int size, int block)
    {
        var (left, columns) = Range(toPhoto.Xx, toPhoto.Xy, toPhoto.X0, photo.Width);
        var (top, rows) = Range(toPhoto.Yx, toPhoto.Yy, toPhoto.Y0, photo.Height);
        int stride = photo.Width * 3, start = left * block * 3, length = Math.Min(columns * block * 3, stride - start);
        byte[] pixels = ArrayPool<byte>.Shared.Rent(rows * columns * 3);
        Parallel.For(0, rows, () => new ushort[(columns * block * 3) + 5], (row, _, sums) => // Five more, as a pixel's channels are read eight at a time.
        {
            int first = (top + row) * block;
            // What lies beyond the photo stays black.
            Sum(photo.Pixels.AsSpan((first * stride) + start), stride, Math.Min(block, photo.Height - first), sums.AsSpan(0, length));
            Average(sums, block, pixels.AsSpan(row * columns * 3, columns * 3));
            return sums;
        }, _ => { });
        double scale = 1.0 / block;
        var toBlocks = new Affine(
            toPhoto.Xx * scale, toPhoto.Xy * scale, (toPhoto.X0 * scale) - left,
            toPhoto.Yx * scale, toPhoto.Yy * scale, (toPhoto.Y0 * scale) - top);
        return (new Photo(photo.Name, columns, rows, pixels), toBlocks);

        // Blocks that the crop covers along one axis, and one more on either side for what is between their centres.
        (int First, int Count) Range(double perX, double perY, double origin, int side)
        {
            double low = origin + (Math.Min(perX, 0) * size) + (Math.Min(perY, 0) * size), high = low + ((Math.Abs(perX) + Math.Abs(perY)) * size);
            int most = (side + block - 1) / block;
            int first = (int)Math.Clamp(Math.Floor(low / block) - 1, 0, most - 1), end = (int)Math.Clamp(Math.Ceiling(high / block) + 1, first + 1, most);
            return (first, end - first);
        }
    }

    // Of the first bytes of `count` rows, `stride` bytes apart.
    private static void Sum(ReadOnlySpan<byte> rows, int stride, int count, Span<ushort> sums)
    {
        int i = 0;
        for (; Vector.IsHardwareAccelerated && i <= sums.Length - Vector<byte>.Count; i += Vector<byte>.Count)
        {
            Vector<ushort> low = default, high = default;
            for (int row = 0, at = i; row < count; row++, at += stride)
            {
                Vector.Widen(new Vector<byte>(rows[at..]), out var first, out var second);
                low += first;
                high += second;
            }
            var target = MemoryMarshal.Cast<ushort, Vector<ushort>>(sums.Slice(i, Vector<byte>.Count));
            (target[0], target[1]) = (low, high);
        }
        for (; i < sums.Length; i++)
        {
            sums[i] = 0;
            for (int row = 0, at = i; row < count; row++, at += stride)
            {
                sums[i] += rows[at];
            }
        }
    }

    // All three channels at once; positions are positive here, so the conversion rounds down.
    private static Vector128<float> Inside(ReadOnlySpan<byte> pixels, int width, float fx, float fy)
    {
        var (ix, iy) = (Whole(fx), Whole(fy));
        int upper = ((iy * width) + ix) * 3;
        var (a, b) = Pair(pixels.Slice(upper, sizeof(ulong)));
        var (c, d) = Pair(pixels.Slice(upper + (width * 3), sizeof(ulong)));
        var top = a + ((b - a) * (fx - ix));
        var bottom = c + ((d - c) * (fx - ix));
        return top + ((bottom - top) * (fy - iy));
    }

    // Without the care for numbers that no int holds.
    private static int Whole(float value) => Vector128.ConvertToInt32Native(Vector128.CreateScalarUnsafe(value)).ToScalar();

    // Two pixels side by side, and two bytes more, which is why 'inside' keeps a pixel's distance from the photo's end.
    private static (Vector128<float> Left, Vector128<float> Right) Pair(ReadOnlySpan<byte> bytes)
    {
        ulong both = BinaryPrimitives.ReadUInt64LittleEndian(bytes);
        return (Channels((uint)both), Channels((uint)(both >> 24)));
    }

    private static Vector128<float> Channels(uint pixel) =>
        Vector128.ConvertToSingle(Vector128.WidenLower(Vector128.WidenLower(Vector128.CreateScalarUnsafe(pixel).AsByte())).AsInt32());

    private static Vector128<float> AtEdge(Photo photo, float fx, float fy)
    {
        int ix = (int)MathF.Floor(fx), iy = (int)MathF.Floor(fy);
        float tx = fx - ix, ty = fy - iy;
        return (At(photo, ix, iy) * ((1 - tx) * (1 - ty))) + (At(photo, ix + 1, iy) * (tx * (1 - ty)))
            + (At(photo, ix, iy + 1) * ((1 - tx) * ty)) + (At(photo, ix + 1, iy + 1) * (tx * ty));
    }

    private static Vector128<float> At(Photo photo, int x, int y)
    {
        if ((uint)x >= (uint)photo.Width || (uint)y >= (uint)photo.Height)
        {
            return Vector128<float>.Zero; // Black outside the photo.
        }
        var pixel = photo.Pixels.AsSpan(((y * photo.Width) + x) * 3, 3);
        return Vector128.Create((float)pixel[0], pixel[1], pixel[2], 0);
    }

    // A row of output pixels is a parallelogram in the photo: inside when its corners are, with a pixel to spare.
    private static bool RowInside(Photo photo, Affine toPhoto, int size, int y)
    {
        bool Inside(double x, double row)
        {
            var (px, py) = toPhoto.Apply(x, row);
            return px >= 1 && py >= 1 && px <= photo.Width - 2 && py <= photo.Height - 2;
        }
        return Inside(0, y) && Inside(size, y) && Inside(0, y + 1) && Inside(size, y + 1);
    }

    // Of rows that lie one after another, each by its weight.
    private static void Sum(ReadOnlySpan<byte> rows, ReadOnlySpan<float> weights, Span<float> sums)
    {
        int i = 0;
        for (; Vector.IsHardwareAccelerated && i <= sums.Length - Vector<byte>.Count; i += Vector<byte>.Count)
        {
            Vector<float> a = default, b = default, c = default, d = default;
            for (int tap = 0, at = i; tap < weights.Length; tap++, at += sums.Length)
            {
                var scale = new Vector<float>(weights[tap]);
                Vector.Widen(new Vector<byte>(rows[at..]), out var low, out var high);
                Vector.Widen(low, out var first, out var second);
                Vector.Widen(high, out var third, out var fourth);
                a += Vector.ConvertToSingle(Vector.AsVectorInt32(first)) * scale;
                b += Vector.ConvertToSingle(Vector.AsVectorInt32(second)) * scale;
                c += Vector.ConvertToSingle(Vector.AsVectorInt32(third)) * scale;
                d += Vector.ConvertToSingle(Vector.AsVectorInt32(fourth)) * scale;
            }
            var target = MemoryMarshal.Cast<float, Vector<float>>(sums.Slice(i, Vector<byte>.Count));
            (target[0], target[1], target[2], target[3]) = (a, b, c, d);
        }
        for (; i < sums.Length; i++)
        {
            sums[i] = 0;
            for (int tap = 0, at = i; tap < weights.Length; tap++, at += sums.Length)
            {
                sums[i] += weights[tap] * rows[at];
            }
        }
    }

    // A row of sums (R, G, B, 0..255) to one of averages (0..1), all three channels at once.
    private static void Average(ReadOnlySpan<float> sums, Taps columns, PlanarRow row)
    {
        for (int x = 0; x < row.Length; x++)
        {
            var mean = Vector128<float>.Zero;
            int at = columns.Start[x] * 3;
            foreach (float weight in columns.Weights(x))
            {
                mean += Vector128.Create(sums.Slice(at, 4)) * weight;
                at += 3;
            }
            row.Set(x, mean * (1 / 255f));
        }
    }

    // A row of blocks' sums, a column of photo pixels at a time, to one of their means.
    private static void Average(ReadOnlySpan<ushort> sums, int block, Span<byte> means)
    {
        float mean = 1f / (block * block);
        for (int at = 0, start = 0; at < means.Length; at += 3)
        {
            var sum = Vector128<uint>.Zero;
            for (int i = 0; i < block; i++, start += 3)
            {
                sum += Vector128.WidenLower(Vector128.Create(sums.Slice(start, 8)));
            }
            var rounded = Vector128.ConvertToInt32((Vector128.ConvertToSingle(sum.AsInt32()) * mean) + Vector128.Create(0.5f));
            (means[at], means[at + 1], means[at + 2]) = ((byte)rounded[0], (byte)rounded[1], (byte)rounded[2]);
        }
    }

    /// <summary>Row y of planes [3, size, size] at an offset.</summary>
    private readonly ref struct PlanarRow(float[] planes, int offset, int size, int y)
    {
        private readonly Span<float> _red = planes.AsSpan(offset + (y * size), size);
        private readonly Span<float> _green = planes.AsSpan(offset + ((size + y) * size), size);
        private readonly Span<float> _blue = planes.AsSpan(offset + (((2 * size) + y) * size), size);

        public int Length => _red.Length;

        public void Set(int x, Vector128<float> pixel) => (_red[x], _green[x], _blue[x]) = (pixel[0], pixel[1], pixel[2]);
    }

    /// <summary>For each output position of one axis, which source pixels it takes and with what weight.</summary>
    private sealed class Taps(int count, int most)
    {
        public readonly int[] Start = new int[count];
        public readonly int[] Count = new int[count];
        private readonly float[] _weights = new float[count * most];

        public ReadOnlySpan<float> Weights(int output) => _weights.AsSpan(output * most, Count[output]);

        /// <param name="source">Pixels of the photo on this axis.</param>
        /// <param name="square">Pixels of the square; what the photo leaves free is black, half at each end.</param>
        /// <param name="output">Pixels wanted.</param>
        public static Taps Make(int source, int square, int output)
        {
            double scale = (double)square / output;
            // Centred as the theta convention has it; an odd rest leaves the photo on a half pixel.
            double pad = (square - source) / 2.0;
            var taps = new Taps(output, (int)Math.Ceiling(scale) + 2);
            for (int i = 0; i < output; i++)
            {
                // A box of one output pixel, or, when enlarging, a tent of one source pixel (bilinear).
                double centre = ((i + 0.5) * scale) - pad;
                double reach = scale >= 1 ? scale / 2 : 1;
                int first = Math.Max(0, (int)Math.Floor(scale >= 1 ? centre - reach : centre - 0.5));
                int last = Math.Min(source - 1, (int)Math.Ceiling(scale >= 1 ? centre + reach : centre + 0.5) - 1);
                taps.Start[i] = Math.Min(first, source - 1); // Beyond the photo there is none to take.
                for (int pixel = first; pixel <= last; pixel++)
                {
                    double weight = scale >= 1
                        ? (Math.Min(pixel + 1, centre + reach) - Math.Max(pixel, centre - reach)) / scale
                        : Math.Max(0, 1 - Math.Abs(pixel + 0.5 - centre));
                    taps._weights[(i * taps.Most) + taps.Count[i]++] = (float)weight;
                }
            }
            return taps;
        }

        private int Most => most;
    }
}
