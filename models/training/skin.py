"""Skin atlases for the render dataset: painted ones, and ones unwrapped from portraits."""
from dataclasses import dataclass

import cv2
import numpy as np

from .ict import IctModel

ATLAS_SIZE = 448
# Skin from very light to very dark, sRGB (after the ten tones of Ellis Monk's scale, compressed to skin in daylight).
TONES = np.array([[246, 224, 208], [238, 205, 182], [226, 186, 158], [208, 162, 130], [183, 134, 102],
                  [150, 104, 76], [116, 78, 56], [84, 56, 42], [58, 40, 32]], np.float32) / 255


def to_linear(srgb: np.ndarray) -> np.ndarray:
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def to_srgb(linear: np.ndarray) -> np.ndarray:
    linear = np.clip(linear, 0, None)
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)


@dataclass(frozen=True)
class Skin:
    """An atlas over the canonical UVs and what is needed to recolour it."""

    atlas: np.ndarray  # uint8 [ATLAS_SIZE, ATLAS_SIZE, 3] sRGB, row 0 = v 1
    mean: np.ndarray  # [3] linear: its typical skin colour
    grey: bool  # the source had no colour

    def recoloured(self, tone: np.ndarray, power: np.ndarray, keep_chroma: float) -> np.ndarray:
        """sqrt(albedo) as uint8 [ATLAS_SIZE, ATLAS_SIZE, 3]: the atlas's mean becomes `tone` (linear), contrasts are raised
        to `power` by channel, and of the atlas's own colour `keep_chroma` is kept."""
        keep = 0.0 if self.grey else keep_chroma
        mean = to_srgb(self.mean)
        grey = np.array([0.3, 0.55, 0.15]) / mean  # relative luminance, close enough on sRGB values
        matrix = (keep * np.eye(3) + (1 - keep) * mean[:, None] * grey).astype(np.float32)
        atlas = cv2.transform(self.atlas, matrix)
        relative = to_linear(np.arange(256) / 255)[:, None] / self.mean
        table = 255 * np.sqrt(np.minimum(tone * np.maximum(relative, 1e-3) ** power, 1))
        return cv2.LUT(atlas, np.round(table).astype(np.uint8)[:, None])


def sample_tone(rng: np.random.Generator) -> np.ndarray:
    """A skin colour, linear RGB [3]."""
    position = rng.uniform(0, len(TONES) - 1)
    low = min(int(position), len(TONES) - 2)
    tone = TONES[low] + (position - low) * (TONES[low + 1] - TONES[low])
    tone = tone * np.exp(rng.normal(0, [0.02, 0.03, 0.05]))
    return to_linear(np.clip(tone, 0.05, 0.98))


def texel_points(uv: np.ndarray, size: int = ATLAS_SIZE) -> np.ndarray:
    """uv [..., 2] to texel coordinates [..., 2] (x right, y down, pixel edges at 0 and size)."""
    return np.stack([uv[..., 0], 1 - uv[..., 1]], -1) * size


def paint_skin(ict: IctModel, uv: np.ndarray, rng: np.random.Generator) -> Skin:
    """A painted face: brows, lips, lids and cheeks where iBUG's landmarks are. `uv` [N, 2]: the chart."""
    size = ATLAS_SIZE
    points = texel_points(uv[ict.landmarks68], size)
    base = to_srgb(sample_tone(rng))
    image = np.tile(base.astype(np.float32), (size, size, 1))

    def layer(colour, opacity, blur, draw):
        nonlocal image
        mask = np.zeros((size, size), np.float32)
        draw(mask)
        mask = cv2.GaussianBlur(mask, (0, 0), blur * size)[..., None] * opacity
        image = image * (1 - mask) + np.asarray(colour, np.float32) * mask

    def polygon(mask, corners, value=1.0):
        cv2.fillPoly(mask, [np.round(corners * 16).astype(np.int32)], value, cv2.LINE_AA, 4)

    def strokes(mask, path, width):
        for start, end, w in zip(path[:-1], path[1:], width):
            cv2.line(mask, tuple(np.round(start * 16).astype(int).tolist()), tuple(np.round(end * 16).astype(int).tolist()),
                     1.0, max(1, round(w * size)), cv2.LINE_AA, 4)

    noise = sum(cv2.resize(rng.normal(0, 1, (n, n, 1)).astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC) * a
                for n, a in ((6, 0.02), (40, 0.012), (size, 0.018)))
    image *= 1 + noise[..., None]
    flush = base * [1.0, 0.78, 0.76]
    for cheek in (points[[2, 41, 48]].mean(0), points[[14, 46, 54]].mean(0), points[33]):
        layer(flush, rng.uniform(0.1, 0.4), 0.035, lambda m: cv2.circle(m, tuple(np.round(cheek).astype(int).tolist()), size // 18, 1.0, -1))
    lip = base * np.array([0.86, 0.55, 0.55]) * rng.uniform(0.8, 1.1)
    layer(lip, rng.uniform(0.6, 1.0), 0.003, lambda m: polygon(m, points[48:60]))
    hair = np.array([0.16, 0.11, 0.08]) * rng.uniform(0.4, 2.2)
    for path in (points[17:22], points[22:27][::-1]):
        layer(hair, rng.uniform(0.5, 0.95), 0.004, lambda m: strokes(m, path, [0.013, 0.019, 0.022, 0.02]))
    for eye in (points[36:42], points[42:48]):
        centre = eye.mean(0)
        layer(base * 0.72, 0.5, 0.012, lambda m: polygon(m, centre + (eye - centre) * 1.5))
        around = np.concatenate([eye, eye[:1]])
        layer(hair * 0.5, 0.85, 0.002, lambda m: strokes(m, around, [0.01, 0.011, 0.01, 0.006, 0.006, 0.006]))
    atlas = np.clip(image * 255 + 0.5, 0, 255).astype(np.uint8)
    return Skin(atlas, to_linear(base), False)
