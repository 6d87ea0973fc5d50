"""Command `modes`: the principal modes of the canonical face's shape, over its UV square.

Identity and expression together, of heads as `render` draws them and `data` aligns them: the linear part of
what P answers. Writes models/canonical/shape_modes.npy, float16 [M, S, S, 3] m per standard deviation, row 0 at
v = 1, dilated past the chart's edge like the position map.
"""
import argparse
import logging
from pathlib import Path

import numpy as np
from scipy.ndimage import distance_transform_edt
from scipy.spatial import Delaunay

from .canonical import Canonical, read_layout
from .data import STEADY_V, mean_points, similarities
from .heads import HeadSampler
from .network import SHAPE_MODES, SHAPE_MODES_FILE

HEADS, BATCH = 4000, 100
MODES_SIZE = 96  # texels a side
AROUND = 0.1  # weight of the neck, scalp and ears against the face's

log = logging.getLogger(__name__)


def aligned_heads(canonical: Canonical, count: int, random: np.random.Generator) -> np.ndarray:
    """Vertices [count, N, 3] of C of random heads, brought onto the mean one by their upper face."""
    sampler = HeadSampler(canonical.ict)
    steady = canonical.sample(4096, 0)
    steady = steady[steady[:, 1] > STEADY_V][::3]
    located, target = canonical.locate(steady), mean_points(steady)
    result = []
    for _ in range(0, count, BATCH):
        heads = [sampler.sample(random) for _ in range(BATCH)]
        ict = canonical.ict.vertices(np.stack([h.identity for h in heads]), np.stack([h.expression for h in heads]))
        vertices = canonical.surface.vertices(ict).astype(np.float32)
        scale, turn, shift = similarities(canonical.points(vertices, *located), target)
        result.append((scale[:, None, None] * vertices @ turn.transpose(0, 2, 1) + shift[:, None]).astype(np.float32))
    return np.concatenate(result)


def vertex_weights(canonical: Canonical) -> np.ndarray:
    """The UV area [N] around each vertex, less for those outside the face."""
    corners = canonical.uv[canonical.surface.triangles]
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = np.bincount(canonical.surface.triangles.ravel(), np.repeat(np.abs(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]), 3), len(canonical.uv))
    face = Delaunay(read_layout("facemesh468")).find_simplex(canonical.uv) >= 0
    return area * np.where(face, 1.0, AROUND)


def principal_modes(vertices: np.ndarray, weights: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The mean [N, 3] of `vertices` [n, N, 3] and its `count` first modes [count, N, 3], each at one standard deviation."""
    mean = vertices.mean(0)
    rows = ((vertices - mean) * np.sqrt(weights)[:, None].astype(np.float32)).reshape(len(vertices), -1)
    values, vectors = np.linalg.eigh(rows @ rows.T)
    scores = vectors[:, ::-1][:, :count] * np.sqrt(len(vertices))  # unit variance
    return mean, np.einsum("nm,nvx->mvx", scores, vertices - mean, optimize=True) / len(vertices)


def over_uv(canonical: Canonical, vertices: np.ndarray, size: int) -> np.ndarray:
    """Values [B, N, 3] at C's vertices over the UV square: [B, size, size, 3]."""
    centre = (np.arange(size) + 0.5) / size
    u, v = np.meshgrid(centre, 1 - centre)
    uv = np.stack([u.ravel(), v.ravel()], 1)
    inside = canonical.inside(uv).reshape(size, size)
    rows, columns = distance_transform_edt(~inside, return_distances=False, return_indices=True)
    return canonical.points(vertices, *canonical.locate(uv)).reshape(-1, size, size, 3)[:, rows, columns]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--ict", required=True, help="ict_face_model.npz")
    parser.add_argument("--output", type=Path, default=SHAPE_MODES_FILE, help="default: models/canonical/shape_modes.npy")
    parser.add_argument("--seed", type=int, default=1)


def run(arguments: argparse.Namespace) -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    canonical = Canonical.build(arguments.ict)
    vertices = aligned_heads(canonical, HEADS, np.random.default_rng(arguments.seed))
    weights = vertex_weights(canonical)
    mean, modes = principal_modes(vertices, weights, SHAPE_MODES)
    held = aligned_heads(canonical, 400, np.random.default_rng(arguments.seed + 1)) - mean
    root = np.sqrt(weights)[:, None]
    basis = (modes * root).reshape(len(modes), -1)
    scores = np.linalg.lstsq(basis.T, (held * root).reshape(len(held), -1).T, rcond=None)[0]
    left = np.linalg.norm(held - np.einsum("mn,mvx->nvx", scores, modes, optimize=True), axis=2)
    face = weights > np.median(weights)
    log.info("%d modes leave %.2f mm of %.2f mm (mean over the face)", len(modes), 1000 * left[:, face].mean(), 1000 * np.linalg.norm(held, axis=2)[:, face].mean())
    np.save(arguments.output, over_uv(canonical, modes, MODES_SIZE).astype(np.float16))
