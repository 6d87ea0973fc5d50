using System.Numerics;

namespace MeshFromFaces.Core.Geometry;

/// <summary>
/// The z-buffer of a posed mesh over its part of the photo, one cell a photo pixel (coarser where the face is larger than
/// 2048 pixels, finer where more cells are asked for). Holds inverse depth, which is linear in the image.
/// </summary>
public sealed class DepthBuffer
{
    /// <summary>Cells over the face that tell what of it is seen, however few its pixels: of a face of 30, two are as wide as the nose is high.</summary>
    public const int QuerySide = 512;

    private const int MaxSide = 2048;

    // What lies this much behind its neighbour is another part of the head, where that is not as steep as this.
    private const float Step = 0.015f; // m
    private const float Steepest = 4;

    // Of a cell's neighbours, those that a pass over the rows has done.
    private static readonly (int X, int Y)[] Behind = [(1, 0), (1, 1), (0, 1), (-1, 1)];

    // A query is hidden when something stands this far in front of it, beside what its cell's width explains.
    private const float QueryTolerance = 0.003f; // m

    // Cosine between a surface's normal and the way to the camera, below which it faces away. Such a point near an outline has
    // nothing much in front of it.
    private const float Facing = 0.02f;

    // A surface within this of the plane through a point is the same surface; a lid stands more than this before its eye.
    private const float SameSurface = 0.001f; // m

    private readonly int _width, _height;
    private readonly double _left, _top;
    private readonly float _cellAngle;      // width of a cell over its depth
    private readonly float[] _inverse;      // [height, width], 1/m, 0 where nothing is
    private readonly float[] _nearest;      // greatest of each cell's 3x3
    private readonly float[] _farthest;     // smallest of each cell's 3x3
    private readonly Lazy<ushort[]> _inwards; // cells to the nearest outline, diagonals as long as sides

    /// <param name="camera">The view's.</param>
    /// <param name="mesh">What may hide what.</param>
    /// <param name="leastSide">Cells over the longer side of the face, at least.</param>
    public DepthBuffer(PhotoCamera camera, Mesh mesh, int leastSide = 0)
    {
        Camera = camera;
        var points = new Vector3[mesh.Head.Length]; // photo pixels and inverse depth
        double left = double.MaxValue, top = double.MaxValue, right = double.MinValue, bottom = double.MinValue;
        for (int i = 0; i < points.Length; i++)
        {
            var (x, y, depth) = camera.Homogeneous(camera.Pose.ToCamera(mesh.Head[i]));
            points[i] = new Vector3((float)(x / depth), (float)(y / depth), (float)(1 / depth));
            (left, right) = (Math.Min(left, points[i].X), Math.Max(right, points[i].X));
            (top, bottom) = (Math.Min(top, points[i].Y), Math.Max(bottom, points[i].Y));
        }
        // Two cells of margin, within the photo. A face outside the photo leaves one empty cell.
        _left = Math.Clamp(Math.Floor(left) - 2, 0, camera.Width - 1);
        _top = Math.Clamp(Math.Floor(top) - 2, 0, camera.Height - 1);
        double across = Math.Clamp(Math.Ceiling(right) + 2, _left + 1, camera.Width) - _left;
        double down = Math.Clamp(Math.Ceiling(bottom) + 2, _top + 1, camera.Height) - _top;
        double side = Math.Max(across, down);
        CellsPerPixel = Math.Min(Math.Max(side, leastSide), MaxSide) / side;
        _width = (int)Math.Ceiling(across * CellsPerPixel);
        _height = (int)Math.Ceiling(down * CellsPerPixel);
        _cellAngle = (float)(1 / (camera.PixelsPerFaceUnit * 2 * camera.Pose.FocalMm / PhotoCamera.SensorMm * CellsPerPixel));
        _inverse = new float[_width * _height];
        var triangles = mesh.Topology.Triangles.AsSpan();
        for (int i = 0; i < triangles.Length; i += 3)
        {
            Draw(ToCell(points[triangles[i]]), ToCell(points[triangles[i + 1]]), ToCell(points[triangles[i + 2]]));
        }
        (_nearest, _farthest) = Spread();
        _inwards = new(Inwards);
    }

    public PhotoCamera Camera { get; }

    /// <summary>1 where the face has neither too many pixels nor too few.</summary>
    public double CellsPerPixel { get; }

