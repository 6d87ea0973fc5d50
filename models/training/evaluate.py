"""The figures of the model card, on validation portraits and validation renders."""
import argparse
import json
import logging
from pathlib import Path

import numpy as np
import torch
from scipy.spatial import Delaunay

from .canonical import read_layout
from .crops import apply
from .data import INNER, Photos, Renders, compose, to_pixels, to_square, warp
from .export import load_checkpoint
from .facemesh import LEFT_OUTER_EYE, POINTS, RIGHT_OUTER_EYE
from .network import SENSOR_MM, STYLES, crop

PICTURE_SIZE = 448  # more than the longest side of any portrait
BATCH = 32
# As the server does it: S looks twice, and where no face is present then, at overlapping tiles of the picture.
LOOKS = 2
TILE_SIDES, SMALLEST_TILE = (1 / 2, 1 / 4), 128  # sides of the longer side; px
MAX_SIGMA = 0.05  # mean of a face's landmarks, in I'
FACE_RENDERS = 1200  # queries of the spread pool used for dense 3D
YAW_BANDS = ((0, 30), (30, 60), (60, 90))
INNER_OUTER_EYES = (36 - 17, 45 - 17)  # among the 51

log = logging.getLogger(__name__)


def squares(images: list[np.ndarray]) -> torch.Tensor:
    """Images as the network sees a photo: square-padded with black, [B, 3, 448, 448]."""
    padded = [warp(image, compose(to_pixels(PICTURE_SIZE), to_square(image)), PICTURE_SIZE) for image in images]
    return torch.from_numpy(np.stack(padded)).permute(0, 3, 1, 2).float() / 255


def answers(network, images, uv: np.ndarray, style: str, tile: torch.Tensor | None = None) -> dict:
    """The network's answer to every image (or a tile of each) at uv [K, 2], as arrays over all images."""
    code = torch.eye(len(STYLES))[STYLES.index(style)]
    query = torch.from_numpy(uv.astype(np.float32))
    found = []
    with torch.inference_mode():
        for start in range(0, len(images), BATCH):
            batch = squares(images[start : start + BATCH])
            part = None if tile is None else tile[start : start + BATCH]
            answer = network(batch, query.expand(len(batch), -1, -1), code.expand(len(batch), -1), LOOKS, part)
            found.append({key: value.numpy() for key, value in answer.items()})
    return {key: np.concatenate([part[key] for part in found]) for key in found[0]}


def positions_at(network, images, theta: np.ndarray, uv: np.ndarray, style: str) -> np.ndarray:
    """Canonical positions [B, K, 3] m at uv [K, 2] of the faces at theta [B, 2, 3]."""
    code, query, found = torch.eye(len(STYLES))[STYLES.index(style)], torch.from_numpy(uv.astype(np.float32)), []
    with torch.inference_mode():
        for start in range(0, len(images), BATCH):
            face = crop(squares(images[start : start + BATCH]), torch.from_numpy(theta[start : start + BATCH]), network.preset.face_size)
            found.append(network.read(face, query.expand(len(face), -1, -1), code.expand(len(face), -1))["position"].numpy())
    return np.concatenate(found)


def tiles(image: np.ndarray) -> torch.Tensor:
    """Overlapping squares [n, 2, 3] of an image, each half a tile from the next."""
    height, width = image.shape[:2]
    size = max(height, width)
    found = []
    for side in (side for side in TILE_SIDES if size * side >= SMALLEST_TILE):
        places = side * np.arange(1, round((1 - side) / side * 2) + 2) - 1
        found += [[[side, 0, x], [0, side, y]] for y in places for x in places if abs(x) <= width / size and abs(y) <= height / size]
    return torch.tensor(found, dtype=torch.float32).view(-1, 2, 3)


