"""Pictures of several portraits, and which of the looks at one are at which of its faces."""
import numpy as np
import pytest

from training import several
from training.anchors import INNER, known_uv
from training.data import mean_points
from training.facemesh import POINTS

FACE = 200 + 900 * mean_points(known_uv())[: POINTS + INNER, :2] * [1, -1]


@pytest.mark.parametrize("seed", range(3))
def test_each_portrait_stands_in_its_part_of_the_picture_and_its_points_go_with_it(seed):
    count = several.COLUMNS**2
    image = np.zeros((400, 360, 3), np.uint8)
    yy, xx = np.indices(image.shape[:2]) + 0.5
    image[np.hypot(xx - FACE[1, 0], yy - FACE[1, 1]) < 20] = 255
    images = [np.where(image > 0, np.uint8([20 * n + 60, 0, 255]), np.uint8([0, 255, 0])) for n in range(count)]

    picture, points = several.together(images, [FACE] * count, np.random.default_rng(seed))

    part = several.SIDE / several.COLUMNS
    for n, moved in enumerate(points):
        assert (moved // part == [n % several.COLUMNS, n // several.COLUMNS]).all()
        height = np.ptp(moved[:POINTS, 1])
        assert height < several.HEIGHTS[1] + 1 and (height > several.HEIGHTS[0] - 1 or np.isclose(height, np.ptp(FACE[:POINTS, 1]) * part / 400))
        x, y = moved[1]
        assert np.abs(picture[int(y), int(x)].astype(int) - [20 * n + 60, 0, 255]).max() < 3
    assert len({round(float(np.ptp(moved[:POINTS, 1]))) for moved in points}) > 4


def test_a_look_is_at_the_face_whose_points_it_has():
    truth = np.stack([FACE, FACE + [400, 0]])
    eyes = np.linalg.norm(FACE[33] - FACE[263])
    looks = truth[:, POINTS:] + [0.03 * eyes, 0]
    error = several.matched(np.concatenate([looks[::-1], looks[:1] + 2 * eyes]), truth)
    assert np.allclose([error[0, 1], error[1, 0]], 3, atol=1e-3)
    assert (error < 100 * several.NEAR).tolist() == [[False, True, False], [True, False, False]]
