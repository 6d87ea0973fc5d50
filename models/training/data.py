"""Training samples: the labelled portraits (`photo`) and the rendered heads (`render`), drawn without end.

A source is an image with points whose uv is known; a sample is that source warped, mirrored and made hard.
Two kinds: a *crop* is a face image I' around the labelled face (trains F and P alone); a *picture* is a
whole square photo with the face anywhere (trains S, and S, F and P together).
"""
import functools
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from scipy.spatial import Delaunay
from torch.utils.data import IterableDataset

from .anchors import INNER, chosen, known_uv, mirror_order
from .augment import backdrop, photometric, recolour
from .canonical import read_layout
from .crops import MARGIN, apply, face_theta, invert
from .facemesh import POINTS
from .groups import BARE_SKIN, balancing, grey, parted, sections, typology_angle
from .heads import project
from .morph import HEADS, Builds, drawn, morphed
from .network import POSITION_MAP, SECOND_LOOK_ZOOM, SENSOR_MM, SMALL_SIZE, STYLES

QUERIES = 80  # of a sample; the 51 inner iBUG points are always among them
EYES, MOUTH = [33, 133, 362, 263], [61, 291, 0, 17]  # FaceMesh points that give a face its upright
PICTURE_SIZE = 320
TURNED, TURNED_SHARE = np.cos(np.radians(50)), 0.4  # of the renders drawn: heads turned that far are hard, and rare
NEGATIVE_SHARE = 0.08  # of the samples that teach presence
FACELESS = {  # what those without a face show: a negative render, the back of its head, what is beside the face, a part of it (an
    # ear or a mouth looks, at a tile's size, like the folds of a small face), the face's tiles out of order, clouds
    "render": 0.12, "back": 0.23, "beside": 0.1, "part": 0.3, "shuffled": 0.1, "backdrop": 0.15,
}
SHRUNK_SIZE = {"compact": SMALL_SIZE // 2, "paper": SMALL_SIZE}  # what S looks at inside
RECOLOURED_SHARE = 0.3  # of the portraits drawn that are in colour: skin of another tone
MAX_MISSING_M = 0.0025  # of a fitted head, for what it says of ears, neck and forehead to be learnt
STEADY_V = 0.5  # the upper face is above this v
FAR_SHARE, FAR, FAR_HELD = 0.08, (1.0, 3.5), 0.7  # of the crops; amounts of `jitter`; of the face's points in the crop, at least
VALIDATION_EVERY = 20  # portraits whose numeric id it divides are validation


@dataclass(frozen=True)
class Source:
    image: np.ndarray  # [H, W, 3] uint8 RGB
    points: np.ndarray  # [M, 2] px, pixel centres at half-integers: FaceMesh's 468, 51 inner iBUG points, others all over C
    uv: np.ndarray  # [M, 2]
    style: int
    position: np.ndarray  # [M, 3] head space; of a photo, fitted
    rotation: np.ndarray | None = None  # head to the camera of the whole, square image; a photo's is not known
    translation: np.ndarray | None = None
    focal_mm: float = 0.0
    visible: np.ndarray | None = None  # [M]

    def seen(self, position: np.ndarray, rotation: np.ndarray, translation: np.ndarray) -> np.ndarray:
        """Points [K, 3] m of a head in such a pose, in px [K, 2] of the square image."""
        return (project(position, rotation, translation, self.focal_mm) + 1) * (self.image.shape[1] / 2)


def inner_weights() -> tuple[np.ndarray, np.ndarray]:
    """FaceMesh points [51, 3] and weights [51, 3] that give the inner iBUG points, by triangulation in uv."""
    mesh, inner = read_layout("facemesh468"), read_layout("ict68")[17:]
    triangulation = Delaunay(mesh)
    simplex = triangulation.find_simplex(inner)
    transform = triangulation.transform[simplex]
    first = np.einsum("kij,kj->ki", transform[:, :2], inner - transform[:, 2])
    return triangulation.simplices[simplex], np.c_[first, 1 - first.sum(1)]


class Photos:
    """The labelled portraits of one split, decoded into memory."""

    def __init__(self, labels: Path, folder: Path, validation: bool):
        with np.load(labels) as archive:
            if "outer_uv" not in archive:
                raise ValueError(f"'{labels}' has no points of ears and neck; make it again with `label`.")
            names = archive["names"]
            chosen = (names % VALIDATION_EVERY == 0) == validation
            self.names = names[chosen]
            yaw = archive["yaw"][chosen]
            points = np.concatenate([archive["landmarks"][chosen, :, :2], archive["position"][chosen]], 2)  # [N, 468, 5]
            outer = np.concatenate([archive["outer_landmarks"][chosen], archive["outer_position"][chosen]], 2)
            self.uv = np.concatenate([known_uv(), archive["outer_uv"]])
            self.agrees = archive["missing"][chosen] < MAX_MISSING_M  # the fitted head with the photo
        corners, weights = inner_weights()
        points = np.concatenate([points, np.einsum("nkcx,kc->nkx", points[:, corners], weights), outer], 1).astype(np.float32)
        self.points, self.positions = points[..., :2], points[..., 2:]
        self.images = [cv2.imread(str(folder / f"{name:06d}.jpg"), cv2.IMREAD_COLOR)[..., ::-1] for name in self.names]
        self.described = [describe(self.source(i), angle) for i, angle in enumerate(yaw.tolist())]
        self.chance = balancing(list(sections(*map(np.array, zip(*self.described))).values())) if self.described else np.zeros(0)  # of being drawn

    def __len__(self):
        return len(self.images)

    def source(self, index: int) -> Source:
        known = len(self.uv) if self.agrees[index] else POINTS + INNER
        return Source(self.images[index], self.points[index, :known], self.uv[:known], STYLES.index("photo"), self.positions[index, :known])


def describe(source: Source, yaw: float) -> tuple[float, float, bool, float]:
    """Of a picture of yaw degrees what `sections` groups by: its tone (ITA, degrees or NaN), yaw, whether it is grey, how far its mouth is open."""
    skin = list(BARE_SKIN)
    seen = np.ones(len(skin), bool) if source.visible is None else source.visible[skin]
    opened = parted(source.position) - parted(mean_points(source.uv))
    return typology_angle(source.image, source.points[skin], seen), yaw, grey(source.image), opened


def on_face(uv: np.ndarray) -> np.ndarray:
    """Whether each uv [K, 2] lies within FaceMesh's outline."""
    return Delaunay(read_layout("facemesh468")).find_simplex(uv) >= 0


@functools.cache
def position_map() -> np.ndarray:
    return np.load(POSITION_MAP)


def mean_points(uv: np.ndarray) -> np.ndarray:
    """The mean face [K, 3] m at uv [K, 2], bilinear in the position map."""
    grid = position_map()
    pixel = (uv * [len(grid), -len(grid)] + [0, len(grid)] - 0.5).astype(np.float32)
    return cv2.remap(grid, pixel[:, :1], pixel[:, 1:], cv2.INTER_LINEAR)[:, 0]


def similarities(source: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scale [n], rotation [n, 3, 3], translation [n, 3] that bring each source [n, K, 3] onto target [K, 3] (Umeyama 1991)."""
    centre = source.mean(1, keepdims=True)
    a, b = source - centre, target - target.mean(0)
    u, s, vt = np.linalg.svd(np.einsum("kx,nky->nxy", b, a))
    sign = np.ones_like(s)
    sign[:, 2] = np.sign(np.linalg.det(u @ vt))
    rotation = (u * sign[:, None]) @ vt
    scale = (s * sign).sum(1) / (a**2).sum((1, 2))
    return scale, rotation, target.mean(0) - scale[:, None] * (rotation @ centre.transpose(0, 2, 1))[..., 0]


class Renders:
    """The rendered heads of a folder of shards, whose pictures stay on the disk.

    A photo tells neither a head's size nor where its canonical axes lie, so each head is moved, turned and
    scaled to the mean one by its upper face, which expressions leave alone; its pose is changed to match.
    """

    def __init__(self, folder: Path, limit: int | None = None):
        shards = []
        for path in sorted(folder.glob("shard-*.npz")):
            with np.load(path) as archive:
                keys = ("position", "visible", "rotation", "translation", "focal_mm", "present", "head", "identity", "expression")
                shard = {key: archive[key] for key in keys if key in archive}
            shards.append(shard | {"image": np.asarray(np.load(path.with_suffix(".npy"), mmap_mode="r"))})
            if limit and sum(len(shard["image"]) for shard in shards) >= limit:
                break
        with np.load(folder / "queries.npz") as archive:
            pool = archive["uv"]  # [K, 2]: spread over C, then ict68, then facemesh468
        count = len(pool)
        mesh, inner = np.arange(count - POINTS, count), np.arange(count - POINTS - INNER, count - POINTS)
        order = np.concatenate([mesh, inner, np.arange(count - POINTS - INNER)])
        self.uv = pool[order].astype(np.float32)
        self.order = order
        steady = np.flatnonzero(pool[:, 1] > STEADY_V)[::3]
        for shard in shards:
            position = shard["position"].astype(np.float32)
            scale, turn, shift = similarities(position[:, steady], mean_points(pool[steady]))
            shard["position"] = (scale[:, None, None] * position @ turn.transpose(0, 2, 1) + shift[:, None]).astype(np.float16)[:, order]
            shard["visible"] = np.unpackbits(shard["visible"], axis=1, count=count).astype(bool)[:, order]
            shard["rotation"] = shard["rotation"] @ turn.transpose(0, 2, 1)
            shard["translation"] = scale[:, None] * shard["translation"] - (shard["rotation"] @ shift[..., None])[..., 0]
        self.shards = shards
        self.present, self.absent = [], []
        for s, shard in enumerate(shards):
            for i, present in enumerate(shard["present"]):
                (self.present if present else self.absent).append((s, i))
        forward = [shards[s]["rotation"][i, 2, 2] for s, i in self.present]
        self.turned = np.flatnonzero(np.array(forward) < TURNED)
        views = {}
        for index, (s, i) in enumerate(self.present):
            if "head" in shards[s]:
                views.setdefault(int(shards[s]["head"][i]), []).append(index)
        self.heads = [indices for indices in views.values() if len(indices) > 1]  # of several views

    def __len__(self):
        return len(self.present)

    def source(self, index: int) -> Source:
        return self._source(*self.present[index])

    def builds(self) -> Builds:
        """How build moves this pool's points, by some of the heads."""
        chosen = self.present[:: -(-len(self.present) // HEADS)]
        return Builds(self.uv, *(np.stack([self.shards[s][key][i] for s, i in chosen]).astype(np.float32) for key in ("identity", "expression", "position")))

    def faceless(self, index: int) -> Source:
        """A picture without a face; its points say where one would be, were the head turned or in the frame."""
        return self._source(*self.absent[index])

    def _source(self, s: int, i: int) -> Source:
        shard = self.shards[s]
        position = shard["position"][i].astype(np.float32)
        rotation, translation, focal_mm = shard["rotation"][i], shard["translation"][i], float(shard["focal_mm"][i])
        points = ((project(position, rotation, translation, focal_mm) + 1) * (shard["image"].shape[1] / 2)).astype(np.float32)
        return Source(shard["image"][i], points, self.uv, STYLES.index("render"), position, rotation, translation, focal_mm, shard["visible"][i])


def column(folder: Path, name: str) -> np.ndarray:
    """An array of all shards of a folder, [N, ...], in the order of `Renders`."""
    found = []
    for path in sorted(folder.glob("shard-*.npz")):
        with np.load(path) as archive:
            found.append(archive[name])
    return np.concatenate(found)


def to_square(image: np.ndarray) -> np.ndarray:
    """The affine [2, 3] from pixels to [-1, 1] of the square-padded image."""
    height, width = image.shape[:2]
    size = max(height, width)
    return np.array([[2 / size, 0, -width / size], [0, 2 / size, -height / size]])


def compose(outer: np.ndarray, inner: np.ndarray) -> np.ndarray:
    result = outer[:, :2] @ inner
    result[:, 2] += outer[:, 2]
    return result


def warp(image: np.ndarray, affine: np.ndarray, size: int, onto: np.ndarray | None = None) -> np.ndarray:
    """`image` through `affine` (source px to output px, centres at half-integers) to [size, size, 3]."""
    scale = np.sqrt(abs(np.linalg.det(affine[:, :2])))
    if scale < 0.6:  # minify first: bilinear sampling alone would alias
        width, height = (max(8, round(n * scale * 1.3)) for n in (image.shape[1], image.shape[0]))
        affine = affine @ np.diag([image.shape[1] / width, image.shape[0] / height, 1])
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    matrix = affine.copy()
    matrix[:, 2] += affine[:, :2] @ [0.5, 0.5] - 0.5  # OpenCV's pixel centres are integers
    if onto is None:
        return cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR)
    return cv2.warpAffine(image, matrix, (size, size), dst=onto, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_TRANSPARENT)


def to_pixels(size: int) -> np.ndarray:
    return np.array([[size / 2, 0, size / 2], [0, size / 2, size / 2]])


def label_theta(points: np.ndarray) -> np.ndarray:
    """The crop [2, 3] that S is first taught, for points whose first 468 are FaceMesh's."""
    mesh = points[:POINTS]
    return face_theta(mesh, mesh[EYES].mean(0), mesh[MOUTH].mean(0))


def pose_in_crop(source: Source, theta: np.ndarray) -> tuple[np.ndarray, float]:
    """Rotation [3, 3] of the head in the pinhole camera that best stands for crop `theta`, and its distance m.

    That camera is the photo's, turned to look at the crop's centre and rolled with the crop.
    """
    gain = 2 * source.focal_mm / SENSOR_MM
    forward = np.array([theta[0, 2] / gain, -theta[1, 2] / gain, -1])
    forward /= np.linalg.norm(forward)
    side = np.cross(forward, [0, 1, 0])
    side /= np.linalg.norm(side)
    look = np.stack([side, np.cross(side, forward), -forward])
    roll = np.arctan2(theta[1, 0] - theta[0, 1], theta[0, 0] + theta[1, 1])  # of the crop in the image, v down
    cosine, sine = np.cos(roll), np.sin(roll)
    turn = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]]) @ look
    return turn @ source.rotation, float(-(turn @ source.translation)[2])


