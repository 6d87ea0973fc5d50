"""The pictures of `figures`: what they draw stands where it belongs, and one command writes them all with their captions."""
import inspect
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("moderngl")

from training import figures  # noqa: E402
from training.crops import apply  # noqa: E402
from training.data import to_square  # noqa: E402

MODELS = Path(figures.__file__).parents[1]
RED = (255, 0, 0)


def marked(picture, at):
    """Whether RED is within a pixel of `at`."""
    x, y = np.floor(at).astype(int)
    return bool((picture[y - 1 : y + 2, x - 1 : x + 2].astype(int) @ [1, -1, -1] > 150).any())


def test_a_curve_passes_through_its_values_and_leaves_gaps():
    values = [2, 4, np.nan, 9, 1]
    picture = figures.chart({"found": (values, RED)}, "title", 600, 300, limits=(0, 10))
    axes = figures.Axes((0, 4), (0, 10), 600, 300)
    assert all(marked(picture, axes(frame, value)) for frame, value in enumerate(values) if np.isfinite(value))
    assert marked(picture, axes(0.5, 3)) and not marked(picture, axes(0.5, 6))
    left, right = axes([1.1, 2.9], 5)[:, 0].astype(int)
    assert not any(marked(picture, (x, y)) for x in range(left, right) for y in range(40, 260, 3))


def test_limits_that_are_not_given_hold_the_curve():
    picture = figures.chart({"a": ([5, 5, 5], RED)}, "still", 300, 200)
    assert marked(picture, (150, (figures.Axes.TOP + 200 - figures.Axes.BOTTOM) / 2))


@pytest.mark.parametrize("low, high, expected", [(0, 57, [0, 10, 20, 30, 40, 50]), (-0.25, 0.37, [-0.2, 0, 0.2]), (33, 34, [33, 33.2, 33.4, 33.6, 33.8, 34])])
def test_ticks_are_round(low, high, expected):
    assert np.allclose(figures.ticks(low, high), expected)


def test_a_look_shows_an_images_point_where_it_says():
    image = np.zeros((200, 300, 3), np.uint8)
    cv2.circle(image, (230, 60), 6, RED, -1)
    corners = apply(to_square(image), np.array([[200, 30], [260, 110]]))
    view = figures.View(image, figures.around(corners, 1.2), 400)
    rows, columns = np.nonzero(view.picture[..., 0] > 200)
    centre = view(apply(to_square(image), np.array([[230.5, 60.5]])))[0]
    assert np.allclose(centre, [columns.mean() + 0.5, rows.mean() + 0.5], atol=1)
    assert ((view(corners) > 0) & (view(corners) < 400)).all()


def test_looks_near_an_edge_stay_within_the_picture():
    theta = figures.around(np.array([[0.8, -0.9], [1.0, -0.5]]), 1.5)
    assert theta[0, 2] + theta[0, 0] == pytest.approx(1) and theta[1, 2] - theta[1, 1] == pytest.approx(-1)


@pytest.mark.skipif("MFF_DATA" not in os.environ, reason="set MFF_DATA to the folder with ict-facekit")
def test_one_command_writes_the_pictures_and_their_captions(tmp_path):
    build = tmp_path / "build"
    (build / "textures").mkdir(parents=True)
    for name in ("textures/view-1.png", "texture.png"):
        cv2.imwrite(str(build / name), np.full((64, 64, 4), 128, np.uint8))
    ict = Path(os.environ["MFF_DATA"], "ict-facekit", "ict_face_model.npz")
    # A process of its own: the renderer's OpenGL context goes with it.
    command = [sys.executable, "-m", "training", "figures", "--ict", ict, "--build", build, "--results", tmp_path / "results"]
    subprocess.run([*command, "--heads", "3", "--frames", "2", "--threshold", "1e-6"], cwd=MODELS, check=True)
    page = (tmp_path / "results" / "pictures.md").read_text()
    made = {path.name for path in (tmp_path / "results").glob("*.jpg")}
    assert made == set(figures.FIGURES) - {"trajectories.jpg"} and "trajectories.jpg" not in page  # no teacher
    for name in made:
        assert f"]({name})\n\n{' '.join(inspect.getdoc(figures.FIGURES[name]).split())}\n" in page
        assert cv2.imread(str(tmp_path / "results" / name)).shape[1] == figures.WIDTH
        assert (tmp_path / "results" / name).stat().st_size < 150_000
