"""Faces of whole pictures as the server finds them: S looks twice, at a close-up once; where F then sees the face far from the
middle of S's crop, F looks again at where it saw it; where that leaves doubt, F looks around; where no face is present, F looks
beside; and where none is even so, all but the last two at tiles.

Every look is resampled from the picture at its own resolution, however large. Pictures are uint8 RGB [H, W, 3]; uv is
[K, 2]; theta maps I' to [-1, 1] of the square-padded picture.
"""
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from .crops import apply, face_theta, invert
from .data import compose, to_pixels, to_square, warp
from .label import to_tensor
from .network import SECOND_LOOK_ZOOM, SENSOR_MM, SMALL_SIZE, STYLES, InfiniteLandmarks, chain, to_photo

BATCH = 32
MODEL_CARD = Path(__file__).parents[1] / "compact" / "model.json"
TILE_SIDES, SMALLEST_TILE = (1 / 2, 1 / 4), 128  # sides of the longer side; px
PROBE = np.stack(np.meshgrid(*[np.linspace(0.2, 0.8, 8)] * 2), -1).reshape(-1, 2)  # uv, from the brows to the lower lip; as in FaceSearch.cs
JUDGED_IN = "photo"  # the server's default style, by whose sigmas it judges a face, whichever style is asked for
CLOSE_UP = 0.7  # side of S's crop in the tile's, as in FaceModel.cs
SMALLEST_CROP = 32  # px a side, as in FaceSearch.cs
CROP_OFF, CROP_LOST = 0.07, 1  # half sides, as in FaceModel.cs
CROP_DOUBTFUL = 0.12  # half sides, as in FaceSearch.cs
AROUND_SIDES, AROUND_ROLLS, AROUND_STEPS = (1, 1.6, 2.2), (-45, 0, 45), 3  # of the crop's side; degrees; as in FaceSearch.cs
BESIDE_SIDE, BESIDE_AWAY = 2.4, 0.6  # of the crop's side; of the larger crop's half; as in FaceSearch.cs
AROUND_AGREE, AROUND_APART = 3, 0.1  # looks, in half sides of a crop; as in FaceSearch.cs
# On the mean face, m, as in FaceFrame.cs: between the eyes, the mouth's middle, and outline and ridge of the face.
EYES, MOUTH = np.array([0, 0.0134, 0.0840]), np.array([0, -0.054, 0.1052])
OUTLINE = np.array([[0, 0.0735, 0.0922], [0, 0.0137, 0.1044], [0, -0.0148, 0.1253], [0, -0.0955, 0.0995],
                    [-0.0632, 0.0522, 0.0582], [0.0632, 0.0522, 0.0582], [-0.0717, -0.007, 0.0427], [0.0717, -0.007, 0.0427],
                    [-0.0554, -0.0693, 0.0557], [0.0554, -0.0693, 0.0557], [-0.0475, -0.078, 0.0645], [0.0475, -0.078, 0.0645]])
HALF_FACE_M, COVER, ALIKE = 0.08, 1.4, 0.7  # as in FaceSearch.cs


class Limits(NamedTuple):
    """What is taken for a face: its presence, a logit, is at least this; its doubt (`read_at`), where a search alone shows it, at
    most this."""

    presence: float
    sigma: float

    @classmethod
    def shipped(cls, chance: float | None = None) -> "Limits":
        """Those of models/compact; with another presence, 0..1, on request."""
        card = json.loads(MODEL_CARD.read_text())
        chance = chance or card["presenceThreshold"]
        return cls(float(np.log(chance / (1 - chance))), card["searchSigma"])


def crops(images, theta: torch.Tensor, size: int) -> torch.Tensor:
    """W(I; theta) of each image: theta [B, 2, 3] to [B, 3, size, size], black outside the picture."""
    return to_tensor([warp(image, compose(to_pixels(size), compose(invert(part.numpy().astype(np.float64)), to_square(image))), size)
                      for image, part in zip(images, theta)])


def code_of(style: str, count: int) -> torch.Tensor:
    return torch.eye(len(STYLES))[STYLES.index(style)].expand(count, -1)


