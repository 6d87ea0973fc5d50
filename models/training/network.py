"""Infinite 3D Landmarks (Chandran, Zoss, Gotardo and Bradley 2024): the network and its forward pass.

S finds and normalises the face, F reads features, head pose and focal length, D moves the queries per
dataset, Q encodes them and P answers each with a 3D offset on the mean face and a confidence. Spaces, units
and the camera are those of the design: head space in metres, images in [-1, 1] with v down.

Two sizes of one architecture: `paper`, as published, and `compact`, which ships and runs on a CPU.
"""
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torchvision
from torch import nn
from torch.nn import functional

from .facemesh import STAGES, TRUNK_CHANNELS, TRUNK_SIZE, PReLU, ResidualBlock, Trunk

STYLES = ("render", "photo")
SMALL_SIZE = 256  # S sees the whole photo at this size
SECOND_LOOK_ZOOM = 1.15
SENSOR_MM = 36.0
BASE_FOCAL_MM = 60.0
BASE_DEPTH_M = 0.5  # at 60 mm a crop of +-1 then spans +-0.15 m
OFFSET_M = 0.01  # the unit of P's offsets
SHAPE_MODES = 80  # of the compact preset
CANONICAL = Path(__file__).parents[1] / "canonical"
POSITION_MAP = CANONICAL / "position_map.npy"
SHAPE_MODES_FILE = CANONICAL / "shape_modes.npy"


@dataclass(frozen=True)
class Preset:
    face_size: int
    features: int
    deformer: tuple[int, ...]
    encoding: tuple[int, ...]
    predictor: tuple[int, ...]
    modes: int  # the last of the features weigh as many shape modes


PRESETS = {
    "compact": Preset(192, 384 + SHAPE_MODES, (64, 64), (64, 64), (160,) * 4, SHAPE_MODES),
    "paper": Preset(224, 1024, (64, 64), (64, 64), (512,) * 4, 0),
}


