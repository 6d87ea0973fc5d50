"""Shape modes fitted to points of heads that are known."""
import numpy as np
import pytest

pytest.importorskip("torch")

from training.canonical import read_layout  # noqa: E402
from training.data import mean_points, on_face  # noqa: E402
from training.fit import fit, modes_at  # noqa: E402
from training.heads import turn  # noqa: E402
from training.label import OUTER_POINTS, outer_uv  # noqa: E402

UV = read_layout("facemesh468")
PIXELS_PER_M = 900.0  # at the head


def heads(count, random, uv=UV):
    return mean_points(uv) + np.einsum("nm,mkx->nkx", random.normal(size=(count, 80)), modes_at(uv))


def seen(head, rotation, distance):
    """Points [K, 3] as a label has them: px of a pinhole camera `distance` m away, y down, and depth away from it."""
    camera = head @ rotation.T
    image = PIXELS_PER_M * distance * camera[:, :2] / (distance - camera[:, 2:]) * [1, -1]
    return np.c_[image, -PIXELS_PER_M * camera[:, 2]] + [210, 180, 33]


def test_a_fitted_head_is_nearer_the_truth_than_the_mean_and_stands_where_it_stands():
    random = np.random.default_rng(3)
    truth = heads(12, random)
    rotations = [turn(2, a) @ turn(0, b) @ turn(1, c) for a, b, c in random.normal(0, [0.3, 0.25, 0.4], (12, 3))]
    labels = np.stack([seen(head, rotation, distance) for head, rotation, distance in zip(truth, rotations, random.uniform(0.6, 3, 12))])
    found, missing, *_ = fit(labels + random.normal(0, 0.5, labels.shape), mean_points(UV), modes_at(UV))
    error, spread = (np.linalg.norm(each - truth, axis=2).mean(1) for each in (found, mean_points(UV)[None]))
    assert np.median(error / spread) < 0.5 and (error < 0.9 * spread).all()
    assert missing.max() < 0.004
    # No common motion is left: pose took it.
    assert np.linalg.norm((found - truth).mean(1), axis=1).max() < 0.002


def test_a_fitted_head_is_seen_where_the_label_is():
    # From far away and straight ahead, the image is the head's own x and y.
    random = np.random.default_rng(4)
    truth = heads(4, random)
    odd = truth + random.normal(0, 0.002, truth.shape)  # what no mode gives
    labels = np.stack([seen(head, np.eye(3), 1.3) for head in odd])
    found, missing, *_ = fit(labels, mean_points(UV), modes_at(UV))
    assert missing.min() > 0.001
    for head, target in zip(found, odd):
        flat, goal = (each - each.mean(0) for each in (head, target))
        u, s, vt = np.linalg.svd(flat.T @ goal)
        rotation = u @ np.diag([1, 1, np.sign(np.linalg.det(u @ vt))]) @ vt
        assert np.linalg.norm((flat @ rotation - goal)[:, :2], axis=1).mean() < 0.0015


def test_the_fitted_head_says_where_ears_neck_and_forehead_are():
    random, outer = np.random.default_rng(5), outer_uv()
    assert len(np.unique(outer, axis=0)) == OUTER_POINTS and not on_face(outer).any()
    truth = heads(12, random, np.concatenate([UV, outer]))
    rotations = [turn(2, a) @ turn(0, b) @ turn(1, c) for a, b, c in random.normal(0, [0.3, 0.25, 0.4], (12, 3))]
    labels = np.stack([seen(head, rotation, 1.3) for head, rotation in zip(truth, rotations)])
    known, wanted = np.split(labels, [len(UV)], 1)
    fitted = fit(known + random.normal(0, 0.5, known.shape), mean_points(UV), modes_at(UV))
    position, image = fitted.elsewhere(mean_points(outer), modes_at(outer))
    error, spread = (np.linalg.norm(each - truth[:, len(UV) :], axis=2).mean() for each in (position, mean_points(outer)[None]))
    assert error < 0.6 * spread
    assert np.linalg.norm(image - wanted[..., :2], axis=2).mean() < 0.003 * PIXELS_PER_M
