"""Looking again where the crop was off: the crop round a face in its pose, and whom it is given to."""
import json
import re
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from training import faces  # noqa: E402
from training.canonical import read_layout  # noqa: E402
from training.data import EYES, MOUTH, label_theta  # noqa: E402
from training.export import PHOTO, PHOTO_FACES, load_checkpoint  # noqa: E402
from training.network import POSITION_MAP, STYLES, chain  # noqa: E402

SERVER = Path(__file__).parents[2] / "server" / "Core" / "Inference"
MODEL = Path(__file__).parents[2] / "models" / "compact"
OUTLINE = [10, 6, 4, 152, 54, 284, 234, 454, 172, 397, 136, 365]  # of FaceMesh's points
FRONTAL = np.eye(3), np.array([0, 0.011, -0.5]), 60.0
LIMITS = faces.Limits(presence=0, sigma=0.01)
FACE_ITSELF = lambda face, once=False: face  # what networks whose answers are made of the face image see


@pytest.fixture
def mean_face():
    """FaceMesh's points on the mean face [468, 3] m."""
    image = torch.from_numpy(np.load(POSITION_MAP)).permute(2, 0, 1)[None]
    grid = torch.from_numpy((read_layout("facemesh468") * 2 - 1) * [1, -1]).float()[None, None]
    return torch.nn.functional.grid_sample(image, grid, align_corners=False)[0, :, 0].T.numpy()


def test_the_points_are_the_mean_faces_and_the_servers(mean_face):
    assert np.allclose(faces.OUTLINE, mean_face[OUTLINE], atol=1e-3)
    assert np.allclose(faces.EYES, mean_face[EYES].mean(0), atol=1e-3)
    assert np.allclose(faces.MOUTH, mean_face[MOUTH].mean(0), atol=1e-3)
    numbers = re.compile(r"new\((-?[\d.]+)f?, (-?[\d.]+)f?, (-?[\d.]+)f?\)")
    servers = np.array([[float(number) for number in point] for point in numbers.findall((SERVER / "FaceFrame.cs").read_text())])
    assert np.allclose(servers, np.concatenate([[faces.EYES], [faces.MOUTH], faces.OUTLINE]))


def test_looks_are_chosen_and_kept_by_the_servers_numbers():
    model, search = ((SERVER / name).read_text() for name in ("FaceModel.cs", "FaceSearch.cs"))
    servers = {name: float(number) for name, number in re.findall(r"\b([A-Z]\w+) = ([\d.]+)f?[,;]", model + search)}
    assert servers["SecondLookZoom"] == pytest.approx(faces.SECOND_LOOK_ZOOM)
    assert (servers["CloseUp"], servers["CropOff"], servers["CropLost"]) == (faces.CLOSE_UP, faces.CROP_OFF, faces.CROP_LOST)
    assert (servers["BesideSide"], servers["BesideAway"]) == (faces.BESIDE_SIDE, faces.BESIDE_AWAY)
    assert (servers["SmallestCrop"], servers["CropDoubtful"]) == (faces.SMALLEST_CROP, faces.CROP_DOUBTFUL)
    assert (servers["HalfFace"], servers["Cover"], servers["Alike"]) == (faces.HALF_FACE_M, faces.COVER, faces.ALIKE)
    lists = {name: tuple(float(Fraction(re.sub("[f ]", "", number))) for number in numbers.split(",")) for name, numbers in re.findall(r"\b(\w+) = \[([^\]]+)\]", search)
             if name in ("TileSides", "AroundSides", "AroundRolls")}
    assert (lists["TileSides"], lists["AroundSides"], lists["AroundRolls"]) == (faces.TILE_SIDES, faces.AROUND_SIDES, faces.AROUND_ROLLS)
    assert (servers["AroundSteps"], servers["AroundAgree"], servers["AroundApart"]) == (faces.AROUND_STEPS, faces.AROUND_AGREE, faces.AROUND_APART)


def test_a_face_is_judged_where_and_how_the_server_judges_it():
    side, first, width, last = re.search(r"from v in Enumerable.Range\(0, (\d+)\).+?new Uv\(([\d.]+)f \+ \(([\d.]+)f \* u / (\d+)\)", (SERVER / "FaceSearch.cs").read_text()).groups()
    axis = float(first) + float(width) * np.arange(int(side)) / int(last)
    assert np.allclose(faces.PROBE, [[u, v] for v in axis for u in axis])
    assert faces.JUDGED_IN == json.loads((MODEL / "model.json").read_text())["defaultStyle"]