def mlp(width: int, hidden: tuple[int, ...], output: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for size in hidden:
        layers += [nn.Linear(width, size), nn.GELU()]
        width = size
    return nn.Sequential(*layers, nn.Linear(width, output))


def zeroed(layer: nn.Linear | nn.Conv2d) -> nn.Linear | nn.Conv2d:
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def affine(numbers: torch.Tensor, translation: torch.Tensor) -> torch.Tensor:
    """theta [B, 2, 3] from log-scale, aspect and two shears [B, 4] (identity at zero), and translation [B, 2]."""
    log_scale, aspect, shear_x, shear_y = numbers.unbind(1)
    matrix = torch.stack([1 + aspect, shear_x, shear_y, 1 - aspect], 1).view(-1, 2, 2)
    return torch.cat([log_scale.clamp(-4, 1).exp()[:, None, None] * matrix, translation[:, :, None]], 2)


class CompactTransformer(nn.Module):
    """S: an attention map whose expected position is the translation; the rest from features under it."""

    CELLS = 8  # a side of the attention map

    def __init__(self):
        super().__init__()
        layers = 2 + sum(blocks for _, blocks in STAGES[:4])  # the stem and four stages of FaceMesh's trunk
        self.trunk = nn.Sequential(*list(Trunk())[:layers])
        channels = STAGES[3][0]
        self.context = nn.Sequential(*[ResidualBlock(channels, channels, 1, PReLU(channels)) for _ in range(3)])
        self.attention = zeroed(nn.Conv2d(channels, 1, 1))
        self.numbers = nn.Sequential(nn.Linear(channels, 64), nn.GELU(), zeroed(nn.Linear(64, 6)))
        axis = (torch.arange(self.CELLS) + 0.5) / (self.CELLS / 2) - 1
        self.register_buffer("centres", torch.cartesian_prod(axis, axis).flip(1), persistent=False)  # [64, 2] x, y of each cell

    def attend(self, image):
        """Theta [B, 2, 3] and the attention map [B, 64] it came from, of an image [B, 3, 256, 256] or its half."""
        half = image if image.shape[-1] == SMALL_SIZE // 2 else functional.avg_pool2d(image, 2)
        maps = self.context(self.trunk(half))  # [B, 128, 8, 8]
        weight = self.attention(maps).flatten(2).softmax(2)  # [B, 1, 64]
        numbers = self.numbers((weight * maps.flatten(2)).sum(2))
        scale = numbers[:, :1].detach().clamp(-4, 1).exp()
        return affine(numbers[:, :4], weight[:, 0] @ self.centres + numbers[:, 4:] * scale), weight[:, 0]

    def forward(self, image):  # [B, 3, 256, 256] -> theta [B, 2, 3]
        return self.attend(image)[0]


class CompactEncoder(nn.Module):
    """F's trunk: FaceMesh's, then a dense layer that keeps where each of its 6x6 cells lies."""

    def __init__(self, features: int):
        super().__init__()
        self.curved = features - SHAPE_MODES  # the shape modes' weights may be negative
        self.trunk = Trunk()
        self.blocks = nn.Sequential(*[ResidualBlock(TRUNK_CHANNELS, TRUNK_CHANNELS, 1, PReLU(TRUNK_CHANNELS)) for _ in range(2)])
        self.reduce = nn.Sequential(nn.Conv2d(TRUNK_CHANNELS, 64, 1), PReLU(64))
        self.dense = nn.Linear(64 * TRUNK_SIZE**2, features)
        self.bend = zeroed(nn.Linear(self.curved, SHAPE_MODES))
        with torch.no_grad():
            self.dense.weight[self.curved :] = 0  # the mean face, until trained
            self.dense.bias[self.curved :] = 0

    def maps(self, face):  # [V, 3, 192, 192] -> [V, 64 * 6 * 6]
        return self.reduce(self.blocks(self.trunk(face))).flatten(1)

    def features(self, maps):  # [V, 2304] -> [V, 464]
        linear = self.dense(maps)
        curved = functional.gelu(linear[:, : self.curved])
        return torch.cat([curved, linear[:, self.curved :] + self.bend(curved)], 1)

    def forward(self, face):  # [V, 3, 192, 192] -> [V, 464]
        return self.features(self.maps(face))


class PaperTransformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = torchvision.models.convnext_tiny()
        self.trunk.classifier[2] = zeroed(nn.Linear(self.trunk.classifier[2].in_features, 6))

    def forward(self, image):  # [B, 3, 256, 256] -> theta [B, 2, 3]
        numbers = self.trunk(image)
        return affine(numbers[:, :4], numbers[:, 4:])


class PaperEncoder(nn.Module):
    def __init__(self, features: int):
        super().__init__()
        self.trunk = torchvision.models.convnext_base()
        self.trunk.classifier[2] = nn.Linear(self.trunk.classifier[2].in_features, features)

    def forward(self, face):  # [V, 3, 224, 224] -> [V, 1024]
        return self.trunk(face)


class FaceEncoder(nn.Module):
    """F: a face image to features, pose, focal length and the logit that there is a face."""

    def __init__(self, trunk: nn.Module, features: int):
        super().__init__()
        self.trunk = trunk
        self.pose = mlp(features, (64,), 11)
        zeroed(self.pose[-1])
        self.register_buffer("upright", torch.tensor([1.0, 0, 0, 0, 1, 0]))

    def forward(self, face):
        return self.answer(self.trunk(face))

    def answer(self, features):
        rotation, place, depth, focal, presence = self.pose(features).split([6, 2, 1, 1, 1], 1)
        focal_mm = BASE_FOCAL_MM * focal.clamp(-2, 3).exp()  # 60 mm + f_d, always positive
        # Distance and focal length move together: the face keeps its size while its perspective is found.
        distance = BASE_DEPTH_M * focal_mm / BASE_FOCAL_MM * depth.clamp(-2, 2).exp()
        translation = torch.cat([0.1 * place, -distance], 1)
        return features, rotation + self.upright, translation, focal_mm, presence


class LandmarkPredictor(nn.Module):
    """D, Q and P, with the position map inside: features and query uvs to 3D positions and log sigmas.

    P's offset on the mean shape has two parts: shape modes over the uv square, weighed by the last features, and the
    paper's MLP. The modes know how heads differ before the first photo is seen; from nothing, the MLP answered the
    mean face for hours. What they do not span is the MLP's.
    """

    FREQUENCIES = (1, 2, 4, 8)
    DEFORM = 0.03  # the most that D moves a query, in uv

    def __init__(self, preset: Preset, position_map: np.ndarray, shape_modes: np.ndarray):
        super().__init__()
        self.modes = preset.modes
        self.codes = nn.Parameter(torch.randn(len(STYLES), 8))
        self.deformer = mlp(2 + 8, preset.deformer, 2)
        zeroed(self.deformer[-1])
        self.encoding = mlp(5 + 4 * len(self.FREQUENCIES), preset.encoding, 64)
        # P's first layer in two parts, so that the features pass once a view, not once a query.
        self.from_features = nn.Linear(preset.features, preset.predictor[0])
        self.from_query = nn.Linear(64, preset.predictor[0], bias=False)
        self.predictor = nn.Sequential(nn.GELU(), *mlp(preset.predictor[0], preset.predictor[1:], 4))
        with torch.no_grad():
            self.predictor[-1].weight.mul_(0.1)
            self.predictor[-1].bias.copy_(torch.tensor([0.0, 0, 0, -3]))
        self.register_buffer("position_map", torch.from_numpy(position_map).permute(2, 0, 1)[None].contiguous())  # [1, 3, 512, 512]
        modes = torch.from_numpy(shape_modes[: self.modes].astype(np.float32)).permute(0, 3, 1, 2)
        self.register_buffer("shape_modes", modes.contiguous(), persistent=False)  # [M, 3, 96, 96]

    def deform(self, uv, style):  # [B, K, 2], [B, S] -> [B, K, 2]
        code = (style @ self.codes)[:, None].expand(-1, uv.shape[1], -1)
        return uv + self.DEFORM * torch.tanh(self.deformer(torch.cat([uv * 2 - 1, code], 2)))

    def over(self, maps, uv):  # [B, C, H, W], [B, K, 2] -> [B, K, C]
        grid = (uv * 2 - 1) * uv.new_tensor([1.0, -1.0])
        return functional.grid_sample(maps, grid[:, :, None], align_corners=False, padding_mode="border")[..., 0].transpose(1, 2)

    def mean(self, uv):  # [B, K, 2] -> [B, K, 3]
        return self.over(self.position_map, uv.reshape(1, -1, 2)).view(*uv.shape[:2], 3)

    def modal(self, features, uv):  # [B, F], [B, K, 2] -> [B, K, 3]
        if not self.modes:
            return 0.0
        # One field of offsets a face, then its queries: sampling the modes one by one takes ten times as long.
        field = features[:, -self.modes :] @ self.shape_modes.flatten(1)
        return self.over(field.view(-1, *self.shape_modes.shape[1:]), uv)

    def forward(self, features, query_uv, style):  # [B, F], [B, K, 2], [B, S]
        uv = self.deform(query_uv, style)
        mean = self.mean(uv)
        waves = [wave(uv * (np.pi * f)) for f in self.FREQUENCIES for wave in (torch.sin, torch.cos)]
        query = self.encoding(torch.cat([uv * 2 - 1, mean * 10, *waves], 2))  # [B, K, 64]
        answer = self.predictor(self.from_features(features)[:, None] + self.from_query(query))
        return mean + self.modal(features, uv) + OFFSET_M * answer[..., :3], answer[..., 3:].clamp(-7, 1)  # [B, K, 3], [B, K, 1]


def rotation_matrix(six: torch.Tensor) -> torch.Tensor:
    """Rotation [B, 3, 3] whose first two columns are `six` [B, 6] made orthonormal (Zhou et al. 2019)."""
    first = functional.normalize(six[:, :3], dim=1)
    second = functional.normalize(six[:, 3:] - (first * six[:, 3:]).sum(1, keepdim=True) * first, dim=1)
    return torch.stack([first, second, torch.cross(first, second, dim=1)], 2)


def project(position, rotation, translation, focal_mm):
    """Head space [B, K, 3] to the face image [B, K, 2]: u = 2f/36 X/-Z, v = -2f/36 Y/-Z."""
    camera = position @ rotation.transpose(1, 2) + translation[:, None]
    depth = (-camera[..., 2:]).clamp(min=0.05)
    scale = (2 / SENSOR_MM) * focal_mm[:, None]
    return scale * camera[..., :2] / depth * camera.new_tensor([1.0, -1.0])


def to_photo(theta, points):
    """Face image [B, K, 2] to the square-padded photo [B, K, 2]."""
    return points @ theta[:, :, :2].transpose(1, 2) + theta[:, None, :, 2]


def chain(outer, inner):
    """The affine [B, 2, 3] that does `inner`, then `outer`."""
    return torch.cat([outer[:, :, :2] @ inner[:, :, :2], outer[:, :, :2] @ inner[:, :, 2:] + outer[:, :, 2:]], 2)


def crop(photo: torch.Tensor, theta: torch.Tensor, size: int) -> torch.Tensor:
    """I' = W(I; theta): [B, 3, H, W] to [B, 3, size, size], differentiable in theta."""
    grid = functional.affine_grid(theta, (len(photo), 3, size, size), align_corners=False)
    return functional.grid_sample(photo, grid, align_corners=False)


def shrink(photo: torch.Tensor) -> torch.Tensor:
    """The whole photo as S sees it: [B, 3, H, H] to [B, 3, 256, 256]."""
    return photo if photo.shape[-1] == SMALL_SIZE else functional.interpolate(photo, (SMALL_SIZE, SMALL_SIZE), mode="area")


class InfiniteLandmarks(nn.Module):
    """S, F and P together."""

    def __init__(self, preset: str = "compact"):
        super().__init__()
        self.preset = PRESETS[preset]
        compact = preset == "compact"
        self.transformer = CompactTransformer() if compact else PaperTransformer()
        trunk = CompactEncoder(self.preset.features) if compact else PaperEncoder(self.preset.features)
        self.encoder = FaceEncoder(trunk, self.preset.features)
        self.predictor = LandmarkPredictor(self.preset, np.load(POSITION_MAP), np.load(SHAPE_MODES_FILE))

    def read(self, face, query_uv, style):
        """What a face image says: dict of position [B, K, 3], log_sigma [B, K], points [B, K, 2] in I', pose, presence."""
        return self.interpret(self.encoder(face), query_uv, style)

    def interpret(self, encoded, query_uv, style):
        """`read`'s answer, from what the encoder gave."""
        features, six, translation, focal_mm, presence = encoded
        position, log_sigma = self.predictor(features, query_uv, style)
        rotation = rotation_matrix(six)
        points = project(position, rotation, translation, focal_mm)
        return {"position": position, "log_sigma": log_sigma[..., 0], "points": points, "rotation": rotation,
                "translation": translation, "focal_mm": focal_mm, "presence": presence[:, 0]}

    def forward(self, photo, query_uv, style):
        """The paper's forward pass: photo [B, 3, H, H] to the dict of `read`, theta and `photo_points` [B, K, 2]."""
        theta = self.transformer(shrink(photo))
        result = self.read(crop(photo, theta, self.preset.face_size), query_uv, style)
        return {**result, "theta": theta, "photo_points": to_photo(theta, result["points"])}

    def initialise_from_facemesh(self, trunk: Trunk) -> None:
        """Copies FaceMesh's trunk into F, and its first stages into S."""
        self.encoder.trunk.trunk.load_state_dict(trunk.state_dict())
        own = self.transformer.trunk.state_dict()
        self.transformer.trunk.load_state_dict({key: trunk.state_dict()[key] for key in own})
