"""Pictures that show several portraits: how many of their faces `landmarks --all-faces` finds, and what else it takes for one."""
import numpy as np

from .anchors import INNER
from .augment import backdrop
from .crops import apply
from .data import Photos, warp
from .facemesh import LEFT_OUTER_EYE, POINTS, RIGHT_OUTER_EYE
from .faces import Limits, every_face, to_pixels_of

SIDE, COLUMNS = 1024, 3  # px of the picture; portraits in each row and column
EVERY = 2  # portraits, one is taken
HEIGHTS = (40, 160)  # px of a face, from the brows to the chin
NEAR = 0.5  # of the outer eyes' distance: how far a look's points may lie from a face's, in the mean, to be a look at it


def together(images: list, points: list, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Up to COLUMNS^2 portraits, and their points [K, 2] px, of which the first are FaceMesh's, in a picture [SIDE, SIDE, 3], side
    by side, each as large as HEIGHTS says and its part of the picture holds: and all points there, [N, K, 2]."""
    picture, moved, part = backdrop(SIDE, random), [], SIDE / COLUMNS
    for place, (image, known) in enumerate(zip(images, points)):
        size = np.array(image.shape[1::-1])
        height = np.exp(random.uniform(*np.log(HEIGHTS)))
        scale = min(height / np.ptp(known[:POINTS, 1]), part / size.max())
        corner = part * np.array([place % COLUMNS, place // COLUMNS]) + random.uniform(0, 1, 2) * (part - scale * size)
        affine = np.c_[scale * np.eye(2), corner]
        picture = warp(image, affine, SIDE, picture)
        moved.append(apply(affine, known))
    return picture, np.stack(moved)


def matched(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Mean distance [N, L] of each of the looks' points [L, K, 2] from each face's [N, K, 2], in % of its outer eyes' distance."""
    mesh, inner = truth[:, :POINTS], truth[:, POINTS : POINTS + INNER]
    eyes = np.linalg.norm(mesh[:, RIGHT_OUTER_EYE] - mesh[:, LEFT_OUTER_EYE], axis=1)
    return 100 * np.linalg.norm(found[None] - inner[:, None], axis=3).mean(2) / eyes[:, None]


def measure(network, photos: Photos, limits: Limits, uv: np.ndarray) -> dict:
    """Share of the faces found, their mean error in % of the outer eyes' distance, and how many other places are taken for a face.

    uv [51, 2]: the inner points.
    """
    random, errors, others, each = np.random.default_rng(11), [], 0, EVERY * COLUMNS**2
    for first in range(0, len(photos), each):
        chosen = slice(first, first + each, EVERY)
        picture, truth = together(photos.images[chosen], photos.points[chosen], random)
        looks = every_face(network, picture, limits, uv, "photo")
        error = matched(to_pixels_of(picture, looks["photo_points"]), truth)
        near = error < 100 * NEAR
        errors += [row.min(initial=np.inf) for row in np.where(near, error, np.inf)]
        others += (~near.any(0)).sum()
    found = np.isfinite(errors)
    return {"faces": len(errors), "found": 100 * found.mean(), "meanError51Found": np.array(errors)[found].mean(), "otherPlaces": others}