@pytest.mark.parametrize("side, looks", ((0.3, 2), (0.65, 2), (0.75, 1)))
def test_a_small_face_gets_a_second_look_a_close_up_does_not(side, looks):
    look = torch.tensor([[[side, -0.1, 0.0], [0.1, side, 0.0]]])
    network = SimpleNamespace(transformer=lambda image: look.expand(len(image), -1, -1))
    tiles = torch.tensor([[[1.0, 0, 0], [0, 1, 0]], [[0.5, 0, 0.2], [0, 0.5, -0.1]]])
    found = faces.find(network, [np.zeros((70, 90, 3), np.uint8)] * 2, tiles)
    first = chain(tiles, look.expand(2, -1, -1))
    wide = torch.cat([first[:, :, :2] * 1.15, first[:, :, 2:]], 2)
    assert torch.allclose(found, first if looks == 1 else chain(wide, look.expand(2, -1, -1)))


@pytest.mark.parametrize("yaw", (-80, -30, 0, 50))
def test_the_crop_is_about_the_one_that_is_taught(mean_face, yaw):
    cosine, sine = np.cos(np.radians(yaw)), np.sin(np.radians(yaw))
    rotation = np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]])
    camera = mean_face @ rotation.T + FRONTAL[1]
    taught = label_theta(2 * 60 / 36 * camera[:, :2] * [1, -1] / -camera[:, 2:])
    crop = faces.own_crop(rotation, *FRONTAL[1:])
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    assert np.abs(faces.apply(crop, corners) - faces.apply(taught, corners)).mean() < 0.05


def test_only_a_present_face_whose_crop_was_off_is_looked_at_again():
    near, far, lost = ((np.eye(3), np.array([0, 0.011, -depth])) for depth in (0.5, 0.65, 5))
    poses, presence = [near, far, far, lost], np.array([3.0, 3, -3, 3])
    theta = np.stack([np.c_[np.eye(2) * 0.4, [0.1 * i, 0]] for i in range(4)]).astype(np.float32)
    answer = {"rotation": np.stack([pose[0] for pose in poses]), "translation": np.stack([pose[1] for pose in poses]), "focal_mm": np.full((4, 1), 60.0),
              "presence": presence, "theta": theta, "photo_points": np.zeros((4, 1, 2), np.float32), "doubt": np.zeros(4)}

    def network(presence):
        interpret = lambda face, uv, style: {
            "rotation": torch.eye(3)[None], "translation": torch.tensor([[0, 0.011, -0.5]]), "focal_mm": torch.full((1, 1), 60.0),
            "presence": torch.tensor([presence]), "points": torch.full((1, 1, 2), 0.5), "log_sigma": torch.zeros(1, uv.shape[1])}
        return SimpleNamespace(preset=SimpleNamespace(face_size=192), see=FACE_ITSELF, interpret=interpret)

    images = [np.zeros((90, 80, 3), np.uint8)] * 4
    result = faces.corrected(network(2.0), images, answer, 0.0, np.full((1, 2), 0.5), "photo")
    wanted = chain(torch.from_numpy(theta[1:2]), torch.from_numpy(faces.own_crop(*far, 60.0).astype(np.float32))[None])[0].numpy()
    assert np.allclose(result["theta"][1], wanted, atol=1e-6)
    assert np.allclose(result["photo_points"][1, 0], faces.apply(wanted, np.array([[0.5, 0.5]]))[0], atol=1e-6)
    assert result["presence"].tolist() == [3, 2, -3, 3]
    for untouched in (0, 2, 3):
        assert (result["theta"][untouched] == theta[untouched]).all()

    unsure = faces.corrected(network(-1.0), images, answer, 0.0, np.full((1, 2), 0.5), "photo")
    assert (unsure["theta"] == theta).all()


def test_other_queries_are_answered_as_if_the_face_were_read_anew():
    network = load_checkpoint(next((MODEL.parent / "training" / "checkpoints").glob("compact-*.pt")), "compact")
    photo, random = cv2.imread(str(PHOTO))[:, :, ::-1], np.random.default_rng(0)
    theta = torch.cat([PHOTO_FACES, torch.tensor([[[0.4, 0.2, -0.1], [-0.2, 0.4, -0.5]]])])
    first = faces.read_at(network, [photo] * 3, theta, random.uniform(size=(9, 2)), "photo")
    uv = random.uniform(size=(400, 2))
    wanted, found = faces.read_at(network, [photo] * 3, theta, uv, "render"), faces.asked(network, first, uv, "render")
    assert found.keys() == wanted.keys() and np.abs(wanted["position"][0] - wanted["position"][1]).max() > 1e-3
    assert all(np.allclose(found[key], wanted[key], atol=1e-5) for key in wanted)


