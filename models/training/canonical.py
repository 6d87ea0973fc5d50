"""The canonical face: from any uv to an exact 3D point, and the files of models/canonical."""
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from scipy.ndimage import distance_transform_edt
from scipy.spatial import cKDTree

from .chart import make_chart
from .ict import IctModel
from .surface import Surface

MAP_SIZE = 512  # texels a side of the position map
LAYOUTS = Path(__file__).parents[1] / "canonical" / "layouts"

# Of the landmarks on one half of the face, uv, placed by hand on the training portraits and on the mean of their atlases (skin.py): on the
# brows' hair, the nose's lower edge, the lids' and the lips' edges; the lower lip's inner edge, of a closed mouth, lies on the mouth's cap.
# How far along a lid or a lip a point lies, and how near the nose the eye's inner corner, a picture does not tell: there they follow the
# mean positions of these points that dlib publishes for its alignment of faces.
# ICT-FaceKit's vertices are some 2 % of the outer eyes' distance off these: its model has no texture to tell by.
PLACED = {
    17: (0.1920, 0.7388), 18: (0.2498, 0.7859), 19: (0.3259, 0.8067), 20: (0.4016, 0.8043), 21: (0.4530, 0.7907), 31: (0.3958, 0.5052),
    32: (0.4475, 0.5045), 33: (0.5000, 0.5100), 36: (0.2449, 0.6676), 37: (0.2999, 0.7210), 38: (0.3565, 0.7241), 39: (0.3875, 0.6784),
    40: (0.3375, 0.6480), 41: (0.2822, 0.6399), 48: (0.3583, 0.3873), 49: (0.3984, 0.4330), 50: (0.4498, 0.4542), 51: (0.5000, 0.4531),
    57: (0.5000, 0.3125), 58: (0.4442, 0.3158), 59: (0.3962, 0.3326), 60: (0.3757, 0.4007), 61: (0.4498, 0.4303), 62: (0.5000, 0.4342),
    66: (0.5000, 0.3795), 67: (0.4442, 0.3767),
}
MIRRORED = {17: 26, 18: 25, 19: 24, 20: 23, 21: 22, 31: 35, 32: 34, 36: 45, 37: 44, 38: 43, 39: 42, 40: 47, 41: 46, 48: 54, 49: 53, 50: 52, 58: 56, 59: 55,
            60: 64, 61: 63, 67: 65}