def find(network: InfiniteLandmarks, images, tiles: torch.Tensor) -> torch.Tensor:
    """Theta [B, 2, 3] after a look at each image's tile [B, 2, 3] and, where the face is not close up, one at what was found
    there, a little wider."""
    first = network.transformer(crops(images, tiles, SMALL_SIZE))
    theta = chain(tiles, first)
    small = torch.linalg.det(first[:, :, :2]).abs().sqrt() < CLOSE_UP
    if small.any():
        wide = torch.cat([theta[small, :, :2] * SECOND_LOOK_ZOOM, theta[small, :, 2:]], 2)
        theta[small] = chain(wide, network.transformer(crops([image for image, again in zip(images, small) if again], wide, SMALL_SIZE)))
    return theta


def answers(network: InfiniteLandmarks, images, uv: np.ndarray, style: str, tiles: torch.Tensor | None = None, once: bool = False) -> dict:
    """The network's answer to every image (or a tile [B, 2, 3] of each) after S's two looks: as `read_at`, and `once` as there."""
    if tiles is None:
        tiles = torch.eye(2, 3).expand(len(images), -1, -1)
    with torch.inference_mode():
        theta = [find(network, images[start : start + BATCH], tiles[start : start + BATCH]) for start in range(0, len(images), BATCH)]
    return read_at(network, images, torch.cat(theta), uv, style, once)


def read_at(network: InfiniteLandmarks, images, theta: torch.Tensor, uv: np.ndarray, style: str, once: bool = False) -> dict:
    """The network's answer to each image's face at theta [B, 2, 3], as arrays over all images: as `read`, and theta,
    photo_points [B, K, 2] in [-1, 1] of the square, and doubt [B], how unsure it is of the face: the mean sigma over PROBE, in I'.
    F looks at the face and at its mirror image, or at the face alone, `once`."""
    query, probe = (torch.from_numpy(points.astype(np.float32)) for points in (uv, PROBE))
    found = []
    with torch.inference_mode():
        for start in range(0, len(images), BATCH):
            batch, part = images[start : start + BATCH], theta[start : start + BATCH]
            encoding = network.see(crops(batch, part, network.preset.face_size), once)
            ask = lambda points, name: network.interpret(encoding, points.expand(len(batch), -1, -1), code_of(name, len(batch)))
            answer, judged = ask(query, style), ask(probe, JUDGED_IN)
            answer |= {"theta": part, "photo_points": to_photo(part, answer["points"]), "doubt": judged["log_sigma"].exp().mean(1)}
            found.append({key: value.numpy() for key, value in answer.items()})
    return joined(found)


def asked(network: InfiniteLandmarks, answer: dict, uv: np.ndarray, style: str) -> dict:
    """What P answers to other queries [K, 2], or in another style, of the faces that `answer` found: the same, but for position,
    log_sigma, points and photo_points. F does not look again."""
    query = torch.from_numpy(uv.astype(np.float32))
    found = []
    with torch.inference_mode():
        for start in range(0, len(answer["features"]), BATCH):
            part = {key: torch.from_numpy(value[start : start + BATCH]) for key, value in answer.items()}
            count = len(part["features"])
            part |= network.ask(part, query.expand(count, -1, -1), code_of(style, count))
            part["photo_points"] = to_photo(part["theta"], part["points"])
            found.append({key: value.numpy() for key, value in part.items()})
    return joined(found)


def joined(parts: list[dict]) -> dict:
    """One dict of arrays from those of its parts."""
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def own_crop(rotation: np.ndarray, translation: np.ndarray, focal_mm: float) -> np.ndarray:
    """The crop [2, 3] in I' that S is taught, round the mean face in the pose found: rotation [3, 3], translation [3] m."""
    camera = np.concatenate([OUTLINE, EYES[None], MOUTH[None]]) @ rotation.T + translation
    points = 2 * focal_mm / SENSOR_MM * camera[:, :2] * [1, -1] / np.maximum(-camera[:, 2:], 0.05)
    return face_theta(points[:-2], points[-2], points[-1])


def off(crop: np.ndarray) -> float:
    """How far a crop's corners lie from those of the image it is in, in its own half sides, the mean of both axes."""
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    return np.abs(apply(crop, corners) - corners).mean() / np.sqrt(abs(np.linalg.det(crop[:, :2])))


def corrected(network: InfiniteLandmarks, images, answer: dict, threshold: float, uv: np.ndarray, style: str) -> dict:
    """`answer` with F's second look at those whose presence is at least the threshold (a logit) and whose crop was off."""
    own = [own_crop(*pose) for pose in zip(answer["rotation"], answer["translation"], answer["focal_mm"][:, 0])]
    far = np.flatnonzero([presence >= threshold and CROP_OFF < off(crop) < CROP_LOST for presence, crop in zip(answer["presence"], own)])
    result = {key: value.copy() for key, value in answer.items()}
    if len(far):
        theta = chain(torch.from_numpy(answer["theta"][far]), torch.from_numpy(np.stack([own[i] for i in far]).astype(np.float32)))
        again = read_at(network, [images[i] for i in far], theta, uv, style)
        for i, place in enumerate(far):
            if again["presence"][i] >= threshold:
                for key, value in result.items():
                    value[place] = again[key][i]
    return result


