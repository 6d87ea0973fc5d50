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
        Parallel.For(0, size, () => new float[stride], (y, _, sums) =>
        {
            Array.Clear(sums);
            for (int tap = 0; tap < rows.Count[y]; tap++)
            {
                int row = rows.Start[y] + tap;
                AddScaled(photo.Pixels.AsSpan(row * stride, stride), rows.Weight(y, tap), sums);
            }
            for (int x = 0; x < size; x++)
            {
                float r = 0, g = 0, b = 0;
                int at = columns.Start[x] * 3;
                for (int tap = 0; tap < columns.Count[x]; tap++, at += 3)
                {
                    float weight = columns.Weight(x, tap);
                    r += weight * sums[at];
                    g += weight * sums[at + 1];
                    b += weight * sums[at + 2];
                }
                int pixel = offset + (y * size) + x;
                planes[pixel] = r * (1 / 255f);
                planes[pixel + (size * size)] = g * (1 / 255f);
                planes[pixel + (2 * size * size)] = b * (1 / 255f);
            }
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
        float scale = 1f / (255f * across * down);
        float stepX = (float)(toPhoto.Xx / across), stepY = (float)(toPhoto.Yx / across);
        Parallel.For(0, size, y =>
        {
            var pixels = photo.Pixels.AsSpan();
            bool inside = RowInside(photo, toPhoto, size, y);
            for (int x = 0; x < size; x++)
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
                int pixel = offset + (y * size) + x;
                planes[pixel] = sum[0] * scale;
                planes[pixel + (size * size)] = sum[1] * scale;
                planes[pixel + (2 * size * size)] = sum[2] * scale;
            }
        });
    }

    private static int Samples(double dx, double dy) => (int)Math.Clamp(Math.Sqrt((dx * dx) + (dy * dy)), 1, MaxSamples);

    private static int BlockSide(Affine toPhoto)
    {
        double across = Math.Sqrt((toPhoto.Xx * toPhoto.Xx) + (toPhoto.Yx * toPhoto.Yx)), down = Math.Sqrt((toPhoto.Xy * toPhoto.Xy) + (toPhoto.Yy * toPhoto.Yy));
        return (int)Math.Clamp(Math.Min(across, down), 1, MaxBlock);
    }

    // The blocks of the photo that the crop sees, averaged, and the affine to them.
    private static (Photo Blocks, Affine ToBlocks) InBlocks(Photo photo, Affine toPhoto, int size, int block)
    {
        var (left, columns) = Range(toPhoto.Xx, toPhoto.Xy, toPhoto.X0, photo.Width);
        var (top, rows) = Range(toPhoto.Yx, toPhoto.Yy, toPhoto.Y0, photo.Height);
        int stride = photo.Width * 3, start = left * block * 3, length = Math.Min(columns * block * 3, stride - start);
        float mean = 1f / (block * block);
        byte[] pixels = new byte[rows * columns * 3];
        Parallel.For(0, rows, () => new ushort[columns * block * 3], (row, _, sums) =>
        {
            Array.Clear(sums); // What lies beyond the photo stays black.
            int first = (top + row) * block;
            for (int y = first; y < Math.Min(first + block, photo.Height); y++)
            {
                Add(photo.Pixels.AsSpan((y * stride) + start, length), sums);
            }
            for (int column = 0; column < columns; column++)
            {
                int r = 0, g = 0, b = 0;
                for (int i = column * block * 3; i < (column + 1) * block * 3; i += 3)
                {
                    r += sums[i];
                    g += sums[i + 1];
                    b += sums[i + 2];
                }
                int pixel = ((row * columns) + column) * 3;
                pixels[pixel] = (byte)((r * mean) + 0.5f);
                pixels[pixel + 1] = (byte)((g * mean) + 0.5f);
                pixels[pixel + 2] = (byte)((b * mean) + 0.5f);
            }
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

    private static void Add(ReadOnlySpan<byte> row, Span<ushort> sums)
    {
        int i = 0;
        for (; Vector.IsHardwareAccelerated && i <= row.Length - Vector<byte>.Count; i += Vector<byte>.Count)
        {
            Vector.Widen(new Vector<byte>(row[i..]), out var low, out var high);
            var target = MemoryMarshal.Cast<ushort, Vector<ushort>>(sums.Slice(i, Vector<byte>.Count));
            target[0] += low;
            target[1] += high;
        }
        for (; i < row.Length; i++)
        {
            sums[i] += row[i];
        }
    }

    // All three channels at once; positions are positive here, so the cast rounds down.
    private static Vector128<float> Inside(ReadOnlySpan<byte> pixels, int width, float fx, float fy)
    {
        int ix = (int)fx, iy = (int)fy;
        int upper = ((iy * width) + ix) * 3, lower = upper + (width * 3);
        var (a, b) = (Pixel(pixels, upper), Pixel(pixels, upper + 3));
        var (c, d) = (Pixel(pixels, lower), Pixel(pixels, lower + 3));
        var top = a + ((b - a) * (fx - ix));
        var bottom = c + ((d - c) * (fx - ix));
        return top + ((bottom - top) * (fy - iy));
    }

    // Reads one byte past the pixel, which is why 'inside' keeps a pixel's distance from the photo's end.
    private static Vector128<float> Pixel(ReadOnlySpan<byte> pixels, int at)
    {
        var bytes = Vector128.CreateScalarUnsafe(BinaryPrimitives.ReadUInt32LittleEndian(pixels[at..])).AsByte();
        return Vector128.ConvertToSingle(Vector128.WidenLower(Vector128.WidenLower(bytes)).AsInt32());
    }

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

    private static void AddScaled(ReadOnlySpan<byte> row, float weight, Span<float> sums)
    {
        int i = 0;
        if (Vector.IsHardwareAccelerated)
        {
            var scale = new Vector<float>(weight);
            for (; i <= row.Length - Vector<byte>.Count; i += Vector<byte>.Count)
            {
                Vector.Widen(new Vector<byte>(row[i..]), out var low, out var high);
                Vector.Widen(low, out var first, out var second);
                Vector.Widen(high, out var third, out var fourth);
                var target = MemoryMarshal.Cast<float, Vector<float>>(sums.Slice(i, Vector<byte>.Count));
                target[0] += Vector.ConvertToSingle(Vector.AsVectorInt32(first)) * scale;
                target[1] += Vector.ConvertToSingle(Vector.AsVectorInt32(second)) * scale;
                target[2] += Vector.ConvertToSingle(Vector.AsVectorInt32(third)) * scale;
                target[3] += Vector.ConvertToSingle(Vector.AsVectorInt32(fourth)) * scale;
            }
        }
        for (; i < row.Length; i++)
        {
            sums[i] += weight * row[i];
        }
    }

    /// <summary>For each output position of one axis, which source pixels it takes and with what weight.</summary>
    private sealed class Taps(int count, int most)
    {
        public readonly int[] Start = new int[count];
        public readonly int[] Count = new int[count];
        private readonly float[] _weights = new float[count * most];

        public float Weight(int output, int tap) => _weights[(output * most) + tap];

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
                taps.Start[i] = first;
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
