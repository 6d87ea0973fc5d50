"""Command `calibrate`: what is measured when the weights are done, on pictures found as the server finds them.

The ends between which F's widest layers round to 8 bits (`quantised.py`), on training portraits and on heads that were not trained
on, RENDERS/calibration, if there are any. Then, with these, what makes sigma mean what it says: of each style 68 % of the landmarks
come to lie within it, on such heads and on every second validation portrait; training by the steadied NLL (`landmark_nll`) leaves
it near that on what was trained on, too small on what was not.
"""
import argparse
import logging
from pathlib import Path

import numpy as np
import torch

from .anchors import INNER
from .canonical import read_layout
from .crops import apply
from .data import Photos, Renders, Source, to_square
from .export import load_checkpoint
from .facemesh import POINTS
from .faces import answers
from .network import STYLES
from .quantised import observed

OBSERVED = 4  # of the pictures, one in so many tells the ends
HELD = 2  # of the validation portraits, one in so many, from the first on, makes sigma right; `evaluate` tells by the others whether it is
WITHIN, SHARE = 1.515, 0.683  # of a 2D Gaussian, this share lies within so many sigmas

log = logging.getLogger(__name__)


def sigmas(distance: np.ndarray, log_sigma: np.ndarray, theta: np.ndarray) -> np.ndarray:
    """Distances [B, K] in the square over the sigmas' circles, which hold SHARE of a 2D Gaussian. theta [B, 2, 3]: sigma is in I'."""
    scale = np.sqrt(np.abs(np.linalg.det(theta[:, :, :2])))[:, None]
    return distance / (WITHIN * np.exp(log_sigma) * scale)


def factor(network, sources: list, style: str) -> float:
    """By what the style's sigmas must grow for SHARE of the sources' 51 points to lie within them."""
    truth = np.stack([apply(to_square(s.image), s.points[POINTS : POINTS + INNER]) for s in sources])
    answer = answers(network, [s.image for s in sources], read_layout("ict68")[17:], style)
    distance = np.linalg.norm(answer["photo_points"] - truth, axis=2)
    return float(np.quantile(sigmas(distance, answer["log_sigma"], answer["theta"]), SHARE))


def some(pictures: Photos | Renders, count: int) -> list[Source]:
    """At most so many of them, evenly spread."""
    return [pictures.source(i) for i in range(0, len(pictures), -(-len(pictures) // count))]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--preset", choices=("compact", "paper"), default="compact")
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--portraits", type=Path, required=True)
    parser.add_argument("--renders", type=Path, required=True)
    parser.add_argument("--pictures", type=int, default=1500, help="of each kind, at most")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--output", type=Path, required=True, help="the checkpoint, calibrated")


def run(arguments: argparse.Namespace) -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(arguments.threads)
    network = load_checkpoint(arguments.checkpoint, arguments.preset)
    own = arguments.renders / "calibration"
    if not own.exists():
        log.warning("no %s: sigma is measured on heads trained on, and may come out too small", own)
    heads = some(Renders(own if own.exists() else arguments.renders / "training"), arguments.pictures)
    with observed(network):
        for style, chosen in {"render": heads, "photo": some(Photos(arguments.labels, arguments.portraits, validation=False), arguments.pictures)}.items():
            answers(network, [s.image for s in chosen[::OBSERVED]], read_layout("ict68"), style)
    held = Photos(arguments.labels, arguments.portraits, validation=True)
    for style, chosen in {"render": heads, "photo": [held.source(i) for i in range(0, len(held), HELD)]}.items():
        grown = factor(network, chosen, style)
        network.predictor.calibration[STYLES.index(style)] += np.log(grown)
        log.info("%s: sigma times %.3f, by %d pictures", style, grown, len(chosen))
    torch.save({"network": network.state_dict()}, arguments.output)