def turned(side: float, x: float = 0, y: float = 0) -> list[np.ndarray]:
    """Of a crop `side` times as large, its middle moved by x, y of its half sides, one [2, 3] for each of AROUND_ROLLS."""
    return [side * np.array([[np.cos(roll), -np.sin(roll), x], [np.sin(roll), np.cos(roll), y]]) for roll in np.radians(AROUND_ROLLS)]


AROUND = [crop for side in AROUND_SIDES for crop in turned(side)]
BESIDE = [crop for y in (-1, 0, 1) for x in (-1, 0, 1) if x or y for crop in turned(BESIDE_SIDE, BESIDE_AWAY * x, BESIDE_AWAY * y)]


def around(network: InfiniteLandmarks, image: np.ndarray, theta: np.ndarray, starts: list[np.ndarray], uv: np.ndarray, style: str) -> dict:
    """F's answers to crops [2, 3] that start from `theta` [2, 3], each moved AROUND_STEPS times to where F saw the face: from some
    of them it comes to rest on a face that S did not frame."""
    images = [image] * len(starts)
    at = chain(torch.from_numpy(theta).expand(len(starts), -1, -1), torch.tensor(np.stack(starts), dtype=torch.float32))
    answer = read_at(network, images, at, uv, style, once=True)
    for step in range(1, AROUND_STEPS + 1):
        own = np.stack([own_crop(*pose) for pose in zip(answer["rotation"], answer["translation"], answer["focal_mm"][:, 0])])
        at = chain(torch.from_numpy(answer["theta"]), torch.from_numpy(own.astype(np.float32)))
        answer = read_at(network, images, at, uv, style, once=step < AROUND_STEPS)
    return answer


def agreed(looks: dict, shown: np.ndarray) -> np.ndarray:
    """Which of the looks that show a face came to rest where some of the others did."""
    theta = looks["theta"]
    apart = np.linalg.norm(theta[:, None, :, 2] - theta[None, :, :, 2], axis=2) / np.sqrt(np.abs(np.linalg.det(theta[:, :, :2])))[:, None]
    return shown & (((apart < AROUND_APART) & shown).sum(1) >= AROUND_AGREE)


def doubtful(answer: dict, threshold: float) -> np.ndarray:
    """Indices of the images where no face is present, or F sees it far from the middle of the crop even so."""
    own = [own_crop(*pose) for pose in zip(answer["rotation"], answer["translation"], answer["focal_mm"][:, 0])]
    return np.flatnonzero([presence < threshold or off(crop) > CROP_DOUBTFUL for presence, crop in zip(answer["presence"], own)])


def acceptable(looks: dict, image: np.ndarray, threshold: float) -> np.ndarray:
    """Whether each look at an image shows a face, by its presence (a logit) and the size of its crop."""
    side = np.sqrt(np.abs(np.linalg.det(looks["theta"][:, :, :2]))) * max(image.shape[:2])
    return (looks["presence"] >= threshold) & (side >= SMALLEST_CROP)


def tiles_of(image: np.ndarray) -> torch.Tensor:
    """Overlapping squares [n, 2, 3] of an image, each half a tile from the next."""
    height, width = image.shape[:2]
    size = max(height, width)
    found = []
    for side in (side for side in TILE_SIDES if size * side >= SMALLEST_TILE):
        places = side * np.arange(1, round((1 - side) / side * 2) + 2) - 1
        found += [[[side, 0, x], [0, side, y]] for y in places for x in places if abs(x) <= width / size and abs(y) <= height / size]
    return torch.tensor(found, dtype=torch.float32).view(-1, 2, 3)


