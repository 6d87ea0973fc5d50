"""The canonical surface C: ICT's face skin with the eye and mouth openings capped, and its one UV chart.

The caps are our own ruled patches between the upper and lower rim of each opening. Every vertex of C is a
function of ICT vertices, so every ICT identity and expression gives an exact 3D point for every uv.
"""
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sparse
from scipy.spatial import Delaunay, cKDTree

from .ict import FACE_VERTICES, IctModel, SCLERA

PARTS = ("skin", "left_eye", "right_eye", "mouth")
CAP_ROWS = (0.2, 0.4, 0.6, 0.8)  # between the upper (0) and the lower rim (1)
SKIN_VERTICES = FACE_VERTICES.stop


def boundary_loops(triangles: np.ndarray) -> list[np.ndarray]:
    """Vertex loops [n] along the mesh's open edges, longest first."""
    directed = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    inner = {(b, a) for a, b in directed.tolist()}
    following = {a: b for a, b in directed.tolist() if (a, b) not in inner}
    loops = []
    while following:
        start, vertex = following.popitem()
        loop = [start]
        while vertex != start:
            loop.append(vertex)
            vertex = following.pop(vertex)
        loops.append(np.array(loop))
    return sorted(loops, key=len, reverse=True)


@dataclass(frozen=True)
class Cap:
    """A ruled patch over an opening: point = (1 - t) upper(s) + t lower(s), bulged by the mean eyeball."""

    weights: sparse.csr_matrix  # [n, SKIN_VERTICES] the ruled point
    gap: sparse.csr_matrix  # [n, SKIN_VERTICES] lower(s) - upper(s)
    triangles: np.ndarray  # [m, 3] into the rim (>= 0, skin vertices) or the cap (SKIN_VERTICES + i, local i)
    bulge: np.ndarray  # [n, 3] m, at the mean; zero for the mouth
    mean_gap: np.ndarray  # [n] m

    def vertices(self, skin: np.ndarray) -> np.ndarray:
        """Cap vertices [B, n, 3] for skin vertices [B, SKIN_VERTICES, 3]."""
        batch = len(skin)
        flat = skin.transpose(1, 0, 2).reshape(SKIN_VERTICES, -1)
        ruled = (self.weights @ flat).reshape(-1, batch, 3).transpose(1, 0, 2)
        gap = np.linalg.norm((self.gap @ flat).reshape(-1, batch, 3), axis=2).T
        openness = np.clip(gap / self.mean_gap, 0, 1.5)[..., None]  # a closed lid has no bulge left
        return ruled + self.bulge * openness


def make_cap(loop: np.ndarray, opened: np.ndarray, mean: np.ndarray, eyeball: tuple | None) -> Cap:
    """Caps the rim `loop`. `opened` and `mean` [SKIN_VERTICES, 3]; eyeball: (centre [3], radius) or None."""
    x = opened[loop, 0]
    start, end = int(np.argmin(x)), int(np.argmax(x))
    chains = [np.roll(loop, -start)[: (end - start) % len(loop) + 1],
              np.roll(loop[::-1], -(len(loop) - 1 - start))[: (start - end) % len(loop) + 1]]
    chains.sort(key=lambda chain: -opened[chain, 1].mean())  # upper first

    def arc(chain):
        length = np.linalg.norm(np.diff(opened[chain], axis=0), axis=1)
        return np.concatenate([[0], np.cumsum(length)]) / length.sum()

    def point_weights(chain, s):
        position = np.interp(s, arc(chain), np.arange(len(chain)))
        low = np.minimum(position.astype(int), len(chain) - 2)
        row, part = np.arange(len(s)), position - low
        return sparse.csr_matrix((np.concatenate([1 - part, part]), (np.tile(row, 2), np.concatenate([chain[low], chain[low + 1]]))),
                                 shape=(len(s), SKIN_VERTICES))

    columns = np.linspace(0, 1, max(map(len, chains)))[1:-1]
    s, t = (grid.ravel() for grid in np.meshgrid(columns, CAP_ROWS))
    upper, lower = point_weights(chains[0], s), point_weights(chains[1], s)
    weights = sparse.diags(1 - t) @ upper + sparse.diags(t) @ lower
    gap = lower - upper

    # A lens with the rim on its convex outline: Delaunay then covers exactly the opening.
    def lens(s, t):
        return np.stack([s, (0.5 - t) * np.sin(np.pi * s)], axis=1)

    rim = np.concatenate([chains[0], chains[1][1:-1]])
    flat = np.concatenate([lens(arc(chains[0]), np.zeros(len(chains[0]))),
                           lens(arc(chains[1])[1:-1], np.ones(len(chains[1]) - 2)), lens(s, t)])
    simplices = Delaunay(flat).simplices
    a, b, c = flat[simplices].transpose(1, 0, 2)
    area = (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]
    simplices = np.where(area[:, None] > 0, simplices, simplices[:, ::-1])[np.abs(area) > 1e-9]
    index = np.concatenate([rim, SKIN_VERTICES + np.arange(len(s))])

    ruled = weights @ mean
    bulge = np.zeros_like(ruled)
    if eyeball is not None:
        centre, radius = eyeball
        bulge = (ruled - centre) * (radius / np.linalg.norm(ruled - centre, axis=1, keepdims=True) - 1)
        bulge *= np.sin(np.pi * s)[:, None] ** 0.5 * np.minimum(1, 5 * t * (1 - t))[:, None]  # meets the rim
    mean_gap = np.maximum(np.linalg.norm(gap @ mean, axis=1), 1e-4)
    return Cap(weights.tocsr(), gap.tocsr(), index[simplices], bulge.astype(np.float32), mean_gap)


