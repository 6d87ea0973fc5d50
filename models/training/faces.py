"""Faces of whole pictures as the server finds them: S looks twice, and where no face is present then, at tiles.

Every look is resampled from the picture at its own resolution, however large. Pictures are uint8 RGB [H, W, 3]; uv is
[K, 2]; theta maps I' to [-1, 1] of the square-padded picture.
"""
import numpy as np
import torch

from .crops import apply, invert
from .data import compose, to_pixels, to_square, warp
from .label import to_tensor
from .network import SECOND_LOOK_ZOOM, SENSOR_MM, SMALL_SIZE, STYLES, InfiniteLandmarks, chain, to_photo

BATCH = 32
TILE_SIDES, SMALLEST_TILE = (1 / 2, 1 / 4), 128  # sides of the longer side; px
MAX_SIGMA = 0.05  # mean of a face's landmarks, in I'
HALF_FACE_M, COVER, ALIKE = 0.08, 1.4, 0.7  # as in FaceSearch.cs


def crops(images, theta: torch.Tensor, size: int) -> torch.Tensor:
    """W(I; theta) of each image: theta [B, 2, 3] to [B, 3, size, size], black outside the picture."""
    return to_tensor([warp(image, compose(to_pixels(size), compose(invert(part.numpy().astype(np.float64)), to_square(image))), size)
                      for image, part in zip(images, theta)])


def code_of(style: str, count: int) -> torch.Tensor:
    return torch.eye(len(STYLES))[STYLES.index(style)].expand(count, -1)


def find(network: InfiniteLandmarks, images, tiles: torch.Tensor) -> torch.Tensor:
    """Theta [B, 2, 3] after a look at each image's tile [B, 2, 3] and one at what was found there, a little wider."""
    theta = chain(tiles, network.transformer(crops(images, tiles, SMALL_SIZE)))
    wide = torch.cat([theta[:, :, :2] * SECOND_LOOK_ZOOM, theta[:, :, 2:]], 2)
    return chain(wide, network.transformer(crops(images, wide, SMALL_SIZE)))


def answers(network: InfiniteLandmarks, images, uv: np.ndarray, style: str, tiles: torch.Tensor | None = None) -> dict:
    """The network's answer to every image (or a tile [B, 2, 3] of each), as arrays over all images: as `read`, and theta
    [B, 2, 3] and photo_points [B, K, 2] in [-1, 1] of the square."""
    query, found = torch.from_numpy(uv.astype(np.float32)), []
    if tiles is None:
        tiles = torch.eye(2, 3).expand(len(images), -1, -1)
    with torch.inference_mode():
        for start in range(0, len(images), BATCH):
            batch = images[start : start + BATCH]
            theta = find(network, batch, tiles[start : start + BATCH])
            face = crops(batch, theta, network.preset.face_size)
            answer = network.read(face, query.expand(len(batch), -1, -1), code_of(style, len(batch)))
            answer |= {"theta": theta, "photo_points": to_photo(theta, answer["points"])}
            found.append({key: value.numpy() for key, value in answer.items()})
    return {key: np.concatenate([part[key] for part in found]) for key in found[0]}


def positions_at(network: InfiniteLandmarks, images, theta: np.ndarray, uv: np.ndarray, style: str) -> np.ndarray:
    """Canonical positions [B, K, 3] m of the faces at theta [B, 2, 3]."""
    query, found = torch.from_numpy(uv.astype(np.float32)), []
    with torch.inference_mode():
        for start in range(0, len(images), BATCH):
            face = crops(images[start : start + BATCH], torch.from_numpy(theta[start : start + BATCH]), network.preset.face_size)
            found.append(network.read(face, query.expand(len(face), -1, -1), code_of(style, len(face)))["position"].numpy())
    return np.concatenate(found)


def tiles_of(image: np.ndarray) -> torch.Tensor:
    """Overlapping squares [n, 2, 3] of an image, each half a tile from the next."""
    height, width = image.shape[:2]
    size = max(height, width)
    found = []
    for side in (side for side in TILE_SIDES if size * side >= SMALLEST_TILE):
        places = side * np.arange(1, round((1 - side) / side * 2) + 2) - 1
        found += [[[side, 0, x], [0, side, y]] for y in places for x in places if abs(x) <= width / size and abs(y) <= height / size]
    return torch.tensor(found, dtype=torch.float32).view(-1, 2, 3)


def search(network: InfiniteLandmarks, images, answer: dict, threshold: float, uv: np.ndarray, style: str) -> tuple[dict, np.ndarray]:
    """`answer` with what the tiles show of images whose face's presence is below the threshold (a logit); and which faces are kept.

    Of a face that is not kept, of which the server says that it found none, the look stands that has most of one.
    """
    result, kept = {key: value.copy() for key, value in answer.items()}, answer["presence"] >= threshold
    for lost in np.flatnonzero(~kept):
        tiles = tiles_of(images[lost])
        if not len(tiles):
            continue
        looks = {key: np.concatenate([answer[key][lost : lost + 1], value]) for key, value in answers(network, [images[lost]] * len(tiles), uv, style, tiles).items()}
        sigma = np.exp(looks["log_sigma"]).mean(1)
        accepted = (looks["presence"] >= threshold) & (sigma <= MAX_SIGMA)
        kept[lost] = accepted.any()
        best = largest(looks, sigma, accepted) if kept[lost] else looks["presence"].argmax()
        for key, value in looks.items():
            result[key][lost] = value[best]
    return result, kept


def largest(looks: dict, sigma: np.ndarray, accepted: np.ndarray) -> int:
    """Of the accepted looks at an image, the surest at its largest face: what is near and much smaller is a part of it."""
    zoom = np.sqrt(np.abs(np.linalg.det(looks["theta"][:, :, :2])))
    scale = 2 * looks["focal_mm"][:, 0] / SENSOR_MM / -looks["translation"][:, 2]  # of the face image, at the head's depth
    radius = np.where(accepted, zoom * scale * HALF_FACE_M, 0)
    first = radius.argmax()
    head = apply(looks["theta"][first], scale[first] * looks["translation"][first, :2] * [1, -1])
    same = accepted & (np.linalg.norm(looks["photo_points"].mean(1) - head, axis=1) < COVER * radius[first]) & (radius >= ALIKE * radius[first])
    return int(np.where(same, sigma, np.inf).argmin())


def found_in(network: InfiniteLandmarks, images, threshold: float, uv: np.ndarray, style: str) -> tuple[dict, np.ndarray]:
    """What the server makes of each image: `answers`, then `search`."""
    return search(network, images, answers(network, images, uv, style), threshold, uv, style)


def to_pixels_of(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    """[K, 2] in [-1, 1] of the square-padded image to its pixels, centres at half-integers."""
    height, width = image.shape[:2]
    return (points * max(height, width) + [width, height]) / 2