def search(network, images, answer: dict, threshold: float, uv: np.ndarray, style: str) -> tuple[dict, np.ndarray]:
    """`answer` with what the tiles show of images whose face's presence is below the threshold (a logit); and which faces are kept.

    Of a face that is not kept, of which the server says that it found none, the surest look stands.
    """
    result, kept = {key: value.copy() for key, value in answer.items()}, answer["presence"] >= threshold
    for lost in np.flatnonzero(~kept):
        tile = tiles(images[lost])
        if not len(tile):
            continue
        looks = {key: np.concatenate([answer[key][lost : lost + 1], value]) for key, value in answers(network, [images[lost]] * len(tile), uv, style, tile).items()}
        sigma = np.exp(looks["log_sigma"]).mean(1)
        accepted = (looks["presence"] >= threshold) & (sigma <= MAX_SIGMA)
        kept[lost] = accepted.any()
        surest = np.where(accepted, sigma, np.inf).argmin() if kept[lost] else sigma.argmin()
        for key, value in looks.items():
            result[key][lost] = value[surest]
    return result, kept


def similarity_residual(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Distances [K] after aligning source [K, 3] to target by a similarity (Umeyama 1991)."""
    a, b = source - source.mean(0), target - target.mean(0)
    u, s, vt = np.linalg.svd(b.T @ a)
    sign = np.diag([1, 1, np.sign(np.linalg.det(u @ vt))])
    rotation = u @ sign @ vt
    scale = np.trace(np.diag(s) @ sign) / (a**2).sum()
    return np.linalg.norm(scale * a @ rotation.T - b, axis=1)


def holds(theta: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Whether theta's crop [B, 2, 3] holds all its points [B, K, 2]."""
    inverse = np.linalg.inv(theta[:, :, :2])
    inside = np.einsum("bij,bkj->bki", inverse, points - theta[:, None, :, 2])
    return (np.abs(inside) <= 1).all((1, 2))


def calibration(error: np.ndarray, log_sigma: np.ndarray, theta: np.ndarray) -> float:
    """Share of landmarks whose error [B, K] in the photo is within sigma times 1.515 (68 % of a 2D Gaussian)."""
    scale = np.sqrt(np.abs(np.linalg.det(theta[:, :, :2])))[:, None]
    return float((error < 1.515 * np.exp(log_sigma) * scale).mean())


def portraits(answer: dict, photos: Photos) -> dict:
    """Portraits: 51 points against the label, in % of its outer-eye distance; their canonical positions against the fitted ones, in mm."""
    truth = np.stack([apply(to_square(image), points) for image, points in zip(photos.images, photos.points)])
    inner, mesh = truth[:, POINTS : POINTS + INNER], truth[:, :POINTS]
    eyes = np.linalg.norm(mesh[:, RIGHT_OUTER_EYE] - mesh[:, LEFT_OUTER_EYE], axis=1)
    distance = np.linalg.norm(answer["photo_points"] - inner, axis=2)
    error = 100 * distance.mean(1) / eyes
    canonical = 1000 * np.linalg.norm(answer["position"] - photos.positions[:, POINTS : POINTS + INNER], axis=2)
    return rounded({
        "faces": len(error), "medianCanonicalMm": np.median(canonical), "medianError51": np.median(error), "meanError51": error.mean(), "shareOver10": 100 * (error > 10).mean(),
        "cropHoldsFace": 100 * holds(answer["theta"], mesh).mean(), "withinSigma": 100 * calibration(distance, answer["log_sigma"], answer["theta"]),
    })


def rounded(figures: dict) -> dict:
    return {key: round(float(value), 3) for key, value in figures.items()}


def heads(network, answer: dict, sources: list, kept: np.ndarray) -> dict:
    """Renders: 51 points in % of the 3D outer-eye distance at its own depth, and dense 3D in mm.

    Of all of them, and of those whose face is found present, `kept`: for the others the server says that it found none.
    """
    truth = np.stack([apply(to_square(s.image), s.points[POINTS : POINTS + INNER]) for s in sources])
    errors = np.linalg.norm(answer["photo_points"] - truth, axis=2)
    eyes, yaw = [], []
    for source in sources:
        corners = source.position[POINTS:][list(INNER_OUTER_EYES)]
        depth = -(corners.mean(0) @ source.rotation.T + source.translation)[2]
        eyes.append(2 * source.focal_mm / SENSOR_MM * np.linalg.norm(corners[0] - corners[1]) / depth)
        yaw.append(abs(np.degrees(np.arctan2(source.rotation[0, 2], source.rotation[2, 2]))))
    eyes, yaw = np.array(eyes), np.array(yaw)
    error = 100 * errors.mean(1) / eyes
    seen = np.stack([s.visible[POINTS : POINTS + INNER] for s in sources])

    uv = sources[0].uv
    face = Delaunay(read_layout("facemesh468")).find_simplex(uv) >= 0
    face[: POINTS + INNER] = False
    dense = np.flatnonzero(face)[:FACE_RENDERS]
    positions = positions_at(network, [s.image for s in sources], answer["theta"], uv[dense], "render")
    shape = np.concatenate([similarity_residual(p, s.position[dense]) for p, s in zip(positions, sources)]) * 1000
    bands = {f"{low}To{high}": error[(yaw >= low) & (yaw < high)] for low, high in YAW_BANDS}
    return rounded({
        "faces": len(error), "meanError51": error.mean(), "medianError51": np.median(error), "shareOver10": 100 * (error > 10).mean(),
        "meanErrorKept51": error[kept].mean(), "medianErrorKept51": np.median(error[kept]), "meanErrorVisible51": (100 * errors / eyes[:, None])[seen].mean(),
        **{f"meanError51Yaw{name}": values.mean() for name, values in bands.items()},
        **{f"medianError51Yaw{name}": np.median(values) for name, values in bands.items()},
        "medianShapeMm": np.median(shape), "meanShapeMm": shape.mean(),
        "withinSigma": 100 * calibration(errors, answer["log_sigma"], answer["theta"]),
    })


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--preset", choices=("compact", "paper"), default="compact")
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--portraits", type=Path, required=True)
    parser.add_argument("--renders", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--output", type=Path, help="metrics.json for `export`")


def run(arguments: argparse.Namespace) -> None:
    torch.set_num_threads(arguments.threads)
    network = load_checkpoint(arguments.checkpoint, arguments.preset)
    uv = read_layout("ibug68")[17:]
    photos = Photos(arguments.labels, arguments.portraits, validation=True)
    photographed = answers(network, photos.images, uv, "photo")
    threshold, metrics = np.quantile(photographed["presence"], 0.01), {}
    if arguments.renders:
        renders = Renders(arguments.renders / "validation")
        sources = [renders.source(i) for i in range(len(renders))]
        pictures, faceless = [s.image for s in sources], [renders.negative(i) for i in range(len(renders.absent))]
        rendered = answers(network, pictures, uv, "render")
        # As strict as keeps 99 % of the portraits and 95 % of the renders, some of which hide their face, at the whole picture.
        threshold = min(threshold, np.quantile(rendered["presence"], 0.05))
        found, kept = search(network, pictures, rendered, threshold, uv, "render")
        _, through = search(network, faceless, answers(network, faceless, uv, "photo"), threshold, uv, "photo")
        metrics = {"renders": heads(network, found, sources, kept), "presence": rounded({
            "rendersKept": 100 * kept.mean(), "rendersKeptAtOnce": 100 * (rendered["presence"] >= threshold).mean(),
            "negatives": len(faceless), "negativesLetThrough": 100 * through.mean()})}
    found, kept = search(network, photos.images, photographed, threshold, uv, "photo")
    metrics = {"portraits": portraits(found, photos), **metrics, "presenceThreshold": round(float(1 / (1 + np.exp(-threshold))), 4)}
    metrics.setdefault("presence", {})["portraitsKept"] = round(100 * float(kept.mean()), 3)
    print(json.dumps(metrics, indent=2))
    if arguments.output:
        arguments.output.write_text(json.dumps(metrics, indent=2) + "\n")
