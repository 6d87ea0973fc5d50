"""The public benchmarks, for those who hold them: `evaluate --dataset 300w|aflw2000|now FOLDER`.

300w        images with .pts files of 68 points beside them, in any sub-folders (300-W, Sagonas et al. 2013)
aflw2000    images with .mat files beside them: pt3d_68 [3, 68], Pose_Para [1, 7] (AFLW2000-3D, Zhu et al. 2016)
now         iphone_pictures/SUBJECT/KIND/NAME.jpg, detected_face/SUBJECT/KIND/NAME.npy (NoW, Sanyal et al. 2019). The
            scans are not ours to measure against: what is written is what `now_evaluation` takes

Both kinds of annotation count pixels as Matlab does: the first pixel's centre is 1, which is our 0.5.
"""
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.io
import torch

from .canonical import read_layout
from .faces import Limits, answers, asked, search, to_pixels_of
from .label import read
from .topology import TOPOLOGY, read_obj

IMAGES = (".jpg", ".jpeg", ".png", ".bmp", ".JPG", ".JPEG", ".PNG", ".BMP")
FIRST_CENTRE = 1 - 0.5  # their coordinate less ours
AT_ONCE = 8  # images in memory
OUTER_EYES = (36, 45)
YAW_BANDS = ((0, 30), (30, 60), (60, 180))
NOW_LANDMARKS = (36, 39, 42, 45, 33, 48, 54)  # right eye, left eye, below the nose, mouth

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Annotated:
    image: Path
    subset: str
    points: np.ndarray  # [68, 2] px, pixel centres at half-integers
    yaw: float = np.nan  # degrees


def read_pts(path: Path) -> np.ndarray:
    """The points [K, 2] of a .pts file, as they stand in it."""
    body = path.read_text().partition("{")[2].partition("}")[0]
    return np.array(body.split(), np.float64).reshape(-1, 2)


def image_beside(path: Path) -> Path:
    for suffix in IMAGES:
        if path.with_suffix(suffix).exists():
            return path.with_suffix(suffix)
    raise FileNotFoundError(f"no image beside {path}: {path.stem} with one of {', '.join(IMAGES)} is needed")


def read_300w(folder: Path) -> list[Annotated]:
    """The images of a folder, by sub-folder ("." is the folder itself)."""
    found = []
    for path in sorted(folder.rglob("*.pts")):
        points = read_pts(path)
        if len(points) != 68:
            raise ValueError(f"{path} has {len(points)} points, 68 are needed")
        found.append(Annotated(image_beside(path), str(path.parent.relative_to(folder)), points - FIRST_CENTRE))
    return found


def read_aflw2000(folder: Path) -> list[Annotated]:
    """The images of a folder, by yaw band."""
    found = []
    for path in sorted(folder.glob("*.mat")):
        record = scipy.io.loadmat(path)
        yaw = abs((np.degrees(record["Pose_Para"][0, 1]) + 180) % 360 - 180)  # pitch, yaw, roll, ... in radians
        band = next(f"yaw {low} to {high}" for low, high in YAW_BANDS if yaw <= high)
        found.append(Annotated(image_beside(path), band, record["pt3d_68"][:2].T.astype(np.float64) - FIRST_CENTRE, yaw))
    return found


READERS = {"300w": read_300w, "aflw2000": read_aflw2000}


def square_around(image: np.ndarray, low: np.ndarray, high: np.ndarray, factor: float) -> torch.Tensor:
    """The tile [1, 2, 3] of the image, `factor` times as large as the box from low to high [2] px."""
    height, width = image.shape[:2]
    size, side = max(height, width), factor * (high - low).max()
    x, y = ((low + high) - [width, height]) / size
    return torch.tensor([[[side / size, 0, x], [0, side / size, y]]], dtype=torch.float32)


def seen(network, images, tiles: torch.Tensor | None, limits: Limits, uv: np.ndarray, style: str) -> tuple[dict, np.ndarray]:
    """The answer to each image, and whether it has a face: as the server finds it, or in the tiles [B, 2, 3] alone."""
    answer = answers(network, images, uv, style, tiles)
    return search(network, images, answer, limits, uv, style) if tiles is None else (answer, answer["presence"] >= limits.presence)


def landmarks(network, samples: list[Annotated], limits: Limits, style: str, around: float | None) -> tuple[np.ndarray, np.ndarray]:
    """The network's 68 points [N, 68, 2] px, and whether a face was found at all [N].

    As the server does it; with `around`, S looks at a square that much larger than the annotated face instead of the
    whole image: of several faces the annotated one is to be found.
    """
    uv, points, kept = read_layout("ibug68"), [], []
    for start in range(0, len(samples), AT_ONCE):
        part = samples[start : start + AT_ONCE]
        images = [read(sample.image) for sample in part]
        boxes = [(sample.points.min(0), sample.points.max(0)) for sample in part]
        tiles = torch.cat([square_around(image, *box, around) for image, box in zip(images, boxes)]) if around else None
        answer, found = seen(network, images, tiles, limits, uv, style)
        points += [to_pixels_of(image, photo_points) for image, photo_points in zip(images, answer["photo_points"])]
        kept.append(found)
        log.info("%d of %d images", start + len(part), len(samples))
    return np.stack(points), np.concatenate(kept)


