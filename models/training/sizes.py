"""The same portraits small and large in a picture: the error by the face's share of the picture's height."""
import numpy as np

from .anchors import INNER
from .augment import backdrop
from .crops import MARGIN, apply
from .data import Photos, compose, label_theta, to_pixels, to_square, warp
from .facemesh import LEFT_OUTER_EYE, POINTS, RIGHT_OUTER_EYE
from .faces import Limits, found_in

HEIGHTS = (0.1, 0.25, 0.5)  # of the picture, from the brows to the chin
SIDE = 1024  # px of the picture
EVERY = 2  # portraits, one is taken
BATCH = 32  # pictures in memory


def placed(image: np.ndarray, points: np.ndarray, height: float, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The image and its points [K, 2] px, of which the first are FaceMesh's, in a picture [SIDE, SIDE, 3] whose face is `height` of it and anywhere."""
    square = to_square(image)
    theta = label_theta(apply(square, points))
    scale = height * MARGIN / np.linalg.norm(theta[:, 0])
    centre = random.uniform(height * 1.2 - 1, 1 - height * 1.2, 2)
    place = compose(to_pixels(SIDE), compose(np.c_[np.eye(2) * scale, centre - scale * theta[:, 2]], square))
    return warp(image, place, SIDE, backdrop(SIDE, random)), apply(place, points)


def measure(network, photos: Photos, limits: Limits, uv: np.ndarray) -> dict:
    """Mean and median error in % of the outer eyes' distance and share found, by height, and the smallest's mean over the largest's.

    The faces are found as the server does; all count. uv [51, 2]: the inner points.
    """
    figures, means = {}, []
    chosen = range(0, len(photos), EVERY)
    for height in HEIGHTS:
        random, errors, found = np.random.default_rng(7), [], []
        for first in range(0, len(chosen), BATCH):
            pictures, points = zip(*(placed(photos.images[i], photos.points[i], height, random) for i in chosen[first : first + BATCH]))
            answer, kept = found_in(network, pictures, limits, uv, "photo")
            truth = np.stack(points)
            eyes = np.linalg.norm(truth[:, RIGHT_OUTER_EYE] - truth[:, LEFT_OUTER_EYE], axis=1)
            pixels = (answer["photo_points"] + 1) * (SIDE / 2)
            errors.append(100 * np.linalg.norm(pixels - truth[:, POINTS : POINTS + INNER], axis=2).mean(1) / eyes)
            found.append(kept)
        error = np.concatenate(errors)
        means.append(error.mean())
        name = f"At{round(100 * height)}"
        figures |= {f"meanError51{name}": error.mean(), f"medianError51{name}": np.median(error), f"found{name}": 100 * np.concatenate(found).mean()}
    return figures | {"smallestOverLargest": means[0] / means[-1]}