    /// <summary>Cells of the longer side.</summary>
    public int Side => Math.Max(_width, _height);

    /// <summary>Whether a point of the face is inside the photo with nothing in front of it.</summary>
    public bool Sees(Vector3 head)
    {
        var (x, y, depth) = Camera.Homogeneous(Camera.Pose.ToCamera(head));
        var (px, py) = (x / depth, y / depth);
        if (!Camera.Sees(px, py))
        {
            return false;
        }
        int cell = Cell(px, py);
        if (cell < 0 || _inverse[cell] == 0)
        {
            return true; // Outside the mesh's outline: nothing can hide it.
        }
        // A cell's own width in metres, twice: the surface may slope away within it.
        return depth - (1 / _inverse[cell]) <= QueryTolerance + (2 * _cellAngle * depth);
    }

    /// <summary>Whether a point of the face is inside the photo, faces the camera and has nothing in front of it.</summary>
    /// <param name="head">Head space, metres.</param>
    /// <param name="normal">The surface's there, outwards, head space, of any length.</param>
    public bool Sees(Vector3 head, Vector3 normal)
    {
        var away = Camera.Pose.ToCamera(head);
        return Vector3.Dot(Camera.Pose.Turn(normal), away) < -Facing * normal.Length() * away.Length() && Sees(head);
    }

    /// <summary>
    /// Whether a point of the mesh's surface is safe to read a colour at: everything within a cell of it lies on its own
    /// surface, neither in front of it nor behind it, so that no pixel mixed at an outline gets into the texture.
    /// </summary>
    /// <param name="x">Photo pixels.</param>
    /// <param name="y">Photo pixels.</param>
    /// <param name="inverse">The point's inverse depth, 1/m.</param>
    /// <param name="slope">How much the inverse depth of its triangle changes a photo pixel, |d/dx| + |d/dy|.</param>
    public bool Clear(double x, double y, float inverse, float slope)
    {
        int cell = Cell(x, y);
        if (cell < 0)
        {
            return false;
        }
        // The neighbours' far corners are a cell and a half away; a curved surface leaves its plane by a part of a cell there.
        // A small difference of depths is that of their inverses over the inverse squared.
        float bias = (slope * (float)(1.5 / CellsPerPixel)) + (((SameSurface * inverse) + (0.5f * _cellAngle)) * inverse);
        return _nearest[cell] <= inverse + bias && _farthest[cell] >= inverse - bias;
    }

    /// <summary>Photo pixels from a point to the nearest outline, of the mesh or of a part of it before another; 0 outside the mesh.</summary>
    public double FromOutline(double x, double y)
    {
        int cell = Cell(x, y);
        return cell < 0 ? 0 : _inwards.Value[cell] / CellsPerPixel;
    }

    private int Cell(double x, double y)
    {
        double cx = (x - _left) * CellsPerPixel, cy = (y - _top) * CellsPerPixel;
        return cx >= 0 && cy >= 0 && cx < _width && cy < _height ? ((int)cy * _width) + (int)cx : -1;
    }

    private Vector3 ToCell(Vector3 point) =>
        new((float)((point.X - _left) * CellsPerPixel), (float)((point.Y - _top) * CellsPerPixel), point.Z);

    // Cells whose centre the triangle covers, either side up: the back of a nose hides as well as its front. The three
    // barycentrics are affine along a row, so each row's span is where all of them are positive, or a little less, that no
    // seam shows between two triangles.
    private void Draw(Vector3 a, Vector3 b, Vector3 c)
    {
        const float Reach = 1e-4f;
        float area = Cross(b - a, c - a);
        if (area == 0 || !float.IsFinite(area))
        {
            return;
        }
        var (stepA, stepB) = ((b.Y - c.Y) / area, (c.Y - a.Y) / area);
        float left = MathF.Min(a.X, MathF.Min(b.X, c.X)), right = MathF.Max(a.X, MathF.Max(b.X, c.X));
        int firstY = (int)Math.Clamp(MathF.Min(a.Y, MathF.Min(b.Y, c.Y)), 0, _height), lastY = (int)Math.Clamp(MathF.Max(a.Y, MathF.Max(b.Y, c.Y)), -1, _height - 1);
        for (int y = firstY; y <= lastY; y++)
        {
            var start = new Vector3(0.5f, y + 0.5f, 0);
            float wa = Cross(c - b, start - b) / area, wb = Cross(a - c, start - c) / area;
            float from = MathF.Max(left - 0.5f, 0), to = MathF.Min(right - 0.5f, _width - 1);
            Cut(wa + Reach, stepA, ref from, ref to);
            Cut(wb + Reach, stepB, ref from, ref to);
            Cut(1 - wa - wb + Reach, -stepA - stepB, ref from, ref to);
            var row = _inverse.AsSpan(y * _width, _width);
            float step = (stepA * (a.Z - c.Z)) + (stepB * (b.Z - c.Z)), origin = c.Z + (wa * (a.Z - c.Z)) + (wb * (b.Z - c.Z));
            for (int x = (int)MathF.Ceiling(from); x <= to; x++)
            {
                float inverse = origin + (step * x);
                if (inverse > row[x])
                {
                    row[x] = inverse;
                }
            }
        }
    }

