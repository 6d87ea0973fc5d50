"""The portraits that are shown small and large."""
import numpy as np
import pytest

from training.anchors import known_uv
from training.data import mean_points
from training.sizes import SIDE, placed


@pytest.mark.parametrize("height", (0.1, 0.5))
def test_a_face_takes_its_share_of_the_height_and_its_points_go_with_it(height):
    points = 200 + 900 * mean_points(known_uv())[:, :2] * [1, -1]
    image = np.zeros((400, 360, 3), np.uint8)
    nose = points[1]
    yy, xx = np.indices(image.shape[:2]) + 0.5
    image[np.hypot(xx - nose[0], yy - nose[1]) < 8] = 255
    for seed in range(5):
        picture, moved = placed(image, points, height, np.random.default_rng([seed, 1]))
        mesh = moved[:468]
        assert abs(np.ptp(mesh, axis=0).max() - height * SIDE) < 0.02 * SIDE * height
        assert mesh.min() > 0 and mesh.max() < SIDE
        white = (picture == 255).all(2)
        around = np.hypot(*(np.indices(white.shape)[::-1] + 0.5 - moved[1][:, None, None])) < 2 * 8 * height * SIDE / np.ptp(points[:468], axis=0).max()
        y, x = np.nonzero(white & around)
        assert np.abs(np.array([x.mean(), y.mean()]) + 0.5 - moved[1]).max() < 1
