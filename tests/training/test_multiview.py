"""How far shapes of one head are from each other, and the picture of it."""
import numpy as np
import pytest

from training.data import mean_points
from training.multiview import TOPOLOGY, aligned, disagreement, figures, heat
from training.results import PANEL, heat_map
from training.topology import read_obj


@pytest.fixture(scope="module")
def views():
    """Four shapes [4, K, 3] that differ by similarities alone."""
    shape = np.random.default_rng(0).normal(0, 0.05, (300, 3))
    turned = []
    for view in range(4):
        angle = 0.05 * view
        turn = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
        turned.append((0.98 + 0.01 * view) * shape @ turn.T + [0.01 * view, 0, 0])
    return np.stack(turned)


def test_alignment_takes_similarities_away(views):
    assert disagreement(views).mean() > 0.008
    assert disagreement(aligned(views)).max() < 1e-9


def test_a_dent_of_one_view_is_measured(views):
    dented = views.copy()
    dented[3, :10] += [0, 0, 0.004]  # of 300 points: it moves the alignment little
    moved = 1000 * disagreement(aligned(dented))
    assert np.median(moved[3, :10]) == pytest.approx(3, abs=0.3)  # 4 mm from three others is 3 mm from the mean
    assert np.median(moved[0, :10]) == pytest.approx(1, abs=0.3)
    found = figures(np.stack([dented, 1.1 * dented]), np.stack([views[0], views[0]]))
    assert found["heads"] == 2 and found["medianMm"] > 5 and found["medianAlignedMm"] < 0.3
    assert found["medianFromTruthAlignedMm"] < 0.3 and found["medianBetweenHeadsAlignedMm"] < 1e-6  # they differ in size alone
    warmth = heat(np.stack([dented] * 3))
    assert np.median(warmth[:10]) == pytest.approx(4, abs=0.4) and np.median(warmth[10:]) < 0.3


def test_the_picture_shows_where():
    uv, quads = read_obj(TOPOLOGY)
    positions = mean_points(uv.astype(np.float32))
    warmth = np.where(np.linalg.norm(uv - [0.75, 0.5], axis=1) < 0.1, 5.0, 0.0)  # the subject's left cheek, on the right
    picture = heat_map(positions, quads, warmth, "mm")
    assert picture.shape[0] == PANEL and picture.shape[1] > 2 * PANEL
    yellow = (picture[:, :PANEL, 0] < 60) & (picture[:, :PANEL, 2] > 200)
    columns = np.flatnonzero(yellow.any(0))
    assert yellow.sum() > 200 and columns.mean() > PANEL / 2
