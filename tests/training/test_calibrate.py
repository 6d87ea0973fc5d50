"""Sigma means what it says: the share of errors within it, and the factor that makes it so."""
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "models"))
torch = pytest.importorskip("torch")

from training.anchors import known_uv  # noqa: E402
from training.calibrate import SHARE, factor, sigmas  # noqa: E402
from training.data import Source  # noqa: E402
from training.network import STYLES, InfiniteLandmarks  # noqa: E402


def test_of_gaussian_errors_the_share_lies_within():
    random = np.random.default_rng(0)
    log_sigma = random.uniform(-5, -2, (400, 51))
    theta = np.eye(2, 3)[None] * random.uniform(0.2, 2, (400, 1, 1))
    error = random.normal(size=(400, 51, 2)) * (np.exp(log_sigma) * theta[:, :1, 0])[..., None]
    assert (sigmas(np.linalg.norm(error, axis=2), log_sigma, theta) < 1).mean() == pytest.approx(SHARE, abs=0.01)


def test_a_calibrated_style_needs_no_factor_and_leaves_the_other_alone():
    torch.manual_seed(1)
    network, random = InfiniteLandmarks("compact").eval(), np.random.default_rng(2)
    uv = known_uv()
    faces = [Source(random.integers(0, 255, (90, 80, 3), np.uint8), random.uniform(20, 70, (len(uv), 2)), uv, 0, np.zeros((len(uv), 3))) for _ in range(4)]
    wrong = factor(network, faces, "render")
    other = factor(network, faces, "photo")
    assert wrong > 1.5  # random points, and a network that is fairly sure
    network.predictor.calibration[STYLES.index("render")] += np.log(wrong)
    assert factor(network, faces, "render") == pytest.approx(1, abs=1e-3)
    assert factor(network, faces, "photo") == pytest.approx(other, rel=1e-6)
