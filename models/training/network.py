"""Infinite 3D Landmarks (Chandran, Zoss, Gotardo and Bradley 2024): the network and its forward pass.

S finds and normalises the face, F reads features, head pose and focal length, D moves the queries per
dataset, Q encodes them and P answers each with a 3D offset on the mean face and a confidence. Spaces, units
and the camera are those of the design: head space in metres, images in [-1, 1] with v down.

Two sizes of one architecture: `paper`, as published, and `compact`, which ships and runs on a CPU.
"""
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torchvision
from torch import nn
from torch.nn import functional

from . import anchors
from .facemesh import STAGES, TRUNK_CHANNELS, TRUNK_SIZE, Conv2dSame, PReLU, ReLU, ResidualBlock, Trunk, stages
from .mixed import mixed
from .quantised import QuantisedConv2d, Quantiser

STYLES = ("render", "photo")
SMALL_SIZE = 256  # S sees the whole photo at this size
SECOND_LOOK_ZOOM = 1.15
SENSOR_MM = 36.0
BASE_FOCAL_MM = 60.0
BASE_DEPTH_M = 0.5  # at 60 mm a crop of +-1 then spans +-0.15 m
UP = torch.tensor([1.0, -1.0])  # v is down, y is up
OFFSET_M = 0.01  # the unit of P's offsets
SHAPE_MODES = 80  # of the compact preset
HIDDEN = 512  # units of a layer between its maps and its features
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
    width: float = 1  # of F's maps, in FaceMesh's