@functools.cache
def anchored() -> tuple[np.ndarray, np.ndarray]:
    """The anchors, and what each of a source's first points becomes in a mirror."""
    return chosen(), mirror_order(known_uv())


def mirrored(source: Source) -> Source:
    """The source in a mirror; its first points, whose uv are symmetric, stay in their order."""
    flip = np.diag([-1.0, 1, 1]).astype(np.float32)
    swapped = anchored()[1]
    order = np.concatenate([swapped, np.arange(len(swapped), len(source.uv))])
    points = source.points[order] * [-1, 1] + [source.image.shape[1], 0]
    head = source.image[:, ::-1], points, source.uv[order] * [-1, 1] + [1, 0], source.style, source.position[order] @ flip
    if source.rotation is None:
        return Source(*head)
    return Source(*head, flip @ source.rotation @ flip, flip @ source.translation, source.focal_mm, source.visible[order])


class Samples:
    """Draws augmented samples from both datasets; `plain_share` of the crops keep their colours, sharpness and noise, and
    `morph_share` of all sources become other heads."""

    def __init__(self, photos: Photos, renders: Renders | None, face_size: int, render_share: float = 0.45, plain_share: float = 0.0, morph_share: float = 0.0):
        self.photos, self.renders, self.face_size = photos, renders, face_size
        self.render_share, self.plain_share, self.morph_share = render_share if renders else 0.0, plain_share, morph_share if renders else 0.0
        self.chances = photos.chance.cumsum()
        if self.morph_share:
            builds = renders.builds()
            self.builds = {"render": builds.modes, "photo": builds.at(photos.uv)}

    def draw(self, random: np.random.Generator) -> Source:
        """A source, perhaps morphed, perhaps mirrored."""
        if random.random() < self.render_share:
            turned = self.renders.turned if random.random() < TURNED_SHARE else range(len(self.renders))
            source = self.renders.source(int(turned[random.integers(len(turned))]))
        else:
            source = self.photos.source(min(int(np.searchsorted(self.chances, random.random())), len(self.photos) - 1))
        source, = self.varied([source], random)
        return source

    def varied(self, sources: list[Source], random: np.random.Generator) -> list[Source]:
        """Sources of one head, perhaps morphed alike, perhaps mirrored."""
        if random.random() < self.morph_share:
            weights = drawn(random)
            sources = [morphed(source, self.builds[STYLES[source.style]], weights, random) for source in sources]
        return [mirrored(source) for source in sources] if random.random() < 0.5 else sources

    def choose(self, source: Source, random: np.random.Generator) -> np.ndarray:
        others = random.integers(0, len(source.points), QUERIES - INNER)
        return np.concatenate([np.arange(POINTS, POINTS + INNER), others])

    def crop(self, random: np.random.Generator, negative_share: float = NEGATIVE_SHARE) -> dict:
        """A face image with its labels in I'; `negative_share` of them show no face, or a part of one."""
        source = self.draw(random)
        return self.cropped(source, self.choose(source, random), random, random.random() < negative_share)

    def pair(self, random: np.random.Generator) -> list[dict]:
        """`crop` of two views of one head, with the same queries, neither or both morphed and mirrored."""
        views = random.choice(self.renders.heads[random.integers(len(self.renders.heads))], 2, replace=False)
        sources = self.varied([self.renders.source(int(view)) for view in views], random)
        chosen = self.choose(sources[0], random)
        return [self.cropped(source, chosen, random) for source in sources]

    def cropped(self, source: Source, chosen: np.ndarray, random: np.random.Generator, negative: bool = False) -> dict:
        square = to_square(source.image)
        theta = label_theta(apply(square, source.points))
        if negative:
            image = self.faceless(random, source, theta)
        else:
            theta = misplaced(theta, apply(square, source.points[:POINTS]), random)
            into = compose(to_pixels(self.face_size), compose(invert(theta), square))
            image = warp(source.image, into, self.face_size)
            if source.rotation is None and random.random() < RECOLOURED_SHARE:
                image = recolour(image, apply(into, source.points[list(BARE_SKIN)]), random)
        image = image if random.random() < self.plain_share else photometric(image, random)
        return {"face": image, **self.labels(source, chosen, theta, compose(invert(theta), square)), "present": not negative}

    def labels(self, source: Source, chosen: np.ndarray, theta: np.ndarray, place: np.ndarray) -> dict:
        """Of the chosen points of the source, whose pixels `place` [2, 3] brings to the labels' space, and its pose in crop theta."""
        solid = source.rotation is not None
        rotation, distance = pose_in_crop(source, theta) if solid else (np.eye(3), 1.0)
        return {"uv": source.uv[chosen], "style": np.eye(len(STYLES))[source.style], "solid": solid, "position": source.position[chosen],
                "rotation": rotation, "distance": distance, "points": apply(place, source.points[chosen]), "anchors": apply(place, source.points[anchored()[0]])}

    def faceless(self, random: np.random.Generator, source: Source, theta: np.ndarray) -> np.ndarray:
        """[face_size, face_size, 3] without a whole face, of a kind of FACELESS; where there are no negative renders, of another."""
        size, kind = self.face_size, random.choice(list(FACELESS), p=list(FACELESS.values()))
        if kind in ("render", "back"):
            if self.renders and self.renders.absent:
                return self.negative(random, kind == "back")
            kind = "beside"
        if kind in ("beside", "part"):
            away, half = theta.copy(), np.linalg.norm(theta[:, 0])
            if kind == "beside":
                angle = random.uniform(0, 2 * np.pi)
                away[:, :2] *= random.uniform(0.4, 1.3)
                away[:, 2] += half * random.uniform(1.1, 2.5) * np.array([np.cos(angle), np.sin(angle)])
            else:
                away[:, :2] *= random.uniform(0.12, 0.55)
                away[:, 2] += half * random.uniform(-0.9, 0.9, 2)
            return warp(source.image, compose(to_pixels(size), compose(invert(away), to_square(source.image))), size, backdrop(size, random))
        if kind == "shuffled":
            face = warp(source.image, compose(to_pixels(size), compose(invert(theta), to_square(source.image))), size)
            tiles = face.reshape(4, size // 4, 4, size // 4, 3).swapaxes(1, 2).reshape(16, size // 4, size // 4, 3)
            tiles = tiles[random.permutation(16)]
            return np.ascontiguousarray(tiles.reshape(4, 4, size // 4, size // 4, 3).swapaxes(1, 2).reshape(size, size, 3))
        return backdrop(size, random)

    def negative(self, random: np.random.Generator, back: bool) -> np.ndarray:
        """A crop of a render without a face, [face_size, face_size, 3]: any, or, if it is in the frame, the head's `back` as a look
        around frames it."""
        absent = self.renders.faceless(int(random.integers(len(self.renders.absent))))
        square = to_square(absent.image)
        theta = label_theta(apply(square, absent.points))
        if back and np.abs(theta[:, 2]).max() < 1:
            theta = jitter(theta, random, random.uniform(0.15, FAR[1]))
        else:
            theta = random.uniform(0.5, 1) * np.eye(2, 3)
            theta[:, 2] = random.uniform(-1, 1, 2) * (1 - theta[0, 0])
        return warp(absent.image, compose(to_pixels(self.face_size), compose(invert(theta), square)), self.face_size)

    def picture(self, random: np.random.Generator, size: int = PICTURE_SIZE, negative_share: float = 0.0) -> dict:
        """A square picture with the face anywhere, and its labels in the picture; `negative_share` of them have no face."""
        source = self.draw(random)
        chosen = self.choose(source, random)
        square = to_square(source.image)
        theta = label_theta(apply(square, source.points))
        if random.random() < negative_share:
            image = cv2.resize(self.faceless(random, source, theta), (size, size))
            return {"face": photometric(image, random), **self.labels(source, chosen, theta, square), "theta": theta, "present": False}
        place = placement(theta, source, random)
        letterboxed = place[0, 0] == 1 and random.random() < 0.7
        onto = np.zeros((size, size, 3), np.uint8) if letterboxed else backdrop(size, random)
        image = warp(source.image, compose(to_pixels(size), compose(place, square)), size, onto)
        theta = label_theta(apply(compose(place, square), source.points))
        labels = self.labels(source, chosen, compose(invert(place), theta), compose(place, square))
        return {"face": photometric(image, random), **labels, "theta": theta, "present": True}


def jitter(theta: np.ndarray, random: np.random.Generator, amount: float = 1.0) -> np.ndarray:
    """A crop [2, 3] near `theta`, as S would find it: scale, place, roll and a little aspect and shear."""
    angle, scale = amount * random.normal(0, 0.14), np.exp(amount * random.normal(0, 0.13))
    aspect, shear = amount * random.normal(0, 0.035, 2)
    cosine, sine = np.cos(angle), np.sin(angle)
    local = scale * np.array([[cosine, -sine], [sine, cosine]]) @ np.array([[1 + aspect, shear], [0, 1 - aspect]])
    return compose(theta, np.c_[local, amount * random.normal(0, 0.1, 2)])


def misplaced(theta: np.ndarray, points: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A crop [2, 3] as far from `theta` as S is with its second look; now and then as far as where S was wrong, if it still
    holds most of the face's points [K, 2]: F then says where to look again."""
    if random.random() < FAR_SHARE:
        far = jitter(theta, random, random.uniform(*FAR))
        if (np.abs(apply(invert(far), points)).max(1) < 1).mean() > FAR_HELD:
            return far
    return jitter(theta, random, random.uniform(0.15, 0.75))


def placement(theta: np.ndarray, source: Source, random: np.random.Generator) -> np.ndarray:
    """Where the source's square goes in the picture: [2, 3], from [-1, 1] to [-1, 1]."""
    kind = random.random()
    if kind < (0.2 if source.rotation is None else 0.35):
        return np.array([[1.0, 0, 0], [0, 1.0, 0]])  # as it is, letterboxed
    if kind < 0.6:  # as a second look sees it
        first = jitter(theta, random, 1.5)
        first[:, :2] *= SECOND_LOOK_ZOOM
        return invert(first)
    half = np.linalg.norm(theta[:, 0]) / MARGIN * 1.05  # of the face alone
    wanted = np.exp(random.uniform(np.log(0.08), np.log(1.0)))
    scale = np.clip(wanted / half, 0.16, 2.5)
    angle = random.uniform(-1.05, 1.05) if random.random() < 0.3 else random.normal(0, 0.3)
    matrix = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    room = max(0.0, 1 - 0.8 * half * scale)
    return np.c_[matrix, random.uniform(-room, room, 2) - matrix @ theta[:, 2]]


class Stream(IterableDataset):
    """Batches of `kind` ("crop" or "picture") without end, a different seed for each worker. They begin with `pairs` of views of
    one head; `paired` [batch] says of each sample whether it is of those."""

    def __init__(self, samples: Samples, kind: str, batch: int, seed: int, pairs: int = 0, **options):
        self.samples, self.kind, self.batch, self.seed, self.pairs, self.options = samples, kind, batch, seed, pairs, options

    def __iter__(self):
        cv2.setNumThreads(0)
        worker = torch.utils.data.get_worker_info()
        random = np.random.default_rng((self.seed, worker.id if worker else 0))
        draw = getattr(self.samples, self.kind)
        while True:
            views = [view for _ in range(self.pairs) for view in self.samples.pair(random)]
            others = [draw(random, **self.options) for _ in range(self.batch - len(views))]
            yield collate(views + others) | {"paired": torch.arange(self.batch) < len(views)}


def collate(samples: list[dict]) -> dict:
    return {key: torch.from_numpy(np.stack([np.asarray(sample[key], np.uint8 if key == "face" else np.float32) for sample in samples]))
            for key in samples[0]}