def fit_sphere(points: np.ndarray) -> tuple[np.ndarray, float]:
    """Least-squares centre [3] and radius of points [n, 3]."""
    solution = np.linalg.lstsq(np.c_[2 * points, np.ones(len(points))], (points**2).sum(1), rcond=None)[0]
    return solution[:3], float(np.sqrt(solution[3] + solution[:3] @ solution[:3]))


@dataclass(frozen=True)
class Surface:
    """The canonical surface, before or after its chart is made."""

    triangles: np.ndarray  # [M, 3]
    part: np.ndarray  # [M] index into PARTS
    mean: np.ndarray  # [N, 3] m
    mirror: np.ndarray  # [N] the vertex across the symmetry plane
    rims: dict[str, np.ndarray]  # outer, left_eye, right_eye, mouth
    caps: tuple[Cap, ...]

    @staticmethod
    def build(ict: IctModel) -> "Surface":
        skin_triangles = ict.triangles("face")
        outer, mouth, *eyes = boundary_loops(skin_triangles)
        mean = ict.mean[:SKIN_VERTICES]
        left, right = sorted(eyes, key=lambda loop: -mean[loop, 0].mean())
        opened = mean + 0.5 * ict.expression[ict.expression_names.index("jawOpen"), :SKIN_VERTICES]
        tree = cKDTree(mean)
        mirror = tree.query(mean * [-1, 1, 1])[1]
        assert (mirror[mirror] == np.arange(SKIN_VERTICES)).all(), "the skin is not mirror-symmetric"

        caps, triangles, parts, mirrors, base = [], [skin_triangles], [np.zeros(len(skin_triangles), int)], [mirror], SKIN_VERTICES
        for name, loop in (("left_eye", left), ("right_eye", right), ("mouth", mouth)):
            eyeball = fit_sphere(ict.mean[SCLERA[name]]) if name != "mouth" else None
            cap = make_cap(loop, opened, mean, eyeball)
            triangles.append(np.where(cap.triangles < SKIN_VERTICES, cap.triangles, cap.triangles - SKIN_VERTICES + base))
            parts.append(np.full(len(cap.triangles), PARTS.index(name)))
            caps.append(cap)
            base += len(cap.bulge)
        full = np.concatenate([mean] + [cap.vertices(mean[None])[0] for cap in caps])
        # Cap vertices mirror within the opened pose, where the mouth's rows stay apart.
        open_full = np.concatenate([opened] + [cap.vertices(opened[None])[0] for cap in caps])
        cap_mirror = cKDTree(open_full[SKIN_VERTICES:]).query(open_full[SKIN_VERTICES:] * [-1, 1, 1])[1] + SKIN_VERTICES
        mirrors = np.concatenate([mirror, cap_mirror])
        assert (mirrors[mirrors] == np.arange(len(full))).all(), "the caps are not mirror-symmetric"
        return Surface(np.concatenate(triangles), np.concatenate(parts), full.astype(np.float32), mirrors,
                       {"outer": outer, "left_eye": left, "right_eye": right, "mouth": mouth}, tuple(caps))

    def vertices(self, ict_vertices: np.ndarray) -> np.ndarray:
        """Vertices of C [B, N, 3] for ICT vertices [B, >= SKIN_VERTICES, 3]."""
        skin = ict_vertices[:, :SKIN_VERTICES]
        return np.concatenate([skin] + [cap.vertices(skin) for cap in self.caps], axis=1)
