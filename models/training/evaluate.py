"""The figures of the model card, on validation portraits and validation renders; with --dataset, those of a public benchmark."""
import argparse
import json
import logging
from pathlib import Path

import numpy as np
import torch
from scipy.spatial import Delaunay

from . import datasets
from .canonical import read_layout
from .crops import apply
from .data import INNER, Photos, Renders, to_square
from .export import load_checkpoint
from .facemesh import LEFT_OUTER_EYE, POINTS, RIGHT_OUTER_EYE
from .faces import answers, positions_at, search
from .network import SENSOR_MM, STYLES

FACE_RENDERS = 1200  # queries of the spread pool used for dense 3D
MODEL_CARD = Path(__file__).parents[1] / "compact" / "model.json"
YAW_BANDS = ((0, 30), (30, 60), (60, 90))
INNER_OUTER_EYES = (36 - 17, 45 - 17)  # among the 51

log = logging.getLogger(__name__)


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


def eye_span(source) -> float:
    """The 3D outer-eye distance of a rendered head, seen at its own depth, in [-1, 1] of the picture."""
    corners = source.position[POINTS:][list(INNER_OUTER_EYES)]
    depth = -(corners.mean(0) @ source.rotation.T + source.translation)[2]
    return 2 * source.focal_mm / SENSOR_MM * np.linalg.norm(corners[0] - corners[1]) / depth


def heads(network, answer: dict, sources: list, kept: np.ndarray) -> dict:
    """Renders: 51 points in % of the 3D outer-eye distance at its own depth, and dense 3D in mm.

    Of all of them, and of those whose face is found present, `kept`: for the others the server says that it found none.
    """
    truth = np.stack([apply(to_square(s.image), s.points[POINTS : POINTS + INNER]) for s in sources])
    errors = np.linalg.norm(answer["photo_points"] - truth, axis=2)
    eyes = np.array([eye_span(source) for source in sources])
    yaw = np.array([abs(np.degrees(np.arctan2(source.rotation[0, 2], source.rotation[2, 2]))) for source in sources])
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
    parser.add_argument("--labels", type=Path)
    parser.add_argument("--portraits", type=Path)
    parser.add_argument("--renders", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--output", type=Path, help="metrics.json for `export`; with --dataset now, the folder of the meshes")
    benchmark = parser.add_argument_group("a public benchmark instead")
    benchmark.add_argument("--dataset", choices=(*datasets.READERS, "now"))
    benchmark.add_argument("folder", type=Path, nargs="?", help="its images and annotations")
    benchmark.add_argument("--threshold", type=float, help="presence, 0..1, that is a face (default: models/compact/model.json's)")
    benchmark.add_argument("--style", choices=STYLES, default="photo")
    benchmark.add_argument("--around", type=float, metavar="FACTOR", help="S looks at a square this much larger than the annotated face, not at the whole image")


def run(arguments: argparse.Namespace) -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    needed = ("folder", "output") if arguments.dataset == "now" else ("folder",) if arguments.dataset else ("labels", "portraits")
    missing = [name for name in needed if getattr(arguments, name) is None]
    if missing:
        raise SystemExit(f"evaluate needs {' and '.join(missing)} here; see --help")
    torch.set_num_threads(arguments.threads)
    network = load_checkpoint(arguments.checkpoint, arguments.preset)
    if arguments.dataset:
        threshold = arguments.threshold or json.loads(MODEL_CARD.read_text())["presenceThreshold"]
        metrics = datasets.run_dataset(network, arguments, float(np.log(threshold / (1 - threshold))))
    else:
        metrics = own(network, arguments)
    print(json.dumps(metrics, indent=2))
    if arguments.output and arguments.dataset != "now":
        arguments.output.write_text(json.dumps(metrics, indent=2) + "\n")


def own(network, arguments: argparse.Namespace) -> dict:
    """The figures on our own validation portraits and renders."""
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
    return metrics
