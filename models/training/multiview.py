"""The same head from four sides: how far the canonical shapes that the views give are from each other (the paper's Fig. 13).

The truth's shapes of a head are one. A query's disagreement is the distance of a view's canonical position from the mean
over the views: as it stands, and after each view's shape is brought onto that mean by a similarity.
"""
import numpy as np

from .data import on_face, similarities
from .faces import asked
from .topology import TOPOLOGY, read_obj

FRONT, PROFILE = 0, -1  # of a head's views, as `render --views` has them


def aligned(shapes: np.ndarray, target: np.ndarray | None = None) -> np.ndarray:
    """Shapes [V, K, 3], each brought onto `target` [K, 3], or onto the mean of them, by a similarity."""
    scale, turn, shift = similarities(shapes, shapes.mean(0) if target is None else target)
    return scale[:, None, None] * shapes @ turn.transpose(0, 2, 1) + shift[:, None]


def disagreement(shapes: np.ndarray) -> np.ndarray:
    """Distance of each view's points [V, K, 3] from their mean, [V, K]."""
    return np.linalg.norm(shapes - shapes.mean(0), axis=2)


def figures(shapes: np.ndarray, truth: np.ndarray) -> dict:
    """Disagreement in mm of shapes [H, V, K, 3] m, and what it stands beside: the distance from the truth [H, K, 3], and how
    far the heads' own shapes (means of their views) are apart. Who answers one shape always agrees with himself."""
    shapes = shapes.astype(np.float64)
    still = 1000 * np.stack([disagreement(views) for views in shapes])  # [H, V, K]
    moved = 1000 * np.stack([disagreement(aligned(views)) for views in shapes])
    wrong = 1000 * np.stack([np.linalg.norm(aligned(views, right) - right, axis=2) for views, right in zip(shapes, truth)])
    return {"heads": len(shapes), "medianMm": np.median(still), "meanMm": still.mean(), "medianAlignedMm": np.median(moved), "meanAlignedMm": moved.mean(),
            **{f"medianAlignedMmView{number}": np.median(moved[:, number]) for number in range(moved.shape[1])},
            "medianFromTruthAlignedMm": np.median(wrong), "medianBetweenHeadsAlignedMm": 1000 * np.median(disagreement(aligned(shapes.mean(1))))}


def heat(shapes: np.ndarray) -> np.ndarray:
    """Distance between the frontal view's shape and the profile view's, both aligned to their mean; median over heads, [K] mm."""
    pairs = [aligned(views[[FRONT, PROFILE]].astype(np.float64)) for views in shapes]
    return 1000 * np.median([np.linalg.norm(pair[0] - pair[1], axis=1) for pair in pairs], 0)


def measure(network, sources: list, heads: np.ndarray, answer: dict, kept: np.ndarray) -> tuple[dict, np.ndarray, np.ndarray, np.ndarray]:
    """The figures of the views (Source) of heads, the number of whose head is in heads [N]; and for a picture the topology's
    quads [M, 4], uv [K, 2] and its heat [K] mm.

    A head counts when it is found in all of its views.
    """
    uv, quads = read_obj(TOPOLOGY)
    dense = np.flatnonzero(on_face(sources[0].uv))
    query, shapes, truth = np.concatenate([sources[0].uv[dense], uv]), [], []
    groups = [np.flatnonzero(heads == head) for head in np.unique(heads)]
    for views in (group for group in groups if kept[group].all()):
        shapes.append(asked(network, {key: value[views] for key, value in answer.items()}, query, "render")["position"])
        truth.append(sources[views[0]].position[dense])
    shapes = np.stack(shapes)
    return {"of": len(groups), **figures(shapes[:, :, : len(dense)], np.stack(truth))}, quads, uv, heat(shapes[:, :, len(dense) :])