def search(network: InfiniteLandmarks, images, answer: dict, limits: Limits, uv: np.ndarray, style: str) -> tuple[dict, np.ndarray]:
    """`answer`, corrected, with what a look around shows where there is doubt, and what the tiles show of images whose face's
    presence is below its limit even so; and which faces are kept.

    Of a face that is not kept, of which the server says that it found none, the look stands that has most of one.
    """
    result, nearby = corrected(network, images, answer, limits.presence, uv, style), {}
    for unsure in doubtful(result, limits.presence):
        present = result["presence"][unsure] >= limits.presence
        for starts in [AROUND] if present else [AROUND, BESIDE]:
            looks = around(network, images[unsure], result["theta"][unsure], starts, uv, style)
            nearby[unsure] = joined([nearby[unsure], looks]) if unsure in nearby else looks
            doubt = np.where(agreed(looks, acceptable(looks, images[unsure], limits.presence)), looks["doubt"], np.inf)
            if doubt.min() < (result["doubt"][unsure] if present else limits.sigma):
                for key, value in looks.items():
                    result[key][unsure] = value[doubt.argmin()]
                break
    kept = result["presence"] >= limits.presence
    for lost in np.flatnonzero(~kept):
        looks = with_tiles(network, images[lost], {key: value[lost : lost + 1] for key, value in answer.items()}, limits.presence, uv, style)
        accepted = acceptable(looks, images[lost], limits.presence) & (looks["doubt"] <= limits.sigma)
        kept[lost] = accepted.any()
        if kept[lost]:
            best = heads(looks, accepted)[0]
        else:
            looks = joined([looks, nearby[lost]])
            best = looks["presence"].argmax()
        for key, value in looks.items():
            result[key][lost] = value[best]
    return result, kept


def with_tiles(network: InfiniteLandmarks, image: np.ndarray, whole: dict, threshold: float, uv: np.ndarray, style: str) -> dict:
    """F's answer to the whole image, and to the face that S finds at each of its tiles: where one is present (threshold: a logit),
    with the mirror image's answer and corrected, as the whole image's is."""
    tiles = tiles_of(image)
    if not len(tiles):
        return whole
    glance = answers(network, [image] * len(tiles), uv, style, tiles, once=True)
    shown = glance["presence"] >= threshold
    if shown.any():
        again = [image] * shown.sum()
        seen = read_at(network, again, torch.from_numpy(glance["theta"][shown]), uv, style)
        seen = corrected(network, again, seen, threshold, uv, style)
        for key, value in seen.items():
            glance[key][shown] = value
    return joined([whole, glance])


def heads(looks: dict, accepted: np.ndarray) -> list[int]:
    """Of the accepted looks at an image the surest at each face, largest face first: what is near one and much smaller is a part
    of it."""
    zoom = np.sqrt(np.abs(np.linalg.det(looks["theta"][:, :, :2])))
    scale = 2 * looks["focal_mm"][:, 0] / SENSOR_MM / -looks["translation"][:, 2]  # of the face image, at the head's depth
    radius = zoom * scale * HALF_FACE_M
    centre = np.stack([apply(theta, at) for theta, at in zip(looks["theta"], scale[:, None] * looks["translation"][:, :2] * [1, -1])])
    face, found = looks["photo_points"].mean(1), []
    for look in sorted(np.flatnonzero(accepted), key=lambda look: -radius[look]):
        own = next((head for head in found if np.linalg.norm(face[look] - centre[head[0]]) < COVER * radius[head[0]]), None)
        if own is None:
            found.append([look])
        elif radius[look] >= ALIKE * radius[own[0]]:
            own.append(look)
    return [min(head, key=lambda look: looks["doubt"][look]) for head in found]


def every_face(network: InfiniteLandmarks, image: np.ndarray, limits: Limits, uv: np.ndarray, style: str) -> dict:
    """The faces that `landmarks --all-faces` lists of an image: F's answers, the largest first. The one that draws a look at the
    whole image is preferred to the tiles' looks at it."""
    whole, kept = found_in(network, [image], limits, uv, style)
    looks = with_tiles(network, image, whole, limits.presence, uv, style)
    accepted = acceptable(looks, image, limits.presence) & (looks["doubt"] <= limits.sigma)
    accepted[0], looks["doubt"][0] = kept[0], 0
    return {key: value[heads(looks, accepted)] for key, value in looks.items()}


def found_in(network: InfiniteLandmarks, images, limits: Limits, uv: np.ndarray, style: str) -> tuple[dict, np.ndarray]:
    """What the server makes of each image: `answers`, then `search`."""
    return search(network, images, answers(network, images, uv, style), limits, uv, style)


def to_pixels_of(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    """[K, 2] in [-1, 1] of the square-padded image to its pixels, centres at half-integers."""
    height, width = image.shape[:2]
    return (points * max(height, width) + [width, height]) / 2
