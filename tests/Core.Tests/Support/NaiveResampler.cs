using MeshFromFaces.Core.Imaging;

namespace MeshFromFaces.Core.Tests.Support;

/// <summary>The plain loops that <see cref="Resampler"/> must equal.</summary>
internal static class NaiveResampler
{
    public static void Square(Photo photo, int size, float[] planes, int offset = 0)
    {
        double scale = (double)photo.SquareSide / size, padX = (photo.SquareSide - photo.Width) / 2.0, padY = (photo.SquareSide - photo.Height) / 2.0;
        for (int i = 0; i < 3 * size * size; i++)
        {
            int x = i % size, y = i / size % size, channel = i / (size * size);
            // The area under one output pixel, photo pixel by photo pixel; black where there is none.
            double left = (x * scale) - padX, top = (y * scale) - padY, sum = 0;
            for (int py = (int)Math.Floor(top); py < top + scale; py++)
            {
                for (int px = (int)Math.Floor(left); px < left + scale; px++)
                {
                    if (px >= 0 && py >= 0 && px < photo.Width && py < photo.Height)
                    {
                        double across = Math.Min(px + 1, left + scale) - Math.Max(px, left), down = Math.Min(py + 1, top + scale) - Math.Max(py, top);
                        sum += across * down * photo.Pixels[(((py * photo.Width) + px) * 3) + channel];
                    }
                }
            }
            planes[offset + i] = (float)(sum / (scale * scale * 255));
        }
    }

    public static void Crop(Photo photo, Affine toPhoto, int size, float[] planes, int offset = 0)
    {
        int block = (int)Math.Max(1, Math.Min(Length(toPhoto.Xx, toPhoto.Yx), Length(toPhoto.Xy, toPhoto.Yy)));
        if (block > 1)
        {
            photo = InBlocks(photo, block);
            toPhoto = new Affine(toPhoto.Xx / block, toPhoto.Xy / block, toPhoto.X0 / block, toPhoto.Yx / block, toPhoto.Yy / block, toPhoto.Y0 / block);
        }
        int across = Samples(toPhoto.Xx, toPhoto.Yx), down = Samples(toPhoto.Xy, toPhoto.Yy);
        for (int i = 0; i < 3 * size * size; i++)
        {
            int x = i % size, y = i / size % size, channel = i / (size * size);
            double sum = 0;
            for (int row = 0; row < down; row++)
            {
                for (int column = 0; column < across; column++)
                {
                    var (px, py) = toPhoto.Apply(x + ((column + 0.5) / across), y + ((row + 0.5) / down));
                    sum += Bilinear(photo, px - 0.5, py - 0.5, channel);
                }
            }
            planes[offset + i] = (float)(sum / (across * down * 255));
        }
    }

    // One for each whole pixel, 16 at most.
    private static int Samples(double dx, double dy) => (int)Math.Clamp(Length(dx, dy), 1, 16);

    private static double Length(double dx, double dy) => Math.Sqrt((dx * dx) + (dy * dy));

    private static Photo InBlocks(Photo photo, int block)
    {
        int width = (photo.Width + block - 1) / block, height = (photo.Height + block - 1) / block;
        byte[] pixels = new byte[width * height * 3];
        for (int i = 0; i < pixels.Length; i++)
        {
            int left = i / 3 % width * block, top = i / 3 / width * block, sum = 0;
            for (int y = top; y < Math.Min(top + block, photo.Height); y++)
            {
                for (int x = left; x < Math.Min(left + block, photo.Width); x++)
                {
                    sum += photo.Pixels[(((y * photo.Width) + x) * 3) + (i % 3)];
                }
            }
            pixels[i] = (byte)((sum * (1f / (block * block))) + 0.5f);
        }
        return new Photo(photo.Name, width, height, pixels);
    }

    private static double Bilinear(Photo photo, double x, double y, int channel)
    {
        double sum = 0;
        int left = (int)Math.Floor(x), top = (int)Math.Floor(y);
        for (int j = 0; j < 2; j++)
        {
            for (int i = 0; i < 2; i++)
            {
                int px = left + i, py = top + j;
                if (px >= 0 && py >= 0 && px < photo.Width && py < photo.Height)
                {
                    sum += Math.Abs(1 - i - (x - left)) * Math.Abs(1 - j - (y - top)) * photo.Pixels[(((py * photo.Width) + px) * 3) + channel];
                }
            }
        }
        return sum;
    }
}
