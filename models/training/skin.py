"""Skin atlases for the render dataset: painted ones, and ones unwrapped from portraits."""
import os
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import scipy.sparse as sparse
from scipy.spatial import Delaunay

from .ict import IctModel

ATLAS_SIZE = 448
MAX_CONTRAST = 0.2  # deviation of the log luminance of bare skin in a photo
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
        centre = tuple(np.round(cheek).astype(int).tolist())
        layer(flush, rng.uniform(0.1, 0.4), 0.035, lambda mask: cv2.circle(mask, centre, size // 18, 1.0, -1))
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


def skin_patches(ict: IctModel, uv: np.ndarray) -> np.ndarray:
    """Where nothing but skin is on most faces, cheeks and nose and chin: bool [ATLAS_SIZE, ATLAS_SIZE]."""
    points = texel_points(uv[ict.landmarks68])
    mask = np.zeros((ATLAS_SIZE, ATLAS_SIZE), np.uint8)
    cheeks = points[[2, 41, 48]].mean(0), points[[14, 46, 54]].mean(0)
    for centre, radius in ((cheeks[0], 26), (cheeks[1], 26), (points[29], 14), (points[27] - [0, 30], 22)):
        cv2.circle(mask, tuple(np.round(centre).astype(int).tolist()), radius * ATLAS_SIZE // 448, 1, -1)
    return mask > 0


def push_pull(image: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Fills float32 image [h, w, 3] smoothly where weight [h, w] is 0 (Gortler et al. 1996), keeping it where it is 1."""
    if min(weight.shape) <= 2 or weight.min() > 0.999:
        total = max(weight.sum(), 1e-6)
        return np.where(weight[..., None] > 0.999, image, (image * weight[..., None]).sum((0, 1)) / total).astype(np.float32)
    half = tuple((n + 1) // 2 for n in weight.shape[::-1])
    small_weight = cv2.resize(weight, half, interpolation=cv2.INTER_AREA)
    small = cv2.resize(image * weight[..., None], half, interpolation=cv2.INTER_AREA) / np.maximum(small_weight, 1e-6)[..., None]
    coarse = push_pull(small, np.minimum(small_weight * 2, 1))
    return image * weight[..., None] + cv2.resize(coarse, weight.shape[::-1], interpolation=cv2.INTER_LINEAR) * (1 - weight[..., None])


class Unwrapper:
    """Portraits with FaceMesh points to atlases, by the piecewise affine map of the points' triangles in the chart."""

    def __init__(self, ict: IctModel, uv: np.ndarray, facemesh_uv: np.ndarray):
        points = texel_points(facemesh_uv.astype(np.float64))
        triangulation = Delaunay(points)
        centre = np.arange(ATLAS_SIZE) + 0.5
        texels = np.stack(np.meshgrid(centre, centre), -1).reshape(-1, 2)
        simplex = triangulation.find_simplex(texels)
        row = np.flatnonzero(simplex >= 0)
        transform = triangulation.transform[simplex[row]]
        first = np.einsum("nij,nj->ni", transform[:, :2], texels[row] - transform[:, 2])
        weights = np.concatenate([first, 1 - first.sum(1, keepdims=True)], 1)
        corners = triangulation.simplices[simplex[row]]
        self.map = sparse.csr_matrix((weights.ravel(), (np.repeat(row, 3), corners.ravel())), shape=(len(texels), len(points)))
        inside = (simplex >= 0).reshape(ATLAS_SIZE, ATLAS_SIZE).astype(np.uint8)
        self.distance = cv2.distanceTransform(inside, cv2.DIST_L2, 5) / ATLAS_SIZE  # of the atlas, inside the points' hull
        self.outside = cv2.distanceTransform(1 - inside, cv2.DIST_L2, 5) / ATLAS_SIZE
        self.weight = np.clip((self.distance - 0.025) / 0.05, 0, 1).astype(np.float32)  # the hull's edge shows hair and background
        self.skin_only = skin_patches(ict, uv)
        # Around the eyes and on the cheeks the rims of glasses, hatching and hard shadows draw lines; skin does not.
        landmarks = texel_points(uv[ict.landmarks68])
        eyes = np.zeros((ATLAS_SIZE, ATLAS_SIZE), np.uint8)
        for eye in (landmarks[36:42], landmarks[42:48]):
            centre = eye.mean(0)
            cv2.fillPoly(eyes, [np.round(centre + (eye - centre) * 2.6 + [0, 22]).astype(np.int32)], 1)
            cv2.fillPoly(eyes, [np.round(centre + (eye - centre) * 1.6).astype(np.int32)], 0)
        eyes[: int(landmarks[36:48, 1].mean())] = 0
        self.plain = (eyes > 0) | self.skin_only

    def lines(self, skin: Skin) -> float:
        """How much is drawn where a bare face has little: the mean gradient there, as a share of the skin's brightness."""
        luminance = cv2.GaussianBlur(cv2.cvtColor(skin.atlas, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), 2)
        gradient = np.hypot(cv2.Sobel(luminance, cv2.CV_32F, 1, 0), cv2.Sobel(luminance, cv2.CV_32F, 0, 1))
        return float(gradient[self.plain].mean() / max(np.median(luminance[self.skin_only]), 24))

    def sampled(self, photo: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
        """The photo's colours over the atlas, float32 [ATLAS_SIZE, ATLAS_SIZE, 3]; of meaning inside the points' hull.

        photo uint8 [h, w, 3] RGB; landmarks [468, 2] px, pixel edges at integers.
        """
        where = (self.map @ landmarks - 0.5).astype(np.float32).reshape(ATLAS_SIZE, ATLAS_SIZE, 2)
        return cv2.remap(photo, where[..., 0], where[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE).astype(np.float32)

    def unwrap(self, photo: np.ndarray, landmarks: np.ndarray, grey: bool, rng: np.random.Generator) -> Skin:
        """A whole skin of a portrait; parameters as of `sampled`."""
        image = self.sampled(photo, landmarks)
        skin = np.median(image[self.skin_only], axis=0)
        # Takes part of the photographer's light away: the low frequencies of the luminance.
        luminance = image @ np.array([0.3, 0.55, 0.15], np.float32)
        blur = lambda values: cv2.GaussianBlur(values, (0, 0), 0.1 * ATLAS_SIZE)
        low = blur(luminance * self.weight) / np.maximum(blur(self.weight), 1e-3)
        image *= np.clip(np.maximum(skin @ [0.3, 0.55, 0.15], 1) / np.maximum(low, 1), 0.6, 1.7)[..., None] ** rng.uniform(0.5, 0.9)
        # Harsh prints and engravings are brought to the contrast of skin.
        contrast = np.log(np.maximum(image[self.plain] @ [0.3, 0.55, 0.15], 8)).std()
        image = skin * (np.maximum(image, 2) / skin) ** min(1.0, MAX_CONTRAST / contrast)
        image = push_pull(image.astype(np.float32), self.weight)
        far = np.clip(self.outside / 0.1, 0, 1)[..., None]  # hair at the hull's edge must not run over the scalp
        image = image * (1 - far) + skin * far
        image = cv2.GaussianBlur(image, (0, 0), 4) * (1 - self.weight[..., None]) + image * self.weight[..., None]
        image *= 1 + 0.02 * rng.normal(size=image.shape[:2] + (1,)) * (1 - self.weight[..., None])
        atlas = np.clip(image + 0.5, 0, 255).astype(np.uint8)
        red, green, blue = np.clip(skin, 16, 250)
        tinted = not (red > 1.06 * green and green > 0.95 * blue and red < 2.2 * blue)  # old prints are green, blue, sepia
        return Skin(atlas, to_linear(np.array([red, green, blue]) / 255), bool(grey) or tinted)


@dataclass(frozen=True)
class PaintedSkins:
    """Skins that owe nothing to any photo: all painted, before painted backgrounds."""

    ict: IctModel
    uv: np.ndarray  # [N, 2], the chart

    def sample(self, rng: np.random.Generator) -> Skin:
        return paint_skin(self.ict, self.uv, rng)

    def backgrounds(self, count: int) -> list[np.ndarray]:
        return []


class SkinLibrary:
    """The skins of one split: unwrapped from its portraits, painted now and then."""

    PAINTED, IN_COLOUR = 0.08, 0.65  # of the samples; of the unwrapped ones
    MAX_YAW, MIN_EYES = 14.0, 48.0  # degrees; px between the outer eyes
    CANDIDATES, KEPT = 1100, 0.6  # portraits with the largest faces; the share with the fewest lines on the skin

    def __init__(self, ict: IctModel, uv: np.ndarray, facemesh_uv: np.ndarray | None, labels: dict, portraits: Path, validation: bool,
                 cache: Path | None = None):
        self.ict, self.uv, self.labels, self.portraits = ict, uv, labels, portraits
        self.unwrapper = None if facemesh_uv is None else Unwrapper(ict, uv, facemesh_uv)
        own = labels["validation"] == validation
        good = own & (np.abs(labels["yaw"]) < self.MAX_YAW) & (labels["interocular"] > self.MIN_EYES)
        chosen = np.flatnonzero(good)
        spread = labels["std"][chosen].mean(1) / labels["interocular"][chosen]
        chosen = chosen[np.argsort(spread)[: int(0.8 * len(chosen))]]  # what FaceMesh is surest of
        self.chosen = np.sort(chosen[np.argsort(-labels["interocular"][chosen])[: self.CANDIDATES]])
        self.skins = self._unwrapped(validation, cache) if self.unwrapper is not None else []
        self.by_colour = [[skin for skin in self.skins if skin.grey == grey] for grey in (True, False)]
        self.own = np.flatnonzero(own)

    def photo(self, row: int) -> np.ndarray:
        """The portrait of a label row, uint8 RGB."""
        return cv2.imread(str(self.portraits / f"{self.labels['names'][row]:06d}.jpg"), cv2.IMREAD_COLOR)[..., ::-1]

    def _unwrapped(self, validation: bool, cache: Path | None) -> list[Skin]:
        """The chosen portraits' skins, kept in the folder `cache` because they take a minute."""
        if not len(self.chosen):
            raise SystemExit("no labelled portrait is large and frontal enough to take its skin; label more of them")
        path = cache / f"skins-{'validation' if validation else 'training'}.npz" if cache else None
        if path is None or not path.exists():
            skins = [self.unwrap(int(row)) for row in self.chosen]
            lines = np.array([self.unwrapper.lines(skin) for skin in skins])
            skins = [skin for skin, line in zip(skins, lines) if line <= np.quantile(lines, self.KEPT)]
            if path is None:
                return skins
            partial = path.with_suffix(f".{os.getpid()}.npz")  # `render` may run twice at once
            np.savez(partial, **{name: np.stack([getattr(skin, name) for skin in skins]) for name in ("atlas", "mean", "grey")})
            partial.rename(path)
        with np.load(path) as archive:
            return [Skin(atlas, mean, bool(grey)) for atlas, mean, grey in zip(archive["atlas"], archive["mean"], archive["grey"])]

    def sample(self, rng: np.random.Generator) -> Skin:
        group = self.by_colour[int(rng.random() < self.IN_COLOUR)] or self.skins
        if rng.random() < self.PAINTED or not group:
            return paint_skin(self.ict, self.uv, rng)
        return group[rng.integers(len(group))]

    def unwrap(self, row: int) -> Skin:
        rng = np.random.default_rng(row)
        return self.unwrapper.unwrap(self.photo(row), self.labels["landmarks"][row, :, :2], self.labels["grey"][row], rng)

    def backgrounds(self, count: int) -> list[np.ndarray]:
        """Pieces of the portraits beside and below the face, uint8 RGB."""
        pieces = []
        for row in np.random.default_rng(0).permutation(self.own):
            if len(pieces) >= count:
                break
            if self.labels["faces"][row] != 1:
                continue
            photo, points = self.photo(row), self.labels["landmarks"][row, :, :2]
            (left, top), (right, bottom) = points.min(0), points.max(0)
            width, height = right - left, bottom - top
            limits = photo.shape[1::-1] * 2
            for box in ((0, 0, left - 0.45 * width, bottom), (right + 0.45 * width, 0, np.inf, bottom), (0, bottom + 0.25 * height, np.inf, np.inf)):
                x0, y0, x1, y1 = (int(np.clip(value, 0, limit)) for value, limit in zip(box, limits))
                if x1 - x0 >= 40 and y1 - y0 >= 40:
                    pieces.append(np.ascontiguousarray(photo[y0:y1, x0:x1]))
        return pieces
