"""Command `average`: the weighted mean of two checkpoints, the second trained on from the first.

The mean rounds nothing to 8 bits until it is calibrated: where its layers' values end is not between where the two's do.

Between a network and what it became on other data, the mean often has what each of them is better at, and errs less than
either (Wortsman et al. 2022, "Robust fine-tuning of zero-shot models").
"""
import argparse
from pathlib import Path

import torch

from .export import load_checkpoint
from .quantised import forget


def between(first: dict, second: dict, share: float) -> dict:
    """The state whose numbers are `share` of the second's and the rest of the first's, all in single precision."""
    return {key: torch.lerp(first[key].float(), second[key].float(), share) if second[key].is_floating_point() else second[key] for key in second}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("checkpoints", type=Path, nargs=2, metavar="CHECKPOINT", help="the earlier, then the later")
    parser.add_argument("--share", type=float, default=0.5, help="of the later's weights, 0..1")
    parser.add_argument("--preset", choices=("compact", "paper"), default="compact")
    parser.add_argument("--output", type=Path, required=True, help="the checkpoint")


def run(arguments: argparse.Namespace) -> None:
    if not 0 <= arguments.share <= 1:
        raise SystemExit(f"--share is {arguments.share}; it must lie in 0..1.")
    first, second = (load_checkpoint(path, arguments.preset) for path in arguments.checkpoints)
    for network in (first, second):
        forget(network)
    torch.save({"network": between(first.state_dict(), second.state_dict(), arguments.share)}, arguments.output)