def located(uv: np.ndarray, corners: np.ndarray, middles: cKDTree | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Of the triangles [M, 3, 2] that cover a chart, which [K] each uv [K, 2] lies in and its barycentrics [K, 3] there; a uv
    off the chart goes to its edge. `middles` holds the triangles' middles."""
    uv = np.atleast_2d(np.asarray(uv, np.float64))
    candidates = (middles or cKDTree(corners.mean(1))).query(uv, k=24)[1]  # [K, 24]
    a, b, c = np.moveaxis(corners[candidates], 2, 0)
    edge1, edge2, offset = b - a, c - a, uv[:, None] - a
    determinant = edge1[..., 0] * edge2[..., 1] - edge1[..., 1] * edge2[..., 0]
    w1 = (offset[..., 0] * edge2[..., 1] - offset[..., 1] * edge2[..., 0]) / determinant
    w2 = (edge1[..., 0] * offset[..., 1] - edge1[..., 1] * offset[..., 0]) / determinant
    barycentric = np.stack([1 - w1 - w2, w1, w2], axis=-1)
    best = barycentric.min(2).argmax(1)
    row = np.arange(len(uv))
    weights = np.maximum(barycentric[row, best], 0)
    return candidates[row, best], weights / weights.sum(1, keepdims=True)


@dataclass(frozen=True)
class Canonical:
    """The surface C with its chart. Every uv lies in one triangle of C."""

    ict: IctModel
    surface: Surface
    uv: np.ndarray  # [N, 2], v up

    @staticmethod
    def build(ict_path: str | Path) -> "Canonical":
        ict = IctModel.load(ict_path)
        surface = Surface.build(ict)
        return Canonical(ict, surface, make_chart(ict, surface))

    @cached_property
    def _corner_uv(self) -> np.ndarray:
        return self.uv[self.surface.triangles]  # [M, 3, 2]

    @cached_property
    def _tree(self) -> cKDTree:
        return cKDTree(self._corner_uv.mean(1))

    def locate(self, uv: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Triangle [K] and barycentrics [K, 3] of each uv [K, 2]; a uv off the chart goes to its edge."""
        return located(uv, self._corner_uv, self._tree)

    def points(self, vertices: np.ndarray, triangle: np.ndarray, barycentric: np.ndarray) -> np.ndarray:
        """Points [B, K, 3] of located queries on vertices of C [B, N, 3]."""
        return np.einsum("bkcx,kc->bkx", vertices[:, self.surface.triangles[triangle]], barycentric)

    def mean_points(self, uv: np.ndarray) -> np.ndarray:
        """Head-space points [K, 3] of the mean face at uv [K, 2]."""
        return self.points(self.surface.mean[None].astype(np.float64), *self.locate(uv))[0]

    def part_at(self, uv: np.ndarray) -> np.ndarray:
        """Index into PARTS [K] at uv [K, 2]."""
        return self.surface.part[self.locate(uv)[0]]

    def inside(self, uv: np.ndarray) -> np.ndarray:
        """Whether each uv [K, 2] is on the chart."""
        triangle, barycentric = self.locate(uv)
        nearest = np.einsum("kcx,kc->kx", self._corner_uv[triangle], barycentric)
        return np.linalg.norm(nearest - uv, axis=1) < 1e-6

    @cached_property
    def position_map(self) -> np.ndarray:
        """The mean face over its UV square [512, 512, 3] m, row 0 at v = 1, dilated past the chart's edge."""
        centre = (np.arange(MAP_SIZE) + 0.5) / MAP_SIZE
        u, v = np.meshgrid(centre, 1 - centre)
        uv = np.stack([u.ravel(), v.ravel()], 1)
        points, inside = self.mean_points(uv), self.inside(uv).reshape(MAP_SIZE, MAP_SIZE)
        rows, columns = distance_transform_edt(~inside, return_distances=False, return_indices=True)
        return points.reshape(MAP_SIZE, MAP_SIZE, 3)[rows, columns].astype(np.float32)

    @cached_property
    def ict68(self) -> np.ndarray:
        """uv [68, 2] of the vertices that ICT-FaceKit names as Multi-PIE's and iBUG's landmarks."""
        return self.uv[self.ict.landmarks68]

    @cached_property
    def ibug68(self) -> np.ndarray:
        """uv [68, 2] of those landmarks where annotators of photographs put them: `ict68`, but for the inner ones PLACED."""
        uv = self.ict68.copy()
        for point, place in PLACED.items():
            uv[point] = place
            if point in MIRRORED:
                uv[MIRRORED[point]] = 1 - place[0], place[1]
        return uv

    def sample(self, count: int, seed: int) -> np.ndarray:
        """uv [count, 2] spread evenly over the chart."""
        random = np.random.default_rng(seed)
        uv = random.random((count * 2, 2))
        return uv[self.inside(uv)][:count]


def write_layout(folder: Path, name: str, description: str, uv: np.ndarray) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    record = {"name": name, "description": description, "uv": np.round(np.asarray(uv, np.float64), 6).tolist()}
    (folder / f"{name}.json").write_text(json.dumps(record) + "\n")


def read_layout(name: str, folder: Path = LAYOUTS) -> np.ndarray:
    """uv [K, 2] of a layout of models/canonical."""
    return np.array(json.loads((folder / f"{name}.json").read_text())["uv"], np.float32)


def write(folder: Path, canonical: Canonical) -> None:
    """Writes models/canonical: position map, topology, the 68 points' layouts, and the pictures of all of it."""
    from . import gallery, topology

    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "position_map.npy", canonical.position_map)
    mid = topology.mid(canonical)
    topology.write_obj(folder / "topologies" / "mid.obj", mid, canonical.mean_points(mid.uv))
    write_layout(folder / "layouts", "ict68", "The vertices that ICT-FaceKit names as the 68 landmarks, which the network is trained on", canonical.ict68)
    write_layout(folder / "layouts", "ibug68", "The 68 landmarks of Multi-PIE and iBUG 300-W, as photographs are annotated", canonical.ibug68)
    gallery.write(folder, canonical, mid)


def add_arguments(parser) -> None:
    parser.add_argument("--ict", required=True, help="ict_face_model.npz")
    parser.add_argument("--output", type=Path, default=LAYOUTS.parent, help="default: models/canonical")


def run(arguments) -> None:
    write(arguments.output, Canonical.build(arguments.ict))