class Rooms:
    """A network that sees a face where the crop is white: the whiter, the surer, but for renders unsure. Its pose is always the crop's own."""

    preset, see = SimpleNamespace(face_size=48), staticmethod(FACE_ITSELF)

    def __init__(self, least_sigma: float):
        self.least_sigma = least_sigma

    def interpret(self, face, uv, style):
        white = face.mean((1, 2, 3))
        count = len(face)
        return {"rotation": torch.eye(3).expand(count, -1, -1), "translation": torch.tensor([[0, 0.011, -0.5]]).expand(count, -1), "focal_mm": torch.full((count, 1), 60.0),
                "presence": 16 * white - 4, "log_sigma": (np.log(self.least_sigma) - white + (style[:, STYLES.index("render")] * 5))[:, None].expand(-1, uv.shape[1]), "points": torch.zeros(count, uv.shape[1], 2)}

    def transformer(self, image):
        return torch.tensor([[[0.4, 0, 0], [0, 0.4, 0]]]).expand(len(image), -1, -1)


RING = np.full((400, 400, 3), 255, np.uint8)
RING[150:250, 150:250] = 0  # what S takes for the face, and a little more, is dark


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("sigma, found", ((1.6 * LIMITS.sigma, True), (5 * LIMITS.sigma, False)))
def test_a_face_that_s_does_not_frame_is_seen_from_a_crop_around(monkeypatch, sigma, found, style):
    """Found or not, whichever style is asked for: the server judges by one."""
    monkeypatch.setattr(faces, "tiles_of", lambda image: [])
    network, uv = Rooms(sigma), np.full((3, 2), 0.5)
    first = faces.answers(network, [RING, 255 - RING], uv, style)
    assert first["presence"][0] < 0 < first["presence"][1]
    result, kept = faces.search(network, [RING, 255 - RING], first, LIMITS, uv, style)
    assert kept.tolist() == [found, True]
    wider = np.linalg.det(result["theta"][:, :, :2]) > 1.3 * np.linalg.det(first["theta"][:, :, :2])
    assert wider.tolist() == [True, False]  # too unsure to be kept, it is still the look that has most of a face
    assert (result["theta"][1] == first["theta"][1]).all()


def test_a_face_by_whose_side_s_went_is_seen_from_a_crop_beside(monkeypatch):
    """White is a quarter of the picture; of no crop round its middle, as S's is, it is as much, whichever its side."""
    monkeypatch.setattr(faces, "tiles_of", lambda image: [])
    image = np.zeros((400, 400, 3), np.uint8)
    image[:198, 202:] = 255
    network, uv = Rooms(LIMITS.sigma), np.full((3, 2), 0.5)
    first = faces.answers(network, [image, image * 0], uv, "photo")
    result, kept = faces.search(network, [image, image * 0], first, LIMITS._replace(presence=0.1), uv, "photo")
    assert kept.tolist() == [True, False]
    x, y = result["theta"][0, :, 2]
    assert x > 0.2 and y < -0.2


def test_looks_agree_where_enough_of_those_that_show_a_face_come_to_rest():
    near, far = np.array([[0.5, 0, 0.1], [0, 0.5, 0]]), np.array([[0.5, 0, 0.2], [0, 0.5, 0]])
    looks = {"theta": np.stack([near] * faces.AROUND_AGREE + [far] * faces.AROUND_AGREE + [near])}
    shown = np.ones(len(looks["theta"]), bool)
    assert faces.agreed(looks, shown).all()
    shown[-2:] = False  # one of the far ones and the last near one show no face
    assert faces.agreed(looks, shown).tolist() == [True] * faces.AROUND_AGREE + [False] * (faces.AROUND_AGREE + 1)


def test_a_present_face_is_left_only_for_one_that_is_surer():
    """Its own crop is off, so that F looks around; what it sees there is white and surer, or black and less sure."""
    uv = np.full((3, 2), 0.5)
    for around, moved in ((255, True), (0, False)):
        image = np.full((400, 400, 3), around, np.uint8)
        image[150:250, 150:250] = 128
        network = Rooms(0.01)
        interpret = network.interpret
        network.interpret = lambda face, uv, style: interpret(face, uv, style) | {"translation": torch.tensor([[0, 0.011, -0.4]]).expand(len(face), -1)}
        first = faces.answers(network, [image], uv, "photo")
        assert first["presence"][0] > 0
        settled = faces.corrected(network, [image], first, 0.0, uv, "photo")
        assert faces.doubtful(settled, 0.0).tolist() == [0]
        result, _ = faces.search(network, [image], first, LIMITS, uv, "photo")
        assert (result["theta"] != settled["theta"]).any() == moved