    // Narrows a range of x to where at + step x >= 0.
    private static void Cut(float at, float step, ref float from, ref float to)
    {
        if (step > 0)
        {
            from = MathF.Max(from, -at / step);
        }
        else if (step < 0)
        {
            to = MathF.Min(to, -at / step);
        }
        else if (at < 0)
        {
            to = -1;
        }
    }

    private static float Cross(Vector3 a, Vector3 b) => (a.X * b.Y) - (a.Y * b.X);

    // Greatest and smallest of each cell's 3x3: down the columns into one row's scratch, then along it.
    private (float[] Nearest, float[] Farthest) Spread()
    {
        var (nearest, farthest) = (new float[_inverse.Length], new float[_inverse.Length]);
        Parallel.For(0, _height, () => new float[2 * _width], (y, _, scratch) =>
        {
            Span<float> Row(float[] rows, int at) => rows.AsSpan(Math.Clamp(at, 0, _height - 1) * _width, _width);
            Span<float> above = Row(_inverse, y - 1), here = Row(_inverse, y), below = Row(_inverse, y + 1);
            Span<float> high = scratch.AsSpan(0, _width), low = scratch.AsSpan(_width), most = Row(nearest, y), least = Row(farthest, y);
            for (int x = 0; x < here.Length; x++)
            {
                high[x] = Greater(above[x], Greater(here[x], below[x]));
                low[x] = Smaller(above[x], Smaller(here[x], below[x]));
            }
            for (int x = 0; x < here.Length; x++)
            {
                int left = Math.Max(x - 1, 0), right = Math.Min(x + 1, here.Length - 1);
                most[x] = Greater(high[left], Greater(high[x], high[right]));
                least[x] = Smaller(low[left], Smaller(low[x], low[right]));
            }
            return scratch;
        }, _ => { });
        return (nearest, farthest);
    }

    // A chessboard distance (Rosenfeld and Pfaltz 1966), in two passes. What is beyond the photo may be face.
    private ushort[] Inwards()
    {
        var inwards = new ushort[_inverse.Length];
        void Pass(int first, int step)
        {
            for (int i = 0, cell = first; i < inwards.Length; i++, cell += step)
            {
                int x = cell % _width, y = cell / _width, nearest = step < 0 ? inwards[cell] - 1 : IsOutline(cell) ? -1 : ushort.MaxValue - 1;
                foreach (var (dx, dy) in Behind)
                {
                    int nx = x - (dx * step), ny = y - (dy * step);
                    if (nx >= 0 && nx < _width && ny >= 0 && ny < _height)
                    {
                        nearest = Math.Min(nearest, inwards[(ny * _width) + nx]);
                    }
                }
                inwards[cell] = (ushort)(nearest + 1);
            }
        }
        Pass(0, 1);
        Pass(inwards.Length - 1, -1);
        return inwards;
    }

    // Something much farther, or nothing, lies in the cell or beside it.
    private bool IsOutline(int cell)
    {
        float nearest = 1 / _nearest[cell], farthest = 1 / _farthest[cell]; // m; infinite where nothing is
        return !(farthest - nearest < Step + (Steepest * 2 * _cellAngle * nearest));
    }

    // Inverse depths are numbers; MathF's care for NaN costs twice as much.
    private static float Greater(float a, float b) => a > b ? a : b;

    private static float Smaller(float a, float b) => a < b ? a : b;
}
