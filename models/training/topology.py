"""Our own quad mesh of the canonical face: a regular grid with edge loops around eyes, mouth and nostrils.

Each opening sits in a rectangular block of the grid. The block's outline continues inwards as rings down to
the opening's rim (an O-grid), and the rim is filled with the block's own cells. The mesh lives in UV space.
"""
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.sparse as sparse
import scipy.sparse.linalg
from scipy.spatial import cKDTree

from .canonical import LAYOUTS, Canonical
from .surface import PARTS

TOPOLOGY = LAYOUTS.parent / "topologies" / "mid.obj"
GRID = 68  # cells a side; even, for the symmetry line to be an edge loop


@dataclass(frozen=True)
class Opening:
    """A rim to be met by an edge loop, and the block of cells around it."""

    rim: np.ndarray  # [n, 2] closed uv polygon
    width: int  # cells of the block, both even
    height: int
    rings: int
    part: str  # of the cells inside the rim


@dataclass(frozen=True)
class Topology:
    uv: np.ndarray  # [N, 2]
    quads: np.ndarray  # [M, 4], counter-clockwise seen from outside
    part: np.ndarray  # [M] index into PARTS
    mirror: np.ndarray  # [N]


def rim_points(rim: np.ndarray, count: int) -> np.ndarray:
    """`count` uv points on a closed polygon, half on each chain between its leftmost and rightmost point.

    Counter-clockwise from the leftmost point, evenly spaced along each chain: [count, 2].
    """
    area = 0.5 * np.sum(rim[:, 0] * np.roll(rim[:, 1], -1) - rim[:, 1] * np.roll(rim[:, 0], -1))
    rim = rim if area > 0 else rim[::-1]
    rim = np.roll(rim, -int(rim[:, 0].argmin()), axis=0)
    turn = int(rim[:, 0].argmax())
    points = []
    for chain in (rim[: turn + 1], np.concatenate([rim[turn:], rim[:1]])):
        arc = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(chain, axis=0), axis=1))])
        position = np.linspace(0, arc[-1], count // 2 + 1)[:-1]
        points.append(np.stack([np.interp(position, arc, chain[:, k]) for k in range(2)], 1))
    return np.concatenate(points)


def block_outline(width: int, height: int) -> np.ndarray:
    """Cell corners (column, row) around a block, counter-clockwise from the middle of its left side: [2(w+h), 2]."""
    down = [(0, j) for j in range(height // 2, 0, -1)]
    bottom = [(i, 0) for i in range(width)]
    right = [(width, j) for j in range(height)]
    top = [(i, height) for i in range(width, 0, -1)]
    left = [(0, j) for j in range(height, height // 2, -1)]
    return np.array(down + bottom + right + top + left)


def grid_outline(canonical: Canonical) -> np.ndarray:
    """uv of the grid's outline [4 * GRID, 2], counter-clockwise from the middle of the left side."""
    rim = canonical.uv[canonical.surface.rims["outer"]]
    direction = block_outline(GRID, GRID) / (GRID / 2) - 1  # on the square's edge, in [-1, 1]
    polar = np.arctan2(rim[:, 1] - 0.5, rim[:, 0] - 0.5)
    order = np.argsort(polar)
    radius = np.linalg.norm(rim - 0.5, axis=1)[order]
    angle = np.arctan2(direction[:, 1], direction[:, 0])
    length = np.interp(angle, polar[order], radius, period=2 * np.pi)
    return 0.5 + length[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)


def build(canonical: Canonical, openings: list[Opening]) -> Topology:
    """The mesh: fixed on outline and rims, relaxed in between (each free vertex at its neighbours' mean)."""
    stride = GRID + 1
    ids = np.arange(stride * stride).reshape(stride, stride)  # [row, column], row 0 at v = 0
    start = np.stack(np.meshgrid(np.arange(stride), np.arange(stride)), -1).reshape(-1, 2) / GRID
    positions, fixed = [start], {}
    for corner, point in zip(block_outline(GRID, GRID), grid_outline(canonical)):
        fixed[ids[corner[1], corner[0]]] = point
    part = np.zeros((GRID, GRID), int)
    hole = np.zeros((GRID, GRID), bool)
    quads, parts, total = [], [], stride * stride
    for opening in openings:
        centre = 0.5 * (opening.rim.min(0) + opening.rim.max(0)) * GRID
        column, row = (np.round(centre - np.array([opening.width, opening.height]) / 2)).astype(int)
        outline = block_outline(opening.width, opening.height)
        outer = ids[row + outline[:, 1], column + outline[:, 0]]
        rim = rim_points(opening.rim, len(outline))
        ring_ids = [outer] + [total + r * len(outline) + np.arange(len(outline)) for r in range(opening.rings)]
        total += opening.rings * len(outline)
        for r in range(1, opening.rings + 1):
            positions.append(start[outer] + (rim - start[outer]) * r / opening.rings)
        fixed.update(zip(ring_ids[-1].tolist(), rim))
        for a, b in zip(ring_ids, ring_ids[1:]):
            quads.append(np.stack([a, np.roll(a, -1), np.roll(b, -1), b], 1))
            parts.append(np.zeros(len(a), int))
        # The block's own cells fill the rim.
        hole[row : row + opening.height, column : column + opening.width] = True
        local = ids[row : row + opening.height + 1, column : column + opening.width + 1].copy()
        local[outline[:, 1], outline[:, 0]] = ring_ids[-1]
        quads.append(np.stack([local[:-1, :-1], local[:-1, 1:], local[1:, 1:], local[1:, :-1]], -1).reshape(-1, 4))
        parts.append(np.full(opening.width * opening.height, PARTS.index(opening.part)))
    cells = np.stack([ids[:-1, :-1], ids[:-1, 1:], ids[1:, 1:], ids[1:, :-1]], -1)
    quads.append(cells[~hole])
    parts.append(part[~hole])
    quads, parts, uv = np.concatenate(quads), np.concatenate(parts), np.concatenate(positions)

    uv = relax(uv, quads, fixed)
    mirror = cKDTree(uv).query(uv * [-1, 1] + [1, 0])[1]
    if not (mirror[mirror] == np.arange(len(uv))).all():
        raise ValueError("the topology is not mirror-symmetric")
    uv = 0.5 * (uv + uv[mirror] * [-1, 1] + [1, 0])
    corners = uv[quads]
    for k in range(4):
        a, b, c = corners[:, k - 1], corners[:, k], corners[:, (k + 1) % 4]
        cross = (b - a)[:, 0] * (c - b)[:, 1] - (b - a)[:, 1] * (c - b)[:, 0]
        if (cross <= 0).sum() > 0:
            worst = uv[quads[cross.argmin()]].mean(0)
            raise ValueError(f"{(cross <= 0).sum()} folded quads, the worst at uv {worst.round(3)}")
    return Topology(uv, quads, parts, mirror)


def relax(uv: np.ndarray, quads: np.ndarray, fixed: dict) -> np.ndarray:
    """Solves for the free vertices at the mean of their neighbours, [N, 2]."""
    n = len(uv)
    edges = np.concatenate([quads[:, [k, (k + 1) % 4]] for k in range(4)])
    adjacency = sparse.coo_matrix((np.ones(len(edges)), edges.T), shape=(n, n)).tocsr()
    adjacency = ((adjacency + adjacency.T) > 0).astype(float)
    held = np.array(sorted(fixed))
    free = np.setdiff1d(np.arange(n), held)
    result = np.zeros((n, 2))
    result[held] = np.array([fixed[i] for i in held.tolist()])
    degree = sparse.diags(np.asarray(adjacency.sum(1)).ravel())
    laplacian = (degree - adjacency).tocsr()
    result[free] = scipy.sparse.linalg.spsolve(laplacian[free][:, free].tocsc(), -laplacian[free][:, held] @ result[held])
    return result


def left_nostril_rim() -> np.ndarray:
    """The crease around the subject's left nostril, an ellipse in uv [32, 2] read off the chart's normal map."""
    turns = np.linspace(0, 2 * np.pi, 32, endpoint=False)
    centre, tilt = np.array([0.559, 0.529]), np.radians(-10)
    x, y = 0.036 * np.cos(turns), 0.021 * np.sin(turns)
    return centre + np.stack([x * np.cos(tilt) - y * np.sin(tilt), x * np.sin(tilt) + y * np.cos(tilt)], 1)


def mid(canonical: Canonical) -> Topology:
    """The shipped topology."""
    rims = {name: canonical.uv[loop] for name, loop in canonical.surface.rims.items()}
    openings = [Opening(rims["mouth"], 22, 10, 5, "mouth")]
    for rim, width, height, rings, part in ((rims["left_eye"], 14, 10, 4, "left_eye"), (left_nostril_rim(), 8, 6, 2, "skin")):
        openings.append(Opening(rim, width, height, rings, part))
        across = rim[::-1] * [-1, 1] + [1, 0]  # an exact mirror image, whatever vertex the loop starts from
        openings.append(Opening(across, width, height, rings, part.replace("left", "right")))
    return build(canonical, openings)


def write_obj(path: Path, topology: Topology, positions: np.ndarray) -> None:
    """The topology as OBJ: canonical UVs, positions [N, 3] in metres, one group a part."""
    lines = ["# MeshFromFaces canonical topology: head space, metres; vt are canonical UVs"]
    lines += [f"v {x:.6f} {y:.6f} {z:.6f}" for x, y, z in positions]
    lines += [f"vt {u:.6f} {v:.6f}" for u, v in topology.uv]
    for index, name in enumerate(PARTS):
        lines.append(f"g {name}")
        lines += ["f " + " ".join(f"{i + 1}/{i + 1}" for i in quad) for quad in topology.quads[topology.part == index]]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


def read_obj(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """uv [N, 2] and quads [M, 4] of a topology that `write_obj` wrote."""
    rows = [line.split() for line in path.read_text().splitlines()]
    uv = np.array([row[1:] for row in rows if row[:1] == ["vt"]], np.float64)
    return uv, np.array([[int(corner.split("/")[0]) - 1 for corner in row[1:]] for row in rows if row[:1] == ["f"]])
