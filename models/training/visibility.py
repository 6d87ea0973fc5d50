"""Visibility: which queries the server would call seen, against what was rendered.

The server draws the posed mesh into a z-buffer of the photo's pixels, or of finer cells where the face is small, and calls
hidden what lies behind it or faces away (DepthBuffer.cs, whose rules and tolerances are repeated here). It cannot know of hair,
hats, glasses and hands; the rendered truth does. So there are two truths: of the dressed heads, and of the same heads bare
(`render --views`). And the truth has a finer rule, 1.5 mm of tolerance: the server's rule on the true shape in the true pose
tells what that costs.
"""
import numpy as np
from scipy.spatial import Delaunay

from .anchors import INNER
from .canonical import located
from .crops import apply, invert
from .data import to_square
from .faces import asked
from .facemesh import POINTS
from .network import SENSOR_MM
from .normals import VertexNormals
from .topology import TOPOLOGY, read_obj

QUERY_SIDE = 512  # cells over the face, at least
QUERY_TOLERANCE_M = 0.003
CELLS = 2  # widths of a cell that a surface may slope away within one
MIN_FACING = 0.02  # cosine
REACH = 1e-4  # of a barycentric, so that no seam shows
LONGEST_EDGE = 0.08  # in uv; longer edges of a triangulated pool bridge the chart's outline


def rasterise(points: np.ndarray, inverse: np.ndarray, triangles: np.ndarray, width: int, height: int) -> np.ndarray:
    """The z-buffer [height, width] of inverse depths, 1/m, 0 where nothing is: the greatest at each pixel's centre.

    points [N, 2] px, pixel edges at integers; inverse [N] 1/m, linear in the image; triangles [M, 3], either side up.
    Each triangle is drawn a line of pixels at a time, all lines of all triangles at once.
    """
    a, b, c = (points[triangles[:, k]] for k in range(3))
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    corners = np.stack([a, b, c])
    low = np.maximum(np.ceil(corners.min(0) - 0.5), 0).astype(int)
    high = np.minimum(np.floor(corners.max(0) - 0.5), [width - 1, height - 1]).astype(int)
    drawn = np.flatnonzero((np.abs(area) > 1e-12) & (high >= low).all(1))
    triangle, y = runs(drawn, low[drawn, 1], high[drawn, 1])
    # Along a line a barycentric is at + slope x; a triangle is where none of the three is negative.
    start, end = np.stack([b, c, a])[:, triangle], np.stack([c, a, b])[:, triangle]
    (along, up), double = np.moveaxis(end - start, 2, 0), area[triangle]
    slope = -up / double
    at = (along * (y + 0.5 - start[..., 1]) + up * start[..., 0]) / double
    with np.errstate(divide="ignore", invalid="ignore"):  # an edge along the line bounds nothing in it
        edge = (-REACH - at) / slope
    first = np.maximum(low[triangle, 0], np.ceil(np.where(slope > 0, edge, -np.inf).max(0) - 0.5))
    last = np.minimum(high[triangle, 0], np.floor(np.where(slope < 0, edge, np.inf).min(0) - 0.5))
    line, x = runs(np.arange(len(triangle)), first.astype(int), last.astype(int))
    corner = inverse[triangles[triangle]].T  # [3, lines]
    values = ((at + slope * 0.5) * corner).sum(0)[line] + (slope * corner).sum(0)[line] * x
    cells = y[line] * width + x
    order = np.argsort(values)
    result = np.zeros(width * height)
    result[cells[order]] = values[order]  # of several values for one cell, the last stays
    return result.reshape(height, width)


