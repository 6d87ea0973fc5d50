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
from .network import SENSOR_MM, STYLES

PICTURE_SIZE = 448  # more than the longest side of any portrait
BATCH = 32
LOOKS = 2  # of S, as the server does it
FACE_RENDERS = 1200  # queries of the spread pool used for dense 3D
YAW_BANDS = ((0, 30), (30, 60), (60, 90))
INNER_OUTER_EYES = (36 - 17, 45 - 17)  # among the 51

log = logging.getLogger(__name__)


def squares(images: list[np.ndarray]) -> torch.Tensor:
    """Images as the network sees a photo: square-padded with black, [B, 3, 448, 448]."""
    padded = [warp(image, compose(to_pixels(PICTURE_SIZE), to_square(image)), PICTURE_SIZE) for image in images]
    return torch.from_numpy(np.stack(padded)).permute(0, 3, 1, 2).float() / 255


def answers(network, images, uv: np.ndarray, style: str) -> dict:
    """The network's answer to every image at uv [K, 2], as arrays over all images."""
    code = torch.eye(len(STYLES))[STYLES.index(style)]
    query = torch.from_numpy(uv.astype(np.float32))
    found = []
    with torch.inference_mode():
        for start in range(0, len(images), BATCH):
            batch = squares(images[start : start + BATCH])
            answer = network(batch, query.expand(len(batch), -1, -1), code.expand(len(batch), -1), LOOKS)
            found.append({key: value.numpy() for key, value in answer.items()})
    return {key: np.concatenate([part[key] for part in found]) for key in found[0]}


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


def portraits(network, photos: Photos) -> tuple[dict, np.ndarray]:
    """Portraits: 51 points against the label, in % of its outer-eye distance; and their presence logits."""
    uv = read_layout("ibug68")[17:]
    answer = answers(network, photos.images, uv, "photo")
    truth = np.stack([apply(to_square(image), points) for image, points in zip(photos.images, photos.points)])
    inner, mesh = truth[:, POINTS : POINTS + INNER], truth[:, :POINTS]
    eyes = np.linalg.norm(mesh[:, RIGHT_OUTER_EYE] - mesh[:, LEFT_OUTER_EYE], axis=1)
    distance = np.linalg.norm(answer["photo_points"] - inner, axis=2)
    error = 100 * distance.mean(1) / eyes
    figures = {
        "faces": len(error), "medianError51": np.median(error), "meanError51": error.mean(), "shareOver10": 100 * (error > 10).mean(),
        "cropHoldsFace": 100 * holds(answer["theta"], mesh).mean(), "withinSigma": 100 * calibration(distance, answer["log_sigma"], answer["theta"]),
    }
    return rounded(figures), answer["presence"]


def rounded(figures: dict) -> dict:
    return {key: round(float(value), 3) for key, value in figures.items()}


def heads(network, renders: Renders) -> tuple[dict, np.ndarray, np.ndarray]:
    """Renders: 51 points in % of the 3D outer-eye distance at its own depth, and dense 3D in mm.

    Also the presence logits of the faces and of the pictures without one.
    """
    sources = [renders.source(i) for i in range(len(renders))]
    images = [source.image for source in sources]
    uv = read_layout("ibug68")[17:]
    answer = answers(network, images, uv, "render")
    truth = np.stack([apply(to_square(s.image), s.points[POINTS : POINTS + INNER]) for s in sources])
    errors = np.linalg.norm(answer["photo_points"] - truth, axis=2)
    eyes, yaw = [], []
    for source in sources:
        corners = source.position[POINTS:][list(INNER_OUTER_EYES)]
        depth = -(corners.mean(0) @ source.rotation.T + source.translation)[2]
        eyes.append(2 * source.focal_mm / SENSOR_MM * np.linalg.norm(corners[0] - corners[1]) / depth)
        yaw.append(abs(np.degrees(np.arctan2(source.rotation[0, 2], source.rotation[2, 2]))))
    error = 100 * errors.mean(1) / np.array(eyes)
    seen = np.stack([s.visible[POINTS : POINTS + INNER] for s in sources])

    face = Delaunay(read_layout("facemesh468")).find_simplex(renders.uv) >= 0
    face[: POINTS + INNER] = False
    dense = np.flatnonzero(face)[:FACE_RENDERS]
    positions = answers(network, images, renders.uv[dense], "render")["position"]
    shape = np.concatenate([similarity_residual(p, s.position[dense]) for p, s in zip(positions, sources)]) * 1000
    figures = {
        "faces": len(error), "meanError51": error.mean(), "medianError51": np.median(error),
        "meanErrorVisible51": (100 * errors / np.array(eyes)[:, None])[seen].mean(),
        **{f"meanError51Yaw{low}To{high}": error[(np.array(yaw) >= low) & (np.array(yaw) < high)].mean() for low, high in YAW_BANDS},
        "medianShapeMm": np.median(shape), "meanShapeMm": shape.mean(),
        "withinSigma": 100 * calibration(errors, answer["log_sigma"], answer["theta"]),
    }
    negatives = answers(network, [renders.negative(i) for i in range(len(renders.absent))], uv, "photo")["presence"]
    return rounded(figures), answer["presence"], negatives


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
    figures, photographed = portraits(network, Photos(arguments.labels, arguments.portraits, validation=True))
    metrics = {"portraits": figures}
    if arguments.renders:
        metrics["renders"], rendered, faceless = heads(network, Renders(arguments.renders / "validation"))
        # As strict as keeps 99 % of the portraits and 95 % of the renders, some of which hide their face.
        threshold = min(np.quantile(photographed, 0.01), np.quantile(rendered, 0.05))
        metrics["presenceThreshold"] = round(float(1 / (1 + np.exp(-threshold))), 4)
        metrics["presence"] = rounded({
            "portraitsKept": 100 * (photographed >= threshold).mean(), "rendersKept": 100 * (rendered >= threshold).mean(),
            "negatives": len(faceless), "negativesLetThrough": 100 * (faceless >= threshold).mean()})
    print(json.dumps(metrics, indent=2))
    if arguments.output:
        arguments.output.write_text(json.dumps(metrics, indent=2) + "\n")
