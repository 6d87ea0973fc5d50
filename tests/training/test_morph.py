"""A head that gets another build takes its picture with it."""
import numpy as np
import pytest

pytest.importorskip("torch")
cv2 = pytest.importorskip("cv2")

from training.data import Source  # noqa: E402
from training.morph import MODES, Builds, drawn, morphed  # noqa: E402

SIZE, FOCAL_MM = 300, 60.0
random = np.random.default_rng(4)
UV = random.uniform(0, 1, (3000, 2))
MASK = np.c_[UV * 0.2 - 0.1, 0.05 * np.cos(3 * (UV - 0.5)).prod(1)].astype(np.float32)  # m: a dome of 20 cm
WAVES = [np.sin(np.pi * UV @ random.normal(0, 1.5, 2) + random.uniform(0, 6))[:, None] * random.normal(0, 1, 3) for _ in range(MODES)]
TRUE_MODES = np.stack([0.002 / (1 + number) * wave for number, wave in enumerate(WAVES)])


def test_how_build_moves_a_head_is_learnt_from_heads_that_also_change_their_expression():
    identity, expression = random.normal(0, 1, (300, MODES)), random.uniform(0, 1, (300, 5))
    smiles = random.normal(0, 0.003, (5, *MASK.shape))
    heads = MASK + np.tensordot(identity, TRUE_MODES, 1) + np.tensordot(expression, smiles, 1)
    builds = Builds(UV, identity, expression, heads.astype(np.float32))
    assert np.abs(builds.modes - TRUE_MODES).max() < 2e-5
    assert np.abs(builds.at(UV[:7] + 1e-6) - TRUE_MODES[:, :7]).max() < 2e-5


def dotted(points):
    """A grey picture with a bright dot at each of the points [n, 2] px, pixel centres at half-integers."""
    x, y = np.meshgrid(np.arange(SIZE) + 0.5, np.arange(SIZE) + 0.5)
    dots = sum(np.exp(-((x - u) ** 2 + (y - v) ** 2) / 8) for u, v in points)
    return np.repeat((40 + 200 * np.minimum(dots, 1)).astype(np.uint8)[..., None], 3, 2)


def dot_near(image, point):
    """The centre of what is bright within 7 px of a point."""
    x, y = np.meshgrid(np.arange(SIZE) + 0.5, np.arange(SIZE) + 0.5)
    weight = np.where((x - point[0]) ** 2 + (y - point[1]) ** 2 < 49, image[..., 0].astype(float) - 40, 0)
    return np.array([(weight * x).sum(), (weight * y).sum()]) / weight.sum()


@pytest.mark.parametrize("photo", [False, True], ids=["render", "photo"])
def test_what_the_picture_shows_goes_where_the_points_go(photo):
    rotation, translation = cv2.Rodrigues(np.array([0.1, 0.4, 0.05]))[0], np.array([0.01, 0.0, -0.6])
    posed = {} if photo else {"rotation": rotation, "translation": translation, "focal_mm": FOCAL_MM, "visible": np.ones(len(UV), bool)}
    points = Source(np.zeros((SIZE, SIZE, 3), np.uint8), None, UV, 0, MASK, focal_mm=FOCAL_MM).seen(MASK, rotation, translation)
    edge = np.abs(UV - 0.5).max(1) < 0.4
    dots = [np.flatnonzero(edge)[i] for i in range(0, 600, 60)]
    apart = np.linalg.norm(points[dots][:, None] - points[dots], axis=2) + 99 * np.eye(len(dots))
    dots = [dot for dot, near in zip(dots, apart.min(1)) if near > 20]
    source = Source(dotted(points[dots]), points, UV, 0, MASK, **posed)
    moved, missed = [], []
    for seed in range(5):
        other = np.random.default_rng(seed)
        head = morphed(source, TRUE_MODES, drawn(other), other)
        moved += np.linalg.norm(head.points - points, axis=1)[dots].tolist()
        missed += [np.linalg.norm(dot_near(head.image, head.points[dot]) - head.points[dot]) for dot in dots]
        if not photo:  # and in the pose and the shape that the head now has
            assert np.linalg.norm(head.seen(head.position, head.rotation, head.translation) - head.points, axis=1)[edge].mean() < 0.3
    assert len(dots) > 4 and np.mean(moved) > 2 and max(missed) < 0.5


def test_a_picture_is_as_large_as_before_and_a_head_that_leaves_it_harms_nothing():
    translation = np.array([0.25, -0.2, -0.6])
    blank = np.full((SIZE, SIZE, 3), 90, np.uint8)
    points = Source(blank, None, UV, 0, MASK, focal_mm=FOCAL_MM).seen(MASK, np.eye(3), translation)
    assert not ((points > 0) & (points < SIZE)).all()
    head = morphed(Source(blank, points, UV, 0, MASK, np.eye(3), translation, FOCAL_MM, np.ones(len(UV), bool)), TRUE_MODES, drawn(random), random)
    assert np.array_equal(head.image, blank) and np.isfinite(head.points).all()
