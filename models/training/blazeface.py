"""BlazeFace (Bazarevsky et al. 2019, "Sub-millisecond Neural Face Detection on Mobile GPUs"), back-camera
model: finds the faces that FaceMesh then labels. Weights as those of FaceMesh, from blazeface-back.json.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from . import tfjs
from .facemesh import Conv2dSame, ResidualBlock, assign

IMAGE_SIZE = 256
CHANNELS = 24
# (output channels, blocks) of the stages; every stage but the first halves the map.
STAGES = [(24, 7), (24, 8), (48, 8), (96, 8)]
COARSE_CHANNELS = 96
ANCHORS = [(16, 2), (8, 6)]     # (grid size, anchors a cell) of the fine and the coarse map: 512 + 384 anchors
KEYPOINTS = 6                   # right eye, left eye, nose, mouth, right ear, left ear (the subject's)
VALUES = 4 + 2 * KEYPOINTS      # of one anchor: centre x, y, width, height, keypoints
OVERLAP = 0.3                   # boxes of a higher intersection over union are the same face


class Detection(NamedTuple):
    score: float            # 0..1
    box: np.ndarray         # centre x, y, width, height
    keypoints: np.ndarray   # [6, 2], in the same units


class BlazeFace(nn.Module):
    def __init__(self):
        super().__init__()
        layers = [Conv2dSame(3, CHANNELS, 5, stride=2), nn.ReLU()]                      # [B, 24, 128, 128]
        channels = CHANNELS
        for stage, (out_channels, blocks) in enumerate(STAGES):
            for block in range(blocks):
                stride = 2 if stage > 0 and block == 0 else 1
                layers.append(ResidualBlock(channels, out_channels, stride, nn.ReLU()))
                channels = out_channels
        self.fine = nn.Sequential(*layers)                                              # [B, 96, 16, 16]
        self.coarse = nn.Sequential(
            Conv2dSame(channels, channels, 3, stride=2, groups=channels, bias=False),
            nn.Conv2d(channels, COARSE_CHANNELS, 1), nn.ReLU())                         # [B, 96, 8, 8]
        map_channels = [channels, COARSE_CHANNELS]
        self.scores = nn.ModuleList(nn.Conv2d(c, a, 1) for c, (_, a) in zip(map_channels, ANCHORS))
        self.boxes = nn.ModuleList(nn.Conv2d(c, a * VALUES, 1) for c, (_, a) in zip(map_channels, ANCHORS))
        centres = [np.stack(np.meshgrid(np.arange(n) + 0.5, np.arange(n) + 0.5), -1).reshape(-1, 2).repeat(a, 0) / n
                   for n, a in ANCHORS]
        self.register_buffer("anchors", torch.tensor(np.concatenate(centres), dtype=torch.float32))    # [896, 2]

    def forward(self, image):
        """image: RGB 0..1 [B, 3, 256, 256].

        Returns logits [B, 896] and boxes [B, 896, 8, 2]: centre, size and six keypoints, in units of the image.
        """
        fine = self.fine(image * 2 - 1)                                                 # [B, 96, 16, 16]
        maps = [fine, self.coarse(fine)]                                                # ... [B, 96, 8, 8]
        scores = torch.cat([_anchor_rows(f(x), 1) for f, x in zip(self.scores, maps)], 1)       # [B, 896, 1]
        values = torch.cat([_anchor_rows(f(x), VALUES) for f, x in zip(self.boxes, maps)], 1)   # [B, 896, 16]
        boxes = values.view(-1, values.shape[1], VALUES // 2, 2) / IMAGE_SIZE                # [B, 896, 8, 2]
        centred = boxes + self.anchors[:, None]
        return scores[..., 0], torch.cat([centred[:, :, :1], boxes[:, :, 1:2], centred[:, :, 2:]], 2)


def _anchor_rows(x, values):    # [B, anchors * values, H, W] -> [B, H * W * anchors, values]
    return x.permute(0, 2, 3, 1).reshape(x.shape[0], -1, values)


@torch.inference_mode()
def detect(model, images, threshold):
    """The faces of each of `images` (RGB 0..1 [B, 3, 256, 256]) that score `threshold` (0..1) or more.

    Returns B lists of Detection, best first, in units of the image (0..1 from its edges). Anchors that see
    the same face are averaged by their scores, as BlazeFace has it, rather than suppressed.
    """
    logits, boxes = model(images)
    return [_blend(score[score >= threshold].numpy(), box[score >= threshold].numpy())
            for score, box in zip(logits.sigmoid(), boxes)]


def _blend(scores, boxes):                                      # [N], [N, 8, 2]
    detections = []
    order = np.argsort(-scores)
    scores, boxes = scores[order], boxes[order]
    while len(scores):
        same = _overlap(boxes[0], boxes) > OVERLAP
        same[0] = True
        mean = np.average(boxes[same], axis=0, weights=scores[same])
        detections.append(Detection(float(scores[0]), mean[:2].reshape(4), mean[2:]))
        scores, boxes = scores[~same], boxes[~same]
    return detections


def _overlap(box, boxes):
    low, high = box[0] - box[1] / 2, box[0] + box[1] / 2
    lows, highs = boxes[:, 0] - boxes[:, 1] / 2, boxes[:, 0] + boxes[:, 1] / 2
    common = np.clip(np.minimum(high, highs) - np.maximum(low, lows), 0, None).prod(1)
    return common / (box[1].prod() + boxes[:, 1].prod(1) - common)


def load(teacher):
    """BlazeFace with the weights of blazeface-back.json in the folder `teacher`, in evaluation mode."""
    weights = tfjs.read(Path(teacher) / "blazeface-back.json").weights
    model = BlazeFace()
    blocks = [layer for layer in model.fine if isinstance(layer, ResidualBlock)]
    separable = [(block.depthwise, block.pointwise) for block in blocks] + [(model.coarse[0], model.coarse[1])]
    # Upstream's names are numbers: 'unknown', 'unknown_0', ...; kernels stand before their biases.
    assign(model.fine[0], weights["unknown"], weights["unknown_0"])
    for n, (depthwise, pointwise) in enumerate(separable):
        assign(depthwise, weights[f"unknown_{4 * n + 1}"])
        assign(pointwise, weights[f"unknown_{4 * n + 3}"], weights[f"unknown_{4 * n + 4}"])
    outputs = [model.boxes[1], model.boxes[0], model.scores[1], model.scores[0]]
    for n, layer in enumerate(outputs):
        first = 4 * len(separable) + 1 + 2 * n
        assign(layer, weights[f"unknown_{first}"], weights[f"unknown_{first + 1}"])
    return model.eval()
