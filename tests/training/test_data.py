"""What a labelled portrait teaches, and what of it survives a mirror."""
import numpy as np
import pytest

pytest.importorskip("torch")
cv2 = pytest.importorskip("cv2")

from training.anchors import INNER  # noqa: E402
from training.canonical import read_layout  # noqa: E402
from training.data import FACELESS, MAX_MISSING_M, Photos, Samples, compose, mean_points, mirrored  # noqa: E402
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


@pytest.mark.parametrize("share, least, most", ((0.0, 0.0, 0.2), (0.5, 0.4, 0.7), (1.0, 1.0, 1.0)))
def test_a_share_of_the_crops_keeps_its_colours(monkeypatch, photos, share, least, most):
    """All pixels are mid grey, which photometric() changes nine times in ten."""
    monkeypatch.setattr("training.data.warp", lambda image, affine, size: np.full((size, size, 3), 128, np.uint8))
    samples, random = Samples(photos, None, 48, plain_share=share), np.random.default_rng(2)
    plain = np.mean([(samples.crop(random, negative_share=0.0)["face"] == 128).all() for _ in range(200)])
    assert least <= plain <= most


@pytest.mark.parametrize("kind", FACELESS)
def test_what_shows_no_whole_face_is_labelled_so_whichever_its_kind(monkeypatch, photos, kind):
    monkeypatch.setattr("training.data.FACELESS", {kind: 1.0})
    crop = Samples(photos, None, 48, plain_share=1.0).crop(np.random.default_rng(3), negative_share=1.0)
    assert crop["face"].shape == (48, 48, 3) and crop["face"].dtype == np.uint8 and not crop["present"]
    assert Samples(photos, None, 48).crop(np.random.default_rng(3), negative_share=0.0)["present"]


def test_composed_affines_do_one_after_the_other():
    random = np.random.default_rng(1)
    outer, inner, point = random.normal(size=(2, 3)), random.normal(size=(2, 3)), random.normal(size=2)
    at = lambda affine, where: affine[:, :2] @ where + affine[:, 2]
    assert np.allclose(at(compose(outer, inner), point), at(outer, at(inner, point)))
