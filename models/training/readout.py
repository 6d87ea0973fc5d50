"""Command `readout`: brings what reads the trunk's maps to convergence - F's dense layer and pose, D, Q and P.

Nine tenths of a training step is the trunk and the making of samples. Here the maps of many crops are made once and
kept, so that the rest sees each of them many times; `train --stage landmarks` teaches the trunk before, and all of it
together after.
"""
import argparse
import logging
import math
import time
from pathlib import Path

import torch
from torch.utils.data import DataLoader

from .data import Photos, Renders, Samples, Stream
from .network import InfiniteLandmarks
from .train import answer_loss

CHUNK = 50
QUERIES = 40  # of each crop at a step

log = logging.getLogger(__name__)


def collect(network: InfiniteLandmarks, samples: Samples, count: int, seed: int) -> dict:
    """The maps (half precision) and labels of `count` crops."""
    stream = Stream(samples, "crop", CHUNK, seed)
    parts = []
    with torch.inference_mode():
        for batch in DataLoader(stream, batch_size=None, num_workers=1, prefetch_factor=4):
            face = batch.pop("face").permute(0, 3, 1, 2).float().div(255).contiguous(memory_format=torch.channels_last)
            parts.append({"maps": network.encoder.trunk.maps(face).half(), **batch})
            if len(parts) * CHUNK >= count:
                return {key: torch.cat([part[key] for part in parts]) for key in parts[0]}
            if len(parts) % 40 == 0:
                log.info("%d of %d crops", len(parts) * CHUNK, count)


def draw(cache: dict, rows: torch.Tensor) -> dict:
    """A batch of the cache with a few of its queries."""
    chosen = torch.randperm(cache["uv"].shape[1])[:QUERIES]
    return {key: value[rows][:, chosen] if key in ("uv", "points", "position") else value[rows] for key, value in cache.items()}


def losses_of(network: InfiniteLandmarks, batch: dict) -> dict:
    trunk = network.encoder.trunk
    encoded = network.encoder.answer(trunk.features(batch["maps"].float()))
    return answer_loss(network.interpret(encoded, batch["uv"], batch["style"]), batch)


def fit(network: InfiniteLandmarks, cache: dict, arguments: argparse.Namespace) -> None:
    trunk = network.encoder.trunk
    wide = [*trunk.dense.parameters()]
    fast = [*trunk.bend.parameters(), *network.encoder.pose.parameters(), *network.predictor.parameters()]
    optimiser = torch.optim.AdamW([{"params": fast, "peak": arguments.rate}, {"params": wide, "peak": 0.1 * arguments.rate}], weight_decay=arguments.decay)
    count, held = len(cache["maps"]), len(cache["maps"]) // 20
    steps = arguments.epochs * ((count - held) // arguments.batch)
    step, running, started = 0, {}, time.time()
    for epoch in range(arguments.epochs):
        order = held + torch.randperm(count - held)
        for rows in order[: len(order) // arguments.batch * arguments.batch].split(arguments.batch):
            losses = losses_of(network, draw(cache, rows))
            optimiser.zero_grad(set_to_none=True)
            sum(losses.values()).backward()
            torch.nn.utils.clip_grad_norm_(fast + wide, 20.0)
            for group in optimiser.param_groups:
                group["lr"] = group["peak"] * min((step + 1) / 100, 1) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / steps)))
            optimiser.step()
            step += 1
            for key, value in losses.items():
                running[key] = 0.99 * running.get(key, float(value)) + 0.01 * float(value)
        with torch.inference_mode():
            unseen = losses_of(network, draw(cache, torch.arange(held)))
        words = lambda values: "  ".join(f"{key} {float(value):.4f}" for key, value in values.items())
        log.info("epoch %d: %s | unseen crops: %s | %.0f s", epoch + 1, words(running), words(unseen), time.time() - started)
        torch.save({"network": network.state_dict()}, arguments.output)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--start", type=Path, required=True, help="a checkpoint to start from")
    parser.add_argument("--labels", type=Path, required=True, help="of `label`")
    parser.add_argument("--portraits", type=Path, required=True)
    parser.add_argument("--renders", type=Path, required=True)
    parser.add_argument("--render-share", type=float, default=0.6)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--crops", type=int, default=60000, help="kept in memory, 8 kB each")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=6e-4)
    parser.add_argument("--decay", type=float, default=1e-2)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)


def run(arguments: argparse.Namespace) -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.manual_seed(arguments.seed)
    torch.set_num_threads(arguments.threads)
    network = InfiniteLandmarks("compact")
    network.load_state_dict(torch.load(arguments.start, map_location="cpu")["network"])
    photos, renders = Photos(arguments.labels, arguments.portraits, validation=False), Renders(arguments.renders / "training")
    samples = Samples(photos, renders, network.preset.face_size, arguments.render_share)
    cache = collect(network, samples, arguments.crops, arguments.seed)
    fit(network, cache, arguments)