def runs(items: np.ndarray, first: np.ndarray, last: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each of the items [N] once for each whole number from its first to its last, and these numbers."""
    count = np.maximum(last - first + 1, 0)
    return np.repeat(items, count), np.arange(count.sum()) - np.repeat(count.cumsum() - count - first, count)


def seen(queries: np.ndarray, mesh: np.ndarray, triangles: np.ndarray, pose: tuple, theta: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Which queries [K, 3] m the posed mesh [N, 3] m leaves in sight and the image holds: bool [K]. pose: R, T, focal mm."""
    rotation, translation, focal_mm = pose
    height, width = image.shape[:2]
    zoom = 2 * focal_mm / SENSOR_MM

    def pictured(head):
        camera = head @ rotation.T + translation
        depth = np.maximum(-camera[:, 2], 0.05)
        return apply(invert(to_square(image)), apply(theta, zoom * camera[:, :2] * [1, -1] / depth[:, None])), depth

    points, depth = pictured(mesh)
    corner = np.clip(np.floor(points.min(0)) - 2, 0, [width - 1, height - 1])
    extent = np.clip(np.ceil(points.max(0)) + 2, corner + 1, [width, height]) - corner
    fine = max(1, QUERY_SIDE / extent.max())  # cells a pixel
    cells = np.ceil(extent * fine).astype(int)
    buffer = rasterise((points - corner) * fine, 1 / depth, triangles, *cells)
    pixel, depth = pictured(queries)
    inside = ((pixel >= 0.5) & (pixel <= np.array([width, height]) - 0.5)).all(1)
    place = (pixel - corner) * fine
    drawn = ((place >= 0) & (place < cells)).all(1)
    column, row = np.clip(place, 0, cells - 1).astype(int).T
    before = np.where(drawn, buffer[row, column], 0)
    cell = 2 / (np.sqrt(abs(np.linalg.det(theta[:, :2]))) * max(width, height) * zoom * fine)  # its width over its depth
    clear = depth - 1 / np.maximum(before, 1e-6) <= QUERY_TOLERANCE_M + CELLS * cell * depth
    return inside & ((before == 0) | clear)


def pool_triangles(uv: np.ndarray) -> np.ndarray:
    """Queries [K, 2] as a mesh: triangles [M, 3], counter-clockwise seen from outside."""
    triangles = Delaunay(uv).simplices
    edges = np.linalg.norm(uv[triangles] - uv[np.roll(triangles, 1, 1)], axis=2)
    triangles = triangles[edges.max(1) < LONGEST_EDGE]
    (x1, y1), (x2, y2) = ((uv[triangles[:, k]] - uv[triangles[:, 0]]).T for k in (1, 2))
    return np.where((x1 * y2 > y1 * x2)[:, None], triangles, triangles[:, ::-1])


def facing(points: np.ndarray, normals: np.ndarray, pose: tuple) -> np.ndarray:
    """Cosine [K] of the angle between the normal [K, 3] at each point [K, 3] and the direction to the camera."""
    rotation, translation, _ = pose
    camera = points @ rotation.T + translation
    lengths = np.linalg.norm(normals, axis=1) * np.linalg.norm(camera, axis=1)
    return -(normals @ rotation.T * camera).sum(1) / np.maximum(lengths, 1e-12)


def measure(network, answer: dict, sources: list, visible: np.ndarray, face: np.ndarray) -> dict:
    """Shares of queries in %: those called as visible [N, K] has it, of all the spread pool, of the face [K] and of iBUG's 51;
    what the same rule on the true mesh would call rightly, which is the most that it can; and where the two meshes' calls agree.
    """
    uv, quads = read_obj(TOPOLOGY)
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    pool = sources[0].uv
    spread = np.arange(len(pool)) >= POINTS + INNER
    inner = np.zeros(len(pool), bool)
    inner[POINTS : POINTS + INNER] = True
    own, (triangle, barycentric) = pool_triangles(pool), located(pool, uv[triangles])
    mesh_normals, own_normals = VertexNormals(triangles, len(uv)), VertexNormals(own, len(pool))
    positions = asked(network, answer, np.concatenate([pool, uv]), "render")["position"].astype(np.float64)
    shares = {name: [] for name in ("right", "trueMeshRight", "asTrueMesh")}
    for i, source in enumerate(sources):
        found = answer["rotation"][i].astype(np.float64), answer["translation"][i].astype(np.float64), float(answer["focal_mm"][i, 0])
        true = source.rotation.astype(np.float64), source.translation.astype(np.float64), source.focal_mm
        points, mesh, position = positions[i, : len(pool)], positions[i, len(pool) :], source.position.astype(np.float64)
        normals = np.einsum("kcx,kc->kx", mesh_normals(mesh)[triangles[triangle]], barycentric)
        called = seen(points, mesh, triangles, found, answer["theta"][i].astype(np.float64), source.image) & (facing(points, normals, found) > MIN_FACING)
        knowing = seen(position, position, own, true, np.eye(2, 3), source.image) & (facing(position, own_normals(position), true) > MIN_FACING)
        shares["right"].append(called == visible[i])
        shares["trueMeshRight"].append(knowing == visible[i])
        shares["asTrueMesh"].append(called == knowing)
    parts = {"": spread, "Face": face & spread, "Inner51": inner}
    return {"faces": len(sources), **{key + part: 100 * np.stack(share)[:, chosen].mean() for key, share in shares.items() for part, chosen in parts.items()}}