def cumulative(error: np.ndarray) -> dict:
    """Figures of errors [N] in %."""
    return {"mean": error.mean(), "median": np.median(error), "shareOver10": 100 * (error > 10).mean()}


def measured(dataset: str, samples: list[Annotated], points: np.ndarray, kept: np.ndarray) -> dict:
    """Group -> figures: of all images, then of each subset. Errors are means over an image's points.

    300w is normalised by the annotated outer eyes' distance; aflw2000 by the square root of the area of the annotated
    points' box, and has the mean of its bands beside the mean of all, because most of its faces look ahead.
    """
    truth = np.stack([sample.points for sample in samples])
    distance = 100 * np.linalg.norm(points - truth, axis=2)
    if dataset == "300w":
        unit = np.linalg.norm(truth[:, OUTER_EYES[0]] - truth[:, OUTER_EYES[1]], axis=1)
    else:
        unit = np.sqrt(np.ptp(truth, axis=1).prod(1))
    errors = {"51": distance[:, 17:].mean(1) / unit, "68": distance.mean(1) / unit}
    subset = np.array([sample.subset for sample in samples])
    groups = {"all": np.ones(len(samples), bool), **{name: subset == name for name in sorted(set(subset))}}
    result = {}
    for name, chosen in groups.items():
        figures = {f"{key}Error{count}": value for count, error in errors.items() for key, value in cumulative(error[chosen]).items()}
        result[name] = {"faces": int(chosen.sum()), "found": 100 * kept[chosen].mean(), **figures}
    if dataset == "aflw2000":
        bands = [figures for name, figures in result.items() if name != "all"]
        result["mean of bands"] = {"faces": len(samples)} | {key: np.mean([band[key] for band in bands]) for key in bands[0] if key.startswith("mean")}
    return {name: {key: round(float(value), 3) for key, value in figures.items()} for name, figures in result.items()}


def write_now(network, folder: Path, output: Path, limits: Limits, style: str, around: float | None) -> dict:
    """Writes SUBJECT/KIND/NAME.obj, the mesh in metres, and NAME.txt, seven landmarks [7, 3], of each image of NoW.

    The mesh is the shape of the one image, its expression included. With `around`, S looks at a square that much larger
    than the box of detected_face; those .npy hold pickled dictionaries, and unpickling can run what a file says: use it
    on files from the makers alone.
    """
    pictures = folder / "iphone_pictures"
    images = sorted(path for path in pictures.glob("*/*/*") if path.suffix in IMAGES)
    if not images:
        raise FileNotFoundError(f"{pictures} has no SUBJECT/KIND/NAME.jpg")
    uv, quads = read_obj(TOPOLOGY)
    inner = read_layout("ibug68")[17:]
    query = np.concatenate([uv, read_layout("ibug68")[list(NOW_LANDMARKS)]])
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]) + 1
    faces = "\n".join("f {} {} {}".format(*corners) for corners in triangles)
    found = 0
    for path in images:
        image, name, tile = read(path), path.relative_to(pictures).with_suffix(""), None
        if around:
            box = np.load(f"{folder / 'detected_face' / name}.npy", allow_pickle=True, encoding="latin1").item()
            low, high = (np.array([float(box[side]) for side in sides]) for sides in (("left", "top"), ("right", "bottom")))
            tile = square_around(image, low, high, around)
        answer, kept = seen(network, [image], tile, limits, inner, style)
        found += int(kept[0])
        if not kept[0]:
            log.warning("%s: no face was found; the surest look is written", name)
        positions = asked(network, answer, query, style)["position"][0]
        target = output / name
        target.parent.mkdir(parents=True, exist_ok=True)
        rows = "\n".join("v {:.6f} {:.6f} {:.6f}".format(*row) for row in positions[: len(uv)])
        Path(f"{target}.obj").write_text(f"{rows}\n{faces}\n")
        Path(f"{target}.txt").write_text("\n".join("{:.6f} {:.6f} {:.6f}".format(*row) for row in positions[len(uv) :]) + "\n")
    return {"images": len(images), "found": found}


def run_dataset(network, arguments, limits: Limits) -> dict:
    """The figures of `evaluate --dataset`."""
    if arguments.dataset == "now":
        return write_now(network, arguments.folder, arguments.output, limits, arguments.style, arguments.around)
    samples = READERS[arguments.dataset](arguments.folder)
    if not samples:
        raise FileNotFoundError(f"{arguments.folder} holds no annotated image of {arguments.dataset}")
    return measured(arguments.dataset, samples, *landmarks(network, samples, limits, arguments.style, arguments.around))
