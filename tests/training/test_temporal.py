"""The temporal error: what enters it and what does not."""
import numpy as np
import pytest

from training.results import page
from training.temporal import changes, overall, sections


def test_a_steady_offset_is_no_temporal_error():
    found = changes(np.full((10, 51, 2), 3.0))
    assert found["error"] == pytest.approx(3 * 2**0.5) and found["temporal error"] == 0 and found["second difference"] == 0


def test_drift_and_jitter():
    drift = np.zeros((11, 4, 2))
    drift[:, :, 0] = 0.5 * np.arange(11)[:, None]
    assert changes(drift)["temporal error"] == pytest.approx(0.5) and changes(drift)["second difference"] == pytest.approx(0)
    jitter = np.zeros((11, 4, 2))
    jitter[::2, :, 1] = 1
    assert changes(jitter)["temporal error"] == pytest.approx(1) and changes(jitter)["second difference"] == pytest.approx(2)


def test_frames_without_a_face_are_counted_and_left_out():
    error = np.zeros((10, 4, 2))
    error[3] = np.nan
    found = changes(error)
    assert found["frames without a face"] == 1 and found["temporal error"] == 0 and found["error"] == 0


def test_films_are_averaged():
    films = {"film 0": changes(np.zeros((5, 4, 2))), "film 1": changes(np.full((5, 4, 2), 3.0))}
    assert overall(films)["error"] == pytest.approx(1.5 * 2**0.5)
    text = page("Temporal error", "Text.", sections({"ours": films}))
    assert "| ours | 2.12 | 0.0 | 0.0 | 0.0 |" in text and "## ours" in text
