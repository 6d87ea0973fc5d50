"""`evaluate --dataset`: tiny folders of the benchmarks' forms, annotated with what the network answers, moved by a known way."""
import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import scipy.io
import torch

from training import datasets
from training.canonical import read_layout
from training.export import PHOTO
from training.faces import Limits, answers, crops, heads, search, tiles_of, to_pixels_of
from training.label import read
from training.network import InfiniteLandmarks

REPOSITORY = Path(__file__).parents[2]
(CHECKPOINT,) = (REPOSITORY / "models" / "training" / "checkpoints").glob("*.pt")  # the shipped weights
EVERY, NONE = Limits(-1e9, 1e9), Limits(1e9, 1e9)  # what every face and no face passes


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return InfiniteLandmarks("compact").eval()


@pytest.fixture(scope="module")
def image():
    """A wide picture: its square has black above and below."""
    return read(PHOTO)[60:360]


@pytest.fixture(scope="module")
def found(network, image):
    """The 68 points that the network finds in it, px."""
    return to_pixels_of(image, answers(network, [image], read_layout("ibug68"), "photo")["photo_points"][0])


def write(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image[..., ::-1])


def write_pts(path: Path, points: np.ndarray) -> None:
    """As iBUG has it: the first pixel's centre is 1."""
    rows = "\n".join(f"{x:.6f} {y:.6f}" for x, y in points + 0.5)
    path.write_text(f"version: 1\nn_points:  {len(points)}\n{{\n{rows}\n}}\n")


def test_300w_by_subset(network, image, found, tmp_path):
    eyes = np.linalg.norm(found[36] - found[45])
    jaw_alone = np.where(np.arange(68)[:, None] < 17, [0.5, 0], [0, 0])
    for name, moved in (("ibug/a", 0.0), ("lfpw/testset/b", [0.3, 0.4])):
        write(tmp_path / f"{name}.png", image)
        write_pts(tmp_path / f"{name}.pts", found + np.array(moved) * eyes + (jaw_alone * eyes if name == "ibug/a" else 0))
    samples = datasets.read_300w(tmp_path)
    figures = datasets.measured("300w", samples, *datasets.landmarks(network, samples, EVERY, "photo", None))
    assert set(figures) == {"all", "ibug", "lfpw/testset"}
    assert figures["ibug"]["found"] == 100
    assert figures["ibug"]["meanError51"] == pytest.approx(0, abs=0.01)
    assert figures["ibug"]["meanError68"] == pytest.approx(50 * 17 / 68, abs=0.01)  # the jaw is in the 68 alone
    assert figures["lfpw/testset"]["meanError51"] == pytest.approx(50, abs=0.01)
    assert figures["all"]["faces"] == 2 and figures["all"]["shareOver10Error51"] == 50


def test_the_first_pixels_centre_is_one(tmp_path):
    write(tmp_path / "a.jpg", np.zeros((8, 8, 3), np.uint8))
    write_pts(tmp_path / "a.pts", np.full((68, 2), 0.5))
    assert (tmp_path / "a.pts").read_text().splitlines()[3] == "1.000000 1.000000"
    assert np.allclose(datasets.read_300w(tmp_path)[0].points, 0.5)


def test_a_pts_file_of_other_points_or_without_image_is_named(tmp_path):
    write_pts(tmp_path / "a.pts", np.zeros((68, 2)))
    with pytest.raises(FileNotFoundError, match="a.pts"):
        datasets.read_300w(tmp_path)
    write(tmp_path / "a.jpg", np.zeros((8, 8, 3), np.uint8))
    write_pts(tmp_path / "a.pts", np.zeros((39, 2)))
    with pytest.raises(ValueError, match="39 points"):
        datasets.read_300w(tmp_path)


def test_aflw2000_by_yaw_and_box(network, image, found, tmp_path):
    side = np.sqrt(np.ptp(found, axis=0).prod())
    for name, yaw, shift in (("image1", 10, 0.02), ("image2", -45, 0.04), ("image3", -80, 0.12), ("image4", 351, 0.02)):
        write(tmp_path / f"{name}.jpg", image)
        points = np.concatenate([found + [shift * side, 0] + 0.5, np.zeros((68, 1))], 1)
        scipy.io.savemat(tmp_path / f"{name}.mat", {"pt3d_68": points.T, "Pose_Para": np.radians([[5, yaw, 3, 0, 0, 0, 0]])})
    samples = datasets.read_aflw2000(tmp_path)
    points = np.repeat(found[None], 4, 0)
    figures = datasets.measured("aflw2000", samples, points, np.ones(4, bool))
    assert [figures[band]["faces"] for band in ("yaw 0 to 30", "yaw 30 to 60", "yaw 60 to 180")] == [2, 1, 1]
    assert figures["yaw 60 to 180"]["meanError68"] == pytest.approx(12, abs=0.01)
    assert figures["mean of bands"]["meanError68"] == pytest.approx(6, abs=0.01)
    assert figures["all"]["meanError68"] == pytest.approx(5, abs=0.01)
    assert figures["all"]["shareOver10Error68"] == 25


