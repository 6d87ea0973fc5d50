"""What a labelled portrait teaches, and what of it survives a mirror."""
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")
cv2 = pytest.importorskip("cv2")

from training import data  # noqa: E402
from training.anchors import INNER  # noqa: E402
from training.augment import occlude  # noqa: E402
from training.canonical import read_layout  # noqa: E402
from training.crops import apply  # noqa: E402
from training.data import MAX_MISSING_M, UNKNOWN, Photos, Samples, compose, label_theta, mean_points, mirrored, shown, to_square  # noqa: E402
from training.facemesh import POINTS  # noqa: E402
from training.label import OUTER_POINTS, outer_uv  # noqa: E402

KNOWN = POINTS + INNER


def seen(head):
    """Of points [K, 3] m, px of a picture of 200: straight ahead, from far away."""
    return head[:, :2] * [600, -600] + 100


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Two portraits of the mean face; of the second, the fitted head does not agree with the photo."""
    folder = tmp_path_factory.mktemp("portraits")
    picture = np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)
    for name in (1, 2):
        cv2.imwrite(str(folder / f"{name:06d}.jpg"), picture)
    mesh, outer = read_layout("facemesh468"), outer_uv()
    head, rest = mean_points(mesh), mean_points(outer)
    twice = lambda array: np.repeat(array[None], 2, 0).astype(np.float32)
    np.savez(folder / "labels.npz", names=np.array([1, 2]), yaw=np.zeros(2), landmarks=twice(np.c_[seen(head), head[:, 2]]), position=twice(head),
             missing=np.array([0.5, 1.5]) * MAX_MISSING_M, outer_uv=outer.astype(np.float32), outer_landmarks=twice(seen(rest)), outer_position=twice(rest))
    return Photos(folder / "labels.npz", folder, validation=False)


def test_only_a_head_that_agrees_with_its_photo_teaches_ears_and_neck(photos):
    assert [len(photos.source(i).points) for i in (0, 1)] == [KNOWN + OUTER_POINTS, KNOWN]


def test_labels_made_before_ears_and_neck_were_say_what_to_do(tmp_path):
    np.savez(tmp_path / "old.npz", names=np.array([1]))
    with pytest.raises(ValueError, match="make it again with `label`"):
        Photos(tmp_path / "old.npz", tmp_path, validation=False)


@pytest.mark.parametrize("turned", [False, True], ids=["as it is", "mirrored"])
def test_every_point_lies_where_its_uv_says(photos, turned):
    source = photos.source(0)
    source = mirrored(source) if turned else source
    # The face has two like halves: mirrored or not, a uv is at one place of the head, and that at one of the picture.
    away = np.linalg.norm(source.position - mean_points(source.uv), axis=1)
    assert np.delete(away, range(POINTS, KNOWN)).max() < (0.001 if turned else 1e-5)  # the mean face's own halves differ by 0.8 mm
    assert away.max() < 0.003  # the inner points lie on flat triangles of FaceMesh's
    assert np.abs(source.points - seen(source.position)).max() < 0.01


def test_what_is_visible_is_known_of_renders_and_inside_their_picture(photos):
    portrait = photos.source(0)
    pose = {"rotation": np.eye(3), "translation": np.array([0, 0, -0.6]), "focal_mm": 60.0}
    visible = np.random.default_rng(4).random(len(portrait.points)) < 0.5
    render = replace(portrait, visible=visible, points=portrait.points + [95, 0], **pose)  # half of the face leaves the picture
    chosen, theta = np.arange(len(visible)), label_theta(apply(to_square(render.image), render.points))
    samples = Samples(photos, None, 192)
    found, of_portrait = (samples.labels(source, chosen, theta, np.eye(2, 3))["visible"] for source in (render, portrait))
    inside = ((render.points >= 0) & (render.points <= 200)).all(1)
    assert 0.2 < inside.mean() < 0.8 and (found[inside] == visible[inside]).all()
    assert (found[~inside] == UNKNOWN).all()
    lips, ear = POINTS + np.arange(31, 51), np.arange(KNOWN, len(of_portrait))
    assert (of_portrait[lips] == 1).all() and of_portrait[10] == UNKNOWN and (of_portrait[ear] == UNKNOWN).all()  # hair may be before those


@pytest.mark.parametrize("yaw", [0, -60])
def test_the_far_cheek_of_a_turned_portrait_is_hidden(yaw):
    cosine, sine = np.cos(np.radians(yaw)), np.sin(np.radians(yaw))
    head = mean_points(read_layout("facemesh468")) @ np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]]).T
    found = shown((head * [900, -900, -900])[None])[0]
    assert (found == 1).sum() > 100 and found[4] == 1  # the nose's tip
    assert (found == 0).any() == (yaw != 0)
    cheeks = found[[123, 352]]  # the subject's right one and left one
    assert yaw == 0 or sorted(cheeks == 0) == [False, True]


def test_what_is_put_before_a_face_hides_its_points(monkeypatch):
    monkeypatch.setattr(data, "OCCLUDED_SHARE", 1.0)
    picture = np.random.default_rng(1).integers(0, 256, (192, 192, 3), np.uint8)
    labels = {"points": np.random.default_rng(2).uniform(-1.2, 1.2, (500, 2)), "visible": np.ones(500)}
    random = np.random.default_rng(3)
    random.random()
    image, covered = occlude(picture, random)
    assert 0.02 < covered.mean() < 0.6 and (image[~covered] == picture[~covered]).all() and (image[covered] != picture[covered]).any(1).mean() > 0.9
    found = data.hardened(picture, labels, np.random.default_rng(3))["visible"]
    inside = np.abs(labels["points"]).max(1) < 1
    x, y = ((labels["points"][inside] + 1) * 96).astype(int).T
    assert (found[inside] == ~covered[y, x]).all() and (labels["visible"] == 1).all()


def test_composed_affines_do_one_after_the_other():
    random = np.random.default_rng(1)
    outer, inner, point = random.normal(size=(2, 3)), random.normal(size=(2, 3)), random.normal(size=2)
    at = lambda affine, where: affine[:, :2] @ where + affine[:, 2]
    assert np.allclose(at(compose(outer, inner), point), at(outer, at(inner, point)))
