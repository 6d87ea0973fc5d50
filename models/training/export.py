"""The ONNX graphs and model.json of a model folder (design, section 4), from a training checkpoint."""
import copy
import hashlib
import json
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn
from torch.nn.utils import parametrize

from .network import SMALL_SIZE, STYLES, InfiniteLandmarks, blended, crop, widened

OPSET = 16  # the first with GridSample
PARITY = Path(__file__).parents[2] / "tests" / "Core.Tests" / "parity.npz"
PHOTO = Path(__file__).parents[2] / "examples" / "photos" / "astronaut.png"
PHOTO_FACES = torch.tensor([[[0.34, 0, -0.11], [0, 0.34, -0.49]], [[0.3, -0.1, -0.1], [0.1, 0.3, -0.5]]])  # theta: upright, and rolled
DATA = (
    {"name": "voteview/member_photos portraits", "licence": "public domain, overwhelmingly", "use": "photos labelled by FaceMesh; skin and backgrounds of the renders"},
    {"name": "ICT-FaceKit light", "licence": "MIT", "use": "geometry of the canonical face and of the renders"},
    {"name": "FaceMesh and BlazeFace (Google)", "licence": "Apache-2.0", "use": "labels of the photos; initial weights of the trunks"},
)


class _Predictor(nn.Module):
    """The predictor for one view's queries, unbatched as in the design; below the view's features may be its mirror image's."""

    def __init__(self, predictor):
        super().__init__()
        self.predictor = predictor

    def forward(self, features, query_uv, style):
        position, log_sigma = self.predictor(self.predictor.together(features), query_uv[None], style)
        return position[0], log_sigma[0]


class _Widened(nn.Module):
    """A weight kept in half precision."""

    def forward(self, half):
        return half.float()


def halved(network: InfiniteLandmarks) -> InfiniteLandmarks:
    """A copy whose layers keep their weights in half precision: ONNX Runtime widens those of a graph once, when it is loaded."""
    network = copy.deepcopy(network)
    for layer in [module for module in network.modules() if isinstance(module, (nn.Linear, nn.Conv2d))]:
        layer.weight.data = layer.weight.data.half()
        parametrize.register_parametrization(layer, "weight", _Widened(), unsafe=True)
    # They are in half precision already; what no state_dict holds is a constant to the exporter, which would widen it.
    network.predictor.register_buffer("shape_modes", network.predictor.shape_modes)
    network.predictor.blend = torch.jit.script(blended)
    return network.eval()


def load_checkpoint(path: Path | None, preset: str) -> InfiniteLandmarks:
    """The network of a checkpoint, whose F may have fewer channels, or an untrained one."""
    network = InfiniteLandmarks(preset)
    if path:
        network.load_state_dict(widened(torch.load(path, map_location="cpu")["network"], network.state_dict()))
    return network.eval()


def save_halved(network: InfiniteLandmarks, path: Path) -> None:
    """The checkpoint that `load_checkpoint` reads, in half precision as the graphs are."""
    state = {key: value.half() if value.is_floating_point() else value for key, value in network.state_dict().items()}
    torch.save({"network": state}, path)


def example_faces(size: int) -> torch.Tensor:
    """Two crops [2, 3, size, size] of the face in PHOTO. Of what is no face, the encoder's answers hang on the last digit."""
    photo = torch.from_numpy(cv2.imread(str(PHOTO))[:, :, ::-1].copy()).permute(2, 0, 1)[None].float() / 255
    return (crop(photo.expand(2, -1, -1, -1), PHOTO_FACES, size) * 255).round() / 255


def graphs(network: InfiniteLandmarks) -> dict:
    """File name -> (module, example inputs, input names, output names, dynamic axes)."""
    size, features = network.preset.face_size, network.preset.features
    random = torch.Generator().manual_seed(0)
    uniform = lambda *shape: torch.rand(*shape, generator=random)
    # Smooth and in steps of 1/255, as photos are.
    picture = lambda count, size: (torch.nn.functional.interpolate(uniform(count, 3, 9, 9), (size, size), mode="bicubic").clamp(0, 1) * 255).round() / 255
    return {
        "spatial_transformer.onnx": (network.transformer, (picture(1, SMALL_SIZE),), ["image"], ["theta"], {}),
        "face_encoder.onnx": (
            network.encoder, (example_faces(size),), ["face"],
            ["features", "rotation6d", "translation", "focal_mm", "presence"],
            {name: {0: "V"} for name in ("face", "features", "rotation6d", "translation", "focal_mm", "presence")}),
        "landmark_predictor.onnx": (
            _Predictor(network.predictor), (uniform(2, features), uniform(300, 2), torch.tensor([[0.3, 0.7]])),
            ["features", "query_uv", "style"], ["position", "log_sigma"],
            {"features": {0: "images"}, **{name: {0: "K"} for name in ("query_uv", "position", "log_sigma")}}),
    }


def write_graph(network: InfiniteLandmarks, name: str, path: Path) -> dict:
    """Writes one of `graphs` to a file; PyTorch's answers to its example inputs, by input and output."""
    module, inputs, input_names, output_names, dynamic = graphs(network)[name]
    module.eval()
    torch.onnx.export(module, inputs, str(path), input_names=input_names, output_names=output_names,
                      dynamic_axes=dynamic, opset_version=OPSET, do_constant_folding=False)  # it would widen what is halved
    with torch.inference_mode():
        outputs = module(*inputs)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    return {key: np.ascontiguousarray(value.numpy()) for key, value in zip(input_names + output_names, (*inputs, *outputs))}  # row-major, as the C# test reads it


def export(network: InfiniteLandmarks, folder: Path, record: dict, parity_file: Path | None = None) -> None:
    """Writes the three graphs, in half precision, and model.json (`record` completed); and PyTorch's answers to example
    inputs, against which the server's tests hold ONNX Runtime's."""
    folder.mkdir(parents=True, exist_ok=True)
    network = halved(network)
    files, parity = {}, {}
    for name in graphs(network):
        path = folder / name
        parity |= {f"{path.stem}.{key}": value for key, value in write_graph(network, name, path).items()}
        files[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    if parity_file:
        np.savez_compressed(parity_file, **parity)
    card = {**record, "files": files, "styles": list(STYLES), "defaultStyle": "photo", "licence": "MIT", "trainingData": list(DATA)}
    (folder / "model.json").write_text(json.dumps(card, indent=2) + "\n")


def add_arguments(parser) -> None:
    parser.add_argument("--checkpoint", type=Path, help="default: an untrained network")
    parser.add_argument("--preset", choices=("compact", "paper"), default="compact")
    parser.add_argument("--metrics", type=Path, help="metrics.json of `evaluate`")
    parser.add_argument("--version", default="0.0.0", help="of these weights")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--weights", type=Path, metavar="FILE", help="also the checkpoint, in half precision, as training/checkpoints has it")
    parser.add_argument("--parity", type=Path, default=PARITY, help="default: tests/Core.Tests/parity.npz")


def run(arguments) -> None:
    network = load_checkpoint(arguments.checkpoint, arguments.preset)
    metrics = json.loads(arguments.metrics.read_text()) if arguments.metrics else {}
    limits = {"presenceThreshold": metrics.pop("presenceThreshold", 0.5), "searchSigma": metrics.pop("searchSigma", 0.01)}
    export(network, arguments.output, {"name": arguments.preset, "version": arguments.version, **limits, "metrics": metrics}, arguments.parity)
    if arguments.weights:
        save_halved(network, arguments.weights)