PRESETS = {
    "compact": Preset(192, 384 + SHAPE_MODES, (64, 64), (64, 64), (160,) * 4, SHAPE_MODES, 1.5),
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

    @mixed
    def maps(self, half):  # [B, 3, 128, 128] -> [B, 128, 8, 8]
        return self.context(self.trunk(half))

    def attend(self, image):
        """Theta [B, 2, 3] and the attention map [B, 64] it came from, of an image [B, 3, 256, 256] or its half."""
        maps = self.maps(image if image.shape[-1] == SMALL_SIZE // 2 else functional.avg_pool2d(image, 2))
        weight = self.attention(maps).flatten(2).softmax(2)  # [B, 1, 64]
        numbers = self.numbers((weight * maps.flatten(2)).sum(2))
        scale = numbers[:, :1].detach().clamp(-4, 1).exp()
        return affine(numbers[:, :4], weight[:, 0] @ self.centres + numbers[:, 4:] * scale), weight[:, 0]

    def forward(self, image):  # [B, 3, 256, 256] -> theta [B, 2, 3]
        return self.attend(image)[0]


class WideBlock(nn.Module):
    """x + what a 5x5 depthwise and two pointwise convolutions, four times as wide between them, make of it."""

    def __init__(self, channels: int):
        super().__init__()
        self.change = nn.Sequential(
            Conv2dSame(channels, channels, 5, groups=channels), QuantisedConv2d(channels, 4 * channels, 1), ReLU(),
            zeroed(QuantisedConv2d(4 * channels, channels, 1)), Quantiser())

    def forward(self, x):  # [V, C, H, W] -> the same
        return x + self.change(x)


class CompactEncoder(nn.Module):
    """F's trunk: FaceMesh's, and from its maps the places of anchors, points of the face that it looks for.

    Each anchor is the expectation of a map of attention (Sun et al. 2018, "Integral Human Pose Regression"): a point is
    where it is seen, to a part of a pixel, wherever in the crop the face lies. It is then moved by what is read around it,
    linearly, each anchor in a way of its own. What the whole 6x6 map says is added.
    """

    CELLS = 24  # a side of the attention maps
    PATCH = 3  # cells a side, around an anchor
    READ = 64  # numbers of a patch
    STEP = 0.01  # of I', the unit of an anchor's move
    UNIT = 0.1  # of the anchors' deviation from the mean face, for the layer that reads them

    def __init__(self, features: int, anchors: int, width: float = 1):
        super().__init__()
        self.curved = features - SHAPE_MODES  # the shape modes' weights may be negative
        self.trunk = Trunk(width)
        self.ends = np.cumsum([2 + STAGES[0][1], *(blocks for _, blocks in STAGES[1:])]).tolist()  # of the stages
        finest, finer, fine, _, coarse = (channels for channels, _ in stages(width))
        self.blocks = nn.Sequential(*[ResidualBlock(coarse, coarse, 1, PReLU(coarse)) for _ in range(2)])
        self.middle = nn.Sequential(*[WideBlock(coarse) for _ in range(3)])  # on 12 x 12
        self.narrow = nn.Conv2d(coarse, fine, 1)
        self.finer = zeroed(nn.Conv2d(finer, fine, 2, stride=2))  # where in a cell things lie, which the trunk's pooling forgets
        self.finest = zeroed(nn.Conv2d(finest, fine, 4, stride=4))
        self.fine = nn.Sequential(*[WideBlock(fine) for _ in range(2)])  # on 24 x 24
        self.heat = nn.Conv2d(fine, anchors, 1)
        self.patch = nn.Linear(fine * self.PATCH**2, self.READ)
        self.around_anchors, self.read = Quantiser(), Quantiser()  # of what `patch` reads, and of what it makes of that
        self.move = nn.Parameter(torch.zeros(anchors, self.READ, 2))
        around = (torch.arange(self.PATCH) - self.PATCH // 2) * (2 / self.CELLS)
        self.register_buffer("around", torch.cartesian_prod(around, around).flip(1), persistent=False)  # [9, 2] in I'
        axis = (torch.arange(self.CELLS) + 0.5) / (self.CELLS / 2) - 1
        centres = torch.cartesian_prod(axis, axis).flip(1)
        self.register_buffer("moments", torch.cat([centres, centres.square().sum(1, keepdim=True)], 1), persistent=False)  # [576, 3]: x, y, x2 + y2
        self.reduce = nn.Sequential(nn.Conv2d(coarse, 64, 1), PReLU(64))
        self.dense = nn.Sequential(QuantisedConv2d(64, HIDDEN, TRUNK_SIZE), Quantiser())  # of the whole map
        self.places = nn.Linear(3 * anchors + 3, HIDDEN)
        self.hidden = nn.Sequential(nn.GELU(), nn.Linear(HIDDEN, HIDDEN), nn.GELU(), nn.Linear(HIDDEN, HIDDEN), nn.GELU())
        self.output = nn.Linear(HIDDEN, features)
        with torch.no_grad():
            self.output.weight[self.curved :] = 0  # the mean face, until trained
            self.output.bias[self.curved :] = 0

    def anchors(self, face):
        """Of faces [V, 3, 192, 192]: attention [V, A, 576] to each anchor, their places [V, A, 2] in I', how sure they
        are [V, A] in (0, 1], and the 6x6 map."""
        fine, coarse, attention = self.maps(face)
        moments = attention @ self.moments
        places = moments[:, :, :2]
        variance = moments[:, :, 2] - places.square().sum(2)
        read = self.between(self.readings(fine), places.detach())
        moved = (read[:, :, None] * self.move.transpose(1, 2)).sum(3)
        return attention, places + self.STEP * moved, 1 / (1 + variance * (self.CELLS / 2) ** 2), coarse

    @mixed
    def maps(self, face):
        """Of faces [V, 3, 192, 192]: the 24x24 and the 6x6 map, and attention [V, A, 576] to each anchor."""
        maps = []
        for number, layer in enumerate(self.trunk, 1):
            face = layer(face)
            if number in self.ends:
                maps.append(face)
        finest, finer, fine, middle, coarse = maps
        coarse = self.blocks(coarse)
        middle = self.middle(middle + functional.interpolate(coarse, scale_factor=2.0))
        fine = self.fine(fine + functional.interpolate(self.narrow(middle), scale_factor=2.0) + self.finer(finer) + self.finest(finest))
        return fine, coarse, self.heat(fine).flatten(2).softmax(2)

    def readings(self, fine):
        """What `patch` reads around each cell of a map [V, C, 24, 24]: [V, 64, 24, 24]. Between cells it is interpolated, as the
        patches would be: a thirteenth of the sampling."""
        kernel = self.around_anchors.weight(self.patch.weight.view(self.READ, -1, self.PATCH, self.PATCH))
        return self.read(functional.conv2d(self.around_anchors(fine), kernel, self.patch.bias, padding=self.PATCH // 2))

    @staticmethod
    def between(maps, places):
        """Maps [V, C, S, S] at places [V, A, 2] in I', between cells interpolated: [V, A, C]."""
        if torch.onnx.is_in_onnx_export():  # ONNX Runtime's GridSample takes three times as long
            count, _, size, _ = maps.shape
            numbers, shares = texels((places + 1) * (size / 2) - 0.5, size)
            first = torch.arange(count)[:, None, None] * size**2
            rows = maps.flatten(2).transpose(1, 2).flatten(0, 1)[numbers + first]  # [V, A, 4, C]
            return (rows * shares[:, :, :, None]).sum(2)
        return functional.grid_sample(maps, places[:, :, None], align_corners=False, padding_mode="border")[:, :, :, 0].transpose(1, 2)

    def patches(self, fine, places):
        """What a map [V, C, 24, 24] holds around places [V, A, 2] in I': [V, A, C * 9]."""
        return functional.grid_sample(fine, places[:, :, None] + self.around, align_corners=False).permute(0, 2, 1, 3).flatten(2)

    def features(self, coarse, normal, certainty, frame):
        """[V, 464] from the 6x6 map, the anchors less the mean face's [V, A, 2], how sure they are [V, A] and what was taken away [V, 3]."""
        read = torch.cat([normal.flatten(1) / self.UNIT, certainty, frame], 1)
        hidden = self.dense(self.reduce(coarse)).flatten(1) + self.places(read)
        output = self.output(self.hidden(hidden))
        return torch.cat([functional.gelu(output[:, : self.curved]), output[:, self.curved :]], 1)


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


class Encoding(NamedTuple):
    """What F makes of V face images; the last two are the compact one's alone."""

    features: torch.Tensor  # [V, F]
    rotation6d: torch.Tensor  # [V, 6]
    translation: torch.Tensor  # [V, 3] m
    focal_mm: torch.Tensor  # [V, 1]
    presence: torch.Tensor  # [V, 1] logit
    attention: torch.Tensor | None = None  # [V, A, 576]
    anchors: torch.Tensor | None = None  # [V, A, 2] in I'


class FaceEncoder(nn.Module):
    """F: a face image to features, pose, focal length and the logit that there is a face."""

    def __init__(self, trunk: nn.Module, features: int):
        super().__init__()
        self.trunk = trunk
        self.pose = mlp(features, (64,), 11)
        zeroed(self.pose[-1])
        self.register_buffer("upright", torch.tensor([1.0, 0, 0, 0, 1, 0]))

    def forward(self, face):
        return self.encode(face)[:5]

    def numbers(self, features):
        """Rotation [V, 6], place [V, 2], log depth [V, 1], focal length [V, 1] mm, presence [V, 1] of features [V, F]."""
        rotation, place, depth, focal, presence = self.pose(features).split([6, 2, 1, 1, 1], 1)
        focal_mm = BASE_FOCAL_MM * focal.clamp(-2, 3).exp()  # 60 mm + f_d, always positive
        return rotation + self.upright, 0.1 * place, depth.clamp(-2, 2), focal_mm, presence

    def encode(self, face) -> Encoding:
        features = self.trunk(face)
        rotation, place, depth, focal_mm, presence = self.numbers(features)
        # Distance and focal length move together: the face keeps its size while its perspective is found.
        distance = BASE_DEPTH_M * focal_mm / BASE_FOCAL_MM * depth.exp()
        return Encoding(features, rotation, torch.cat([place, -distance], 1), focal_mm, presence)


class AnchoredEncoder(FaceEncoder):
    """F with anchors: what turns and bends the head is read from them, where it is, how large and how rolled is solved.

    The similarity that best brings the mean face onto the anchors takes roll, place and size away before they are read,
    and the one that best brings the found head onto them puts these back. It is found in closed form, so that a face that
    moves in its crop moves as much in the answer.
    """

    def __init__(self, trunk: CompactEncoder, features: int, mean: torch.Tensor, modes: torch.Tensor):
        super().__init__(trunk, features)
        self.register_buffer("mean", mean, persistent=False)  # [A, 3] m: the anchors on the mean face
        self.register_buffer("modes", modes, persistent=False)  # [M, A * 3] m: and on the shape modes
        self.register_buffer("front", project(mean[None], torch.eye(3)[None], mean.new_tensor([[0, 0, -BASE_DEPTH_M]]), mean.new_tensor([[BASE_FOCAL_MM]])), persistent=False)

    def encode(self, face) -> Encoding:
        attention, anchors, certainty, coarse = self.trunk.anchors(face)
        weight = (certainty / certainty.sum(1, keepdim=True))[:, :, None]
        turn, shift = similarity(self.front, anchors, weight)
        size = turn.square().sum(1, keepdim=True).clamp(min=0.01)  # squared
        normal = (anchors - shift) @ turning(turn * UP.to(turn) / size) - self.front
        features = self.trunk.features(coarse, normal, certainty, torch.cat([shift[:, 0], 0.5 * size.log()], 1))

        rotation, place, depth, focal_mm, presence = self.numbers(features)
        head = self.mean + (features[:, -len(self.modes) :] @ self.modes).view(-1, *self.mean.shape)
        rotation, translation = self.placed(head, rotation_matrix(rotation), place, depth, focal_mm, anchors, weight)
        return Encoding(features, rotation[:, :, :2].transpose(1, 2).flatten(1), translation, focal_mm, presence, attention, anchors)

    def placed(self, head, rotation, place, depth, focal_mm, anchors, weight):
        """Rotation [V, 3, 3] and translation [V, 3] that bring head [V, A, 3] m onto anchors [V, A, 2] by turns about the
        optical axis and moves alone; `place` [V, 2] and `depth` [V, 1] are then added."""
        centre = (weight * head).sum(1, keepdim=True)
        around = head - centre
        gain = (2 / SENSOR_MM) * focal_mm
        image = torch.zeros_like(place)  # where the centre is seen
        distance = BASE_DEPTH_M * focal_mm / BASE_FOCAL_MM
        for _ in range(2):  # perspective leaves a little for the second
            at = torch.cat([image * UP.to(place) * distance / gain, -distance], 1)
            turn, shift = similarity(project(around, rotation, at, focal_mm), anchors, weight)
            image = (image[:, None] @ turning(turn) + shift)[:, 0]
            size = turn.square().sum(1, keepdim=True).clamp(min=0.01).sqrt()
            distance = distance / size
            rotation = rolling(turn / size) @ rotation
        distance = distance * depth.exp()
        at = torch.cat([(image + place) * UP.to(place) * distance / gain, -distance], 1)
        return rotation, at - (rotation @ centre.transpose(1, 2))[:, :, 0]


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
        self.register_buffer("position_map", torch.from_numpy(position_map).permute(2, 0, 1)[None].contiguous(), persistent=False)  # [1, 3, 512, 512]
        modes = torch.from_numpy(shape_modes[: self.modes]).permute(0, 3, 1, 2)
        self.register_buffer("shape_modes", modes.contiguous(), persistent=False)  # [M, 3, 96, 96], half precision
        self.blend = blended
        self.register_buffer("mirror", mirrored_weights(self.shape_modes), persistent=False)  # [M, M]
        self.register_buffer("calibration", torch.zeros(len(STYLES)))  # of log sigma, set by `calibrate`

    def hold_styles(self) -> None:
        """From now on D is not trained."""
        for parameter in (self.codes, *self.deformer.parameters()):
            parameter.requires_grad_(False)

    def deform(self, uv, style):  # [B, K, 2], [B, S] -> [B, K, 2]
        code = (style @ self.codes)[:, None].expand(-1, uv.shape[1], -1)
        return uv + self.DEFORM * torch.tanh(self.deformer(torch.cat([uv * 2 - 1, code], 2)))

    def mean(self, uv):  # [B, K, 2] -> [B, K, 3]
        return sampled(self.position_map, uv.reshape(1, -1, 2)).view(*uv.shape[:2], 3)

    def modal(self, features, uv):  # [B, F], [B, K, 2] -> [B, K, 3]
        if not self.modes:
            return 0.0
        return self.blend(self.shape_modes.float(), features[:, -self.modes :], uv)

    def together(self, features):
        """The features [1, F] of a face [R, F], of which those of its mirror image, if there, follow its own: shape modes may be
        averaged, what the MLP reads may not."""
        if not self.modes:
            return features[:1]
        weights = features[:, -self.modes :]
        own, count = weights[:1], torch.ones_like(weights[:, :1]).sum(0, keepdim=True)
        return torch.cat([features[:1, : -self.modes], (own + (weights.sum(0, keepdim=True) - own) @ self.mirror) / count], 1)

    def at(self, uv):
        """The mean face [K, 3] and the modes [M, K * 3] at uv [K, 2]."""
        return self.mean(uv[None])[0], sampled(self.shape_modes.float(), uv.expand(self.modes, -1, -1)).flatten(1)

    def forward(self, features, query_uv, style):  # [B, F], [B, K, 2], [B, S]
        uv = self.deform(query_uv, style)
        mean = self.mean(uv)
        waves = [wave(uv * (np.pi * f)) for f in self.FREQUENCIES for wave in (torch.sin, torch.cos)]
        query = self.encoding(torch.cat([uv * 2 - 1, mean * 10, *waves], 2))  # [B, K, 64]
        answer = self.predictor(self.from_features(features)[:, None] + self.from_query(query))
        log_sigma = answer[..., 3:] + (style @ self.calibration)[:, None, None]
        return mean + self.modal(features, uv) + OFFSET_M * answer[..., :3], log_sigma.clamp(-7, 1)  # [B, K, 3], [B, K, 1]


def sampled(maps, uv):
    """Maps [B, C, S, S] at uv [B, K, 2], between texels interpolated: [B, K, C]."""
    grid = torch.stack([uv[:, :, 0] * 2.0 - 1.0, 1.0 - uv[:, :, 1] * 2.0], 2)
    return functional.grid_sample(maps, grid[:, :, None], align_corners=False, padding_mode="border")[:, :, :, 0].transpose(1, 2)


def texels(at, size: int):
    """Of places [..., 2] in texels of a map, `size` a side: the four around each, numbered row by row, and their shares, [..., 4]."""
    at = at.clamp(0.0, float(size - 1))
    corner = at.floor().clamp(max=float(size - 2))
    first = corner[..., 1] * float(size) + corner[..., 0]
    right, down = (at - corner).unbind(-1)
    numbers = torch.stack([first, first + 1, first + size, first + size + 1], -1).long()
    return numbers, torch.stack([(1.0 - right) * (1.0 - down), right * (1.0 - down), (1.0 - right) * down, right * down], -1)


def blended(maps, weights, uv):
    """The sum of maps [M, C, S, S] by weights [B, M] at uv [B, K, 2]: [B, K, C], between texels interpolated.

    Many queries sample one field a face: sampling the maps one by one would take ten times as long. A few read the texels around
    them alone, a hundredth of the maps' memory. `export` scripts it, so that the graph chooses, too.
    """
    size = maps.shape[3]
    if uv.shape[0] * uv.shape[1] > 256:
        return sampled((weights @ maps.flatten(1)).view(-1, maps.shape[1], size, size), uv)
    numbers, shares = texels(torch.stack([uv[:, :, 0], 1.0 - uv[:, :, 1]], 2) * float(size) - 0.5, size)
    around = (shares[:, :, :, None, None] * maps.flatten(2).permute(2, 1, 0)[numbers]).sum(2)  # of [B, K, 4, C, M]
    return (around @ weights[:, None, :, None])[:, :, :, 0]


def mirrored_weights(modes: torch.Tensor) -> torch.Tensor:
    """The matrix [M, M] by which the weights of shape modes [M, 3, S, S] become those of the mirror image, as nearly as they span it."""
    flat = modes.double().flatten(1)
    flipped = (modes.double().flip(3) * torch.tensor([-1.0, 1, 1]).view(1, 3, 1, 1)).flatten(1)
    return torch.linalg.solve(flat @ flat.T, flat @ flipped.T).T.float().contiguous()


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
    return scale * camera[..., :2] / depth * UP.to(camera)


def turning(turn):
    """The matrix [B, 2, 2] that row vectors are multiplied by to be turned and scaled as complex numbers by turn [B, 2]."""
    return (turn @ turn.new_tensor([[1.0, 0, 0, 1], [0, 1, -1, 0]])).view(-1, 2, 2)


def rolling(turn):
    """Of unit turns [B, 2] in the image, whose v points down, the rotation [B, 3, 3] about the optical axis."""
    upright = turn.new_tensor([0.0, 0, 0, 0, 0, 0, 0, 0, 1])
    return (turn @ turn.new_tensor([[1.0, 0, 0, 0, 1, 0, 0, 0, 0], [0, 1, 0, -1, 0, 0, 0, 0, 0]]) + upright).view(-1, 3, 3)


def similarity(points, target, weight):
    """Turn [B, 2] and shift [B, 1, 2] of the similarity that best brings points [B, K, 2] onto target, by weights [B, K, 1] of sum 1."""
    both = torch.cat([points.expand_as(target), target], 2)
    mean = (weight * both).sum(1, keepdim=True)  # [B, 1, 4]
    both = both - mean
    moments = ((weight * both[:, :, :2]).transpose(1, 2) @ both).flatten(1)  # [B, 8]: pp, pq
    sums = moments @ moments.new_tensor([[1.0, 0, 0], [0, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0], [1, 0, 0], [0, 0, -1], [0, 1, 0]])  # size, cosine, sine
    turn = sums[:, 1:] / sums[:, :1].clamp(min=1e-6)
    return turn, mean[:, :, 2:] - mean[:, :, :2] @ turning(turn)


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


def widened(narrow: dict, wide: dict) -> dict:
    """The state of a network with the channels of `narrow` and, beside them, more, which those do not read: it answers the same.

    Raises ValueError where `narrow` is not of a network with the same layers.
    """
    missing = sorted(wide.keys() - narrow.keys())
    if missing:
        raise ValueError(f"The checkpoint is of a network with other layers: it has no '{missing[0]}'.")
    result = {}
    for key, weight in wide.items():
        known, weight = narrow[key], weight.clone()
        kept = [torch.arange(size) for size in known.shape]
        for axis, size in enumerate(known.shape):
            if size == TRUNK_CHANNELS:  # whose second half is appended to the stage before, in the wider trunk too
                kept[axis][size // 2 :] += (weight.shape[axis] - size) // 2
        weight[kept[0]] = 0
        weight[torch.meshgrid(*kept, indexing="ij")] = known.to(weight)
        result[key] = weight
    return result


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
        self.predictor = LandmarkPredictor(self.preset, np.load(POSITION_MAP), np.load(SHAPE_MODES_FILE))
        if compact:
            uv = torch.from_numpy(anchors.known_uv()[anchors.chosen()])
            self.encoder = AnchoredEncoder(CompactEncoder(self.preset.features, len(uv), self.preset.width), self.preset.features, *self.predictor.at(uv))
        else:
            self.encoder = FaceEncoder(PaperEncoder(self.preset.features), self.preset.features)

    def read(self, face, query_uv, style):
        """What a face image says: dict of position [B, K, 3], log_sigma [B, K], points [B, K, 2] in I', features [B, F], pose, presence."""
        return self.interpret(self.encoder.encode(face), query_uv, style)

    def see(self, face, once: bool = False) -> Encoding:
        """What F makes of faces [V, 3, H, H], as the server asks it: of each and of its mirror image, averaged, on renders 5 % nearer
        than one of them; or `once`, of the face alone."""
        own = self.encoder.encode(face)._replace(attention=None, anchors=None)
        if once:
            return own
        mirrored = self.encoder.encode(face.flip(3))
        features = torch.cat([self.predictor.together(torch.stack(pair)) for pair in zip(own.features, mirrored.features)])
        flip = face.new_tensor([-1.0, 1, 1])
        rotation = rotation_matrix(own.rotation6d) + flip[:, None] * rotation_matrix(mirrored.rotation6d) * flip
        return Encoding(features, rotation[:, :, :2].transpose(1, 2).flatten(1) / 2, (own.translation + flip * mirrored.translation) / 2,
                        (own.focal_mm + mirrored.focal_mm) / 2, (own.presence + mirrored.presence) / 2)

    def interpret(self, encoding: Encoding, query_uv, style):
        """`read`'s answer, from what the encoder gave."""
        found = {"features": encoding.features, "rotation": rotation_matrix(encoding.rotation6d), "translation": encoding.translation,
                 "focal_mm": encoding.focal_mm, "presence": encoding.presence[:, 0]}
        anchored = {} if encoding.anchors is None else {"attention": encoding.attention, "anchors": encoding.anchors}
        return {**found, **self.ask(found, query_uv, style), **anchored}

    def ask(self, found: dict, query_uv, style) -> dict:
        """Position [B, K, 3], log_sigma [B, K] and points [B, K, 2] in I' of queries of faces whose features and pose were found."""
        position, log_sigma = self.predictor(found["features"], query_uv, style)
        points = project(position, found["rotation"], found["translation"], found["focal_mm"])
        return {"position": position, "log_sigma": log_sigma[..., 0], "points": points}

    def forward(self, photo, query_uv, style):
        """The paper's forward pass: photo [B, 3, H, H] to the dict of `read`, theta and `photo_points` [B, K, 2]."""
        theta = self.transformer(shrink(photo))
        result = self.read(crop(photo, theta, self.preset.face_size), query_uv, style)
        return {**result, "theta": theta, "photo_points": to_photo(theta, result["points"])}

    def initialise_from_facemesh(self, trunk: Trunk) -> None:
        """Copies FaceMesh's trunk into F, and its first stages into S."""
        own = self.encoder.trunk.trunk
        own.load_state_dict(widened(trunk.state_dict(), own.state_dict()))
        for slopes in (module.weight for module in own.modules() if isinstance(module, PReLU)):
            slopes.data.clamp_(max=1)  # five are above; without them the graph has a step less for each (`PReLU`)
        own = self.transformer.trunk.state_dict()
        self.transformer.trunk.load_state_dict({key: trunk.state_dict()[key] for key in own})
