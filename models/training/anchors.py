"""Anchors: the points of the face that the compact encoder looks for, among those that photos and renders both have."""
import numpy as np

from .canonical import read_layout
from .facemesh import POINTS

INNER = 51  # iBUG's points 17 to 67
PAIRS, MIDLINE = 32, 13  # of FaceMesh's points, beside the inner ones


def known_uv() -> np.ndarray:
    """The uv [519, 2] of every source's first points: FaceMesh's 468, then the inner ones."""
    return np.concatenate([read_layout("facemesh468"), read_layout("ict68")[17:]])


def mirror_order(uv: np.ndarray) -> np.ndarray:
    """Which of FaceMesh's points, and of the inner ones, each becomes when the face is mirrored: int [519], its own inverse."""
    whole = [np.linalg.norm(part[:, None] * [-1, 1] + [1, 0] - part, axis=2).argmin(1) for part in (uv[:POINTS], uv[POINTS:])]
    return np.concatenate([whole[0], POINTS + whole[1]])


def chosen() -> np.ndarray:
    """The anchors, int [128] into `known_uv`: the inner points and others as far from all of them as can be, symmetric."""
    uv = known_uv()
    mirror = mirror_order(uv)
    found = list(range(POINTS, POINTS + INNER))
    free = np.arange(POINTS)
    for count, candidates in ((PAIRS, free[uv[:POINTS, 0] < 0.5 - 1e-6]), (MIDLINE, free[mirror[:POINTS] == free])):
        for _ in range(count):
            distance = np.linalg.norm(uv[candidates, None] - uv[found], axis=2).min(1)
            best = candidates[distance.argmax()]
            found += sorted({best, mirror[best]})
    return np.array(found)
