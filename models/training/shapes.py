"""Small geometry for what heads wear: solids, sheets, outlines and smooth noise. Metres, head space."""
import numpy as np

from .normals import VertexNormals, unit
from .raster import Solid


def smooth(x: np.ndarray, low: float, high: float) -> np.ndarray:
    """Hermite step from 0 at `low` to 1 at `high`."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def waves(rng: np.random.Generator, points: np.ndarray, wavelength: float) -> np.ndarray:
    """Smooth random values [n] around 0, of deviation about 0.7, at points [n, 3]."""
    directions = rng.normal(0, 2 * np.pi / wavelength, (5, 3))
    return np.sin(points @ directions.T + rng.uniform(0, 2 * np.pi, 5)).mean(1) * 2.2


def polygon_distance(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Signed distance [n] of points [n, 2] to the outline of a polygon [m, 2], positive inside."""
    best, inside = np.full(len(points), np.inf), np.zeros(len(points), bool)
    for a, b in zip(corners, np.roll(corners, -1, axis=0)):
        along = np.clip(((points - a) @ (b - a)) / ((b - a) @ (b - a)), 0, 1)
        best = np.minimum(best, np.linalg.norm(points - a - along[:, None] * (b - a), axis=1))
        crosses = (a[1] > points[:, 1]) != (b[1] > points[:, 1])
        inside ^= crosses & (points[:, 0] < (b[0] - a[0]) * (points[:, 1] - a[1]) / (b[1] - a[1] + 1e-12) + a[0])
    return np.where(inside, best, -best)


def combed(rng: np.random.Generator, across: float, along: float) -> np.ndarray:
    """A map [3, 3] from head space to the noise's cube whose strands run in one random, mostly falling direction."""
    direction = unit(rng.normal(0, [0.8, 0.5, 1.0]) + [0, 1.0, 0])
    side = unit(np.cross(direction, [0.3, 0.1, 1.0]))
    return np.stack([side * across, np.cross(direction, side) * across, direction * along])


def grid_triangles(rows: int, columns: int, closed: bool = False) -> np.ndarray:
    """Triangles [m, 3] of a grid of vertices numbered row by row; `closed` joins each row's end to its start."""
    row, column = np.meshgrid(np.arange(rows - 1), np.arange(columns if closed else columns - 1), indexing="ij")
    a, b = row * columns + column, row * columns + (column + 1) % columns
    quads = np.stack([a, b, b + columns, a + columns], -1).reshape(-1, 4)
    return np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])


def sheet(points: np.ndarray, centre: np.ndarray, closed: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A mesh of a grid of points [rows, columns, 3]: vertices, normals away from `centre`, triangles."""
    vertices = points.reshape(-1, 3)
    triangles = grid_triangles(*points.shape[:2], closed)
    normals = VertexNormals(triangles, len(vertices))(vertices)
    if (normals * (vertices - centre)).sum() < 0:
        normals = -normals
    return vertices, normals, triangles


def solid(mesh: tuple[np.ndarray, np.ndarray, np.ndarray], tint, gloss: float = 0.02, grain: float = 0.1) -> Solid:
    """A mesh in one colour (linear)."""
    vertices, normals, triangles = mesh
    count = len(vertices)
    return Solid(vertices, normals, np.tile(tint, (count, 1)), np.tile([gloss, grain], (count, 1)), triangles)


def tube(path: np.ndarray, radius, tint, gloss=0.3, grain=0.0, sides=8, closed=False) -> Solid:
    """A tube of `radius` (a number or [n]) along `path` [n, 3]; a closed one returns to its start."""
    path = np.asarray(path, float)
    tangent = unit(np.roll(path, -1, 0) - np.roll(path, 1, 0)) if closed else unit(np.gradient(path, axis=0))
    helper = np.where(np.abs(tangent[:, 1:2]) < 0.9, [[0.0, 1.0, 0.0]], [[1.0, 0.0, 0.0]])
    side = unit(np.cross(tangent, helper))
    angle = np.linspace(0, 2 * np.pi, sides, endpoint=False)[None, :, None]
    normal = side[:, None] * np.cos(angle) + np.cross(tangent, side)[:, None] * np.sin(angle)
    points = path[:, None] + normal * np.broadcast_to(radius, len(path))[:, None, None]  # [n, sides, 3]
    if closed:
        points, normal = (np.concatenate([values, values[:1]]) for values in (points, normal))
    return solid((points.reshape(-1, 3), normal.reshape(-1, 3), grid_triangles(len(points), sides, closed=True)), tint, gloss, grain)


def capsule(start, end, radius: float, tint, gloss=0.1, grain=0.06) -> Solid:
    """A round-ended stick."""
    start, end, sides = np.asarray(start, float), np.asarray(end, float), 10
    angle = np.linspace(-np.pi / 2, np.pi / 2, 10)[:, None]
    centre = np.where(angle < 0, start, end)
    path = centre + np.sin(angle) * radius * unit(end - start)
    stick = tube(path, np.maximum(np.cos(angle[:, 0]), 0.02) * radius, tint, gloss, grain, sides)
    return Solid(stick.position, unit(stick.position - np.repeat(centre, sides, 0)), stick.tint, stick.finish, stick.triangles)
