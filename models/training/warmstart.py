"""Command `warmstart`: gives F features that carry shape before F, D, Q and P are trained together.

The shape of a head is a faint signal next to its pose: started from nothing, P answers the mean face for a long
time. A ridge regression from F's feature map to the principal components of the rendered heads' shapes is solved
in closed form, becomes the last SHAPE_FEATURES rows of F's dense layer, and P learns to read them from cached features.
"""
import argparse
import logging
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional
from torch.utils.data import DataLoader

from .data import Renders, Samples, Stream
from .facemesh import POINTS
from .network import SHAPE_FEATURES, STYLES, InfiniteLandmarks

HEADS = 7000
COMPONENTS = SHAPE_FEATURES // 2  # GELU keeps one sign, so each has a feature for either
RIDGES = (1e3, 1e4, 1e5)
GAIN = 2.0  # of a component's unit variance, where GELU is no longer nearly linear
DECODER_STEPS, DECODER_BATCH, DECODER_QUERIES = 1500, 48, 96

log = logging.getLogger(__name__)


def collect(network: InfiniteLandmarks, renders: Renders, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """F's feature maps before its dense layer [HEADS, 2304], and which head of `renders` and which side it was [HEADS, 2]."""
    encoder = network.encoder.trunk
    samples = Samples(None, renders, network.preset.face_size, render_share=1.0, negative_share=0.0)
    stream = Stream(samples, "crop", 50, seed, keep_source=True)
    maps, sources = [], []
    with torch.inference_mode():
        for batch in DataLoader(stream, batch_size=None, num_workers=1, prefetch_factor=4):
            face = batch["face"].permute(0, 3, 1, 2).float().div(255).contiguous(memory_format=torch.channels_last)
            maps.append(encoder.reduce(encoder.blocks(encoder.trunk(face))).flatten(1).numpy())
            sources.append(batch["source"].numpy().astype(int))
            if len(maps) * 50 >= HEADS:
                return np.concatenate(maps), np.concatenate(sources)
            if len(maps) % 20 == 0:
                log.info("%d of %d heads", len(maps) * 50, HEADS)


def shapes(renders: Renders, sources: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """Canonical positions [n, K, 3] of the drawn heads at `queries`, in the uv of the drawn (perhaps mirrored) side.

    The chart is symmetric, so a mirrored head at a query is the head at the query across, with x negated.
    """
    across = renders.across(queries)
    result = np.empty((len(sources), len(queries), 3), np.float32)
    for row, (index, flipped) in enumerate(sources):
        position = renders.source(index).position
        result[row] = position[across] * [-1, 1, 1] if flipped else position[queries]
    return result


def ridge(maps: np.ndarray, targets: np.ndarray, penalty: float) -> tuple[np.ndarray, np.ndarray]:
    """Weights [F, C] and bias [C] of the ridge regression from maps [n, F] to targets [n, C]."""
    mean, deviation, offset = maps.mean(0), maps.std(0) + 1e-6, targets.mean(0)
    scaled = ((maps - mean) / deviation).astype(np.float64)
    gram = scaled.T @ scaled + penalty * np.eye(scaled.shape[1])
    weights = np.linalg.solve(gram, scaled.T @ (targets - offset)) / deviation[:, None]
    return weights, offset - mean @ weights


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--start", type=Path, required=True, help="a checkpoint whose pose is found already")
    parser.add_argument("--renders", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)


def run(arguments: argparse.Namespace) -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.manual_seed(arguments.seed)
    torch.set_num_threads(arguments.threads)
    network = InfiniteLandmarks("compact")
    network.load_state_dict(torch.load(arguments.start, map_location="cpu")["network"])
    renders = Renders(arguments.renders / "training")
    maps, sources = collect(network, renders, arguments.seed)
    queries = np.concatenate([np.arange(POINTS), np.arange(POINTS, len(renders.uv), 5)])
    shape = shapes(renders, sources, queries)
    flat = shape[:, :POINTS].reshape(len(shape), -1).astype(np.float64)  # the face; neck and scalp vary more and show less
    centred = flat - flat.mean(0)
    values, vectors = np.linalg.eigh(centred.T @ centred / len(flat))
    coefficients = centred @ vectors[:, -COMPONENTS:] / np.sqrt(values[-COMPONENTS:])
    held = len(maps) // 8
    best = 0.0
    for penalty in RIDGES:
        candidate = ridge(maps[held:], coefficients[held:], penalty)
        missed = maps[:held] @ candidate[0] + candidate[1] - coefficients[:held]
        explained = 1 - (missed**2 @ values[-COMPONENTS:]).sum() / (coefficients[:held] ** 2 @ values[-COMPONENTS:]).sum()
        log.info("ridge %g explains %.0f %% of the shape variance of held-out samples", penalty, 100 * explained)
        if explained > best:
            best, (weights, bias) = explained, candidate

    dense, predictor = network.encoder.trunk.dense, network.predictor
    rows = np.concatenate([weights, -weights], 1).T * GAIN
    with torch.no_grad():
        dense.weight[-SHAPE_FEATURES:] = torch.from_numpy(rows).float()
        dense.bias[-SHAPE_FEATURES:] = torch.from_numpy(np.concatenate([bias, -bias]) * GAIN).float()
        network.encoder.pose[0].weight[:, -SHAPE_FEATURES:] = 0  # pose is read as before
        torch.nn.init.kaiming_uniform_(predictor.from_features.weight[:, -SHAPE_FEATURES:], a=5**0.5)
        features = functional.gelu(torch.from_numpy(maps) @ dense.weight.T + dense.bias)
    targets, uv = torch.from_numpy(shape), torch.from_numpy(renders.uv[queries])
    optimiser = torch.optim.AdamW(predictor.parameters(), lr=1e-3)
    style = torch.eye(len(STYLES))[STYLES.index("render")].expand(DECODER_BATCH, -1)
    running = 0.0
    for step in range(DECODER_STEPS):
        optimiser.param_groups[0]["lr"] = 1e-3 * (1 - 0.95 * step / DECODER_STEPS)
        row, column = torch.randint(held, len(features), (DECODER_BATCH,)), torch.randint(0, len(queries), (DECODER_QUERIES,))
        position, _ = predictor(features[row], uv[column].expand(DECODER_BATCH, -1, -1), style)
        loss = (position - targets[row][:, column]).abs().mean() * 100
        optimiser.zero_grad()
        (10 * loss).backward()
        optimiser.step()
        running = 0.98 * running + 0.02 * loss.item() if step else loss.item()
        if step % 100 == 99:
            log.info("P reads shape: step %d, %.4f cm", step + 1, running)
    torch.save({"network": network.state_dict()}, arguments.output)