def test_now_writes_what_its_evaluation_takes(network, image, tmp_path):
    name = Path("FaMoS_000000", "multiview_neutral", "IMG_0041.jpg")
    write(tmp_path / "iphone_pictures" / name, image)
    box = (tmp_path / "detected_face" / name).with_suffix(".npy")
    box.parent.mkdir(parents=True)
    np.save(box, {"left": 150, "right": 300, "top": 0, "bottom": 150})
    for around in (None, 2.0):
        output = tmp_path / f"out{around}"
        assert datasets.write_now(network, tmp_path, output, EVERY, "photo", around)["images"] == 1
        rows = [line.split(" ") for line in (output / name).with_suffix(".obj").read_text().splitlines()]
        vertices = np.array([row[1:] for row in rows if row[0] == "v"], float)
        faces = np.array([row[1:] for row in rows if row[0] == "f"], int)
        assert faces.shape[1] == 3 and faces.min() == 1 and faces.max() == len(vertices)
        assert 0.1 < np.ptp(vertices[:, 1]) < 0.4  # metres
        marks = np.array([line.split(" ") for line in (output / name).with_suffix(".txt").read_text().splitlines()], np.float32)
        assert marks.shape == (7, 3)
        assert (marks[:3, 0] < marks[1:4, 0]).all() and marks[5, 0] < marks[4, 0] < marks[6, 0]  # from the subject's right
        assert marks[5, 1] < marks[4, 1] < marks[0, 1]  # mouth, nose, eyes
        assert np.linalg.norm(vertices[None] - marks[:, None], axis=2).min(1).max() < 0.006  # on the mesh


def test_a_large_picture_is_seen_at_its_own_resolution(network):
    """What fills a crop is sharp, whatever the picture's size: a checkerboard of one-pixel-of-the-crop fields keeps its contrast."""
    board = np.indices((3000, 3000)).sum(0) % 2 * 255
    picture = np.zeros((3000, 6000, 3), np.uint8)
    picture[:, 3000:] = board[..., None]
    theta = torch.tensor([[[192 / 6000, 0, 0.5], [0, 192 / 6000, 0]]])  # 192 pixels of it
    assert crops([picture], theta, 192).std() > 0.49
    assert crops([picture], torch.tensor([[[1.0, 0, 0], [0, 1.0, 0]]]), 256)[0, 0, 100:150, 140:250].std() < 0.02  # and from afar does not alias


def test_tiles_are_searched_where_nothing_is_found(network, image):
    uv = read_layout("ibug68")
    answer = answers(network, [image], uv, "photo")
    kept = search(network, [image], answer, NONE, uv, "photo")[1]
    assert not kept[0] and len(tiles_of(image)) > 9


def test_a_part_of_a_face_is_no_face_beside_it():
    # A face found twice, its ear, which is surer of itself, and a small face far away.
    zoom, centre = np.array([0.30, 0.32, 0.06, 0.08]), np.array([[0, 0], [0.01, 0], [0.2, 0], [0.9, 0.5]])
    looks = {"theta": np.concatenate([np.eye(2) * zoom[:, None, None], centre[:, :, None]], 2), "focal_mm": np.full((4, 1), 60.0), "translation": np.tile([0, 0, -0.5], (4, 1)),
             "photo_points": np.repeat(centre[:, None], 51, 1), "doubt": np.array([0.02, 0.03, 0.01, 0.015])}
    assert heads(looks, np.ones(4, bool)) == [0, 3]  # the surer look at the larger face
    assert heads(looks, np.array([False, True, True, True])) == [1, 3]
    assert heads(looks, np.array([False, False, False, True])) == [3]


def test_the_command(tmp_path):
    write(tmp_path / "set" / "a.png", read(PHOTO))
    write_pts(tmp_path / "set" / "a.pts", np.random.default_rng(0).uniform(100, 300, (68, 2)))
    subprocess.run([sys.executable, "-m", "training", "evaluate", "--checkpoint", str(CHECKPOINT), "--dataset", "300w", str(tmp_path / "set"),
                    "--threads", "1", "--output", str(tmp_path / "figures.json")], cwd=REPOSITORY / "models", check=True)
    assert json.loads((tmp_path / "figures.json").read_text())["all"]["faces"] == 1
