"""Command `render`: the `render` dataset, synthetic heads with exact labels, in shards.

A shard is N samples in two files. The .npy has their pictures, uint8 [N, 288, 288, 3] sRGB, which training reads from the disk
as it draws them. The .npz has present bool [N] (false: there is no face, and the rest of the record means nothing);
rotation [N, 3, 3], translation [N, 3] m and focal_mm [N] of the camera x_camera = R x_head + T; identity [N, 100],
expression [N, 57], gaze [N, 2] rad; position float16 [N, K, 3] m, the canonical position of each query of the pool;
visible uint8 [N, ceil(K / 8)], packed bits; seed int64 [N]. The pool is queries.npz beside the shards: uv [K, 2],
triangle [K], barycentric [K, 3], and the first index of each part of it in `parts`.

With --views 4, each head is photographed by four cameras, as it is: skin, hair and dress too, under the same lights of the
camera's. Its samples follow each other, the first from the front, the last in profile, and `head` int64 [N] says whose they are;
`visible_bare`, as `visible`, is what the head alone would show, without hair, dress and things before it.
With --frames 60, each shard is a film of one head that moves and speaks smoothly, at 30 frames a second.
"""
import argparse
import json
import logging
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from .canonical import Canonical, read_layout
from .heads import FACE_CENTRE, FACE_HEIGHT, SENSOR_MM, Head, HeadSampler, project, turn
from .raster import Renderer, Scene
from .skin import PaintedSkins, SkinLibrary
from .surroundings import Backgrounds
from .wardrobe import Wardrobe

log = logging.getLogger(__name__)

IMAGE_SIZE = 288
SHARD_SAMPLES = 256
BATCH = 32  # heads whose vertices one matrix product makes
NEGATIVES = 0.04
KINDS = ("face", "behind", "headless", "scene")  # all but the first without a face
BACKGROUNDS = 1200
VIEW_YAWS = ((0, 10), (20, 40), (45, 60), (70, 90))  # degrees, without sign, of a head's views
FRAME_RATE, KEY_FRAMES = 30, 20  # of a film: frames a second; from one expression to the next
FILM_TURNS = (7, 18, 5)  # degrees, standard deviation of pitch, yaw and roll
POOL_SIZE, POOL_SEED = 4096, 0
SPLITS = {"training": 1, "validation": 2}  # the first word of every sample's seed


def query_pool(canonical: Canonical) -> np.ndarray:
    """uv [K, 2]: POOL_SIZE spread over the chart, then the layouts ict68 and facemesh468."""
    return np.concatenate([canonical.sample(POOL_SIZE, POOL_SEED), read_layout("ict68"), read_layout("facemesh468")])


class Studio:
    """Makes samples of one split. Every sample depends on its seed alone."""

    def __init__(self, canonical: Canonical, skins: SkinLibrary | PaintedSkins, split: str, size: int = IMAGE_SIZE, negatives: float = NEGATIVES):
        self.renderer = Renderer(canonical, size)
        self.heads, self.wardrobe, self.skins = HeadSampler(canonical.ict), Wardrobe(self.renderer), skins
        self.backgrounds = Backgrounds(size, skins.backgrounds(BACKGROUNDS))
        self.split, self.negatives = SPLITS[split], negatives
        self.uv = query_pool(canonical)
        self.triangle, self.barycentric = canonical.locate(self.uv)

    def samples(self, seeds):
        """Yields a record (see above, without the leading N) for each seed."""
        for first in range(0, len(seeds), BATCH):
            generators = [np.random.default_rng([self.split, seed]) for seed in seeds[first:first + BATCH]]
            absent = self.negatives
            kinds = [rng.choice(KINDS, p=[1 - absent, absent / 2, absent / 4, absent / 4]) for rng in generators]
            heads = [self._head(rng, kind) for rng, kind in zip(generators, kinds)]
            vertices = self.renderer.vertices(np.stack([head.identity for head in heads]), np.stack([head.expression for head in heads]))
            for seed, rng, kind, head, shape in zip(seeds[first:], generators, kinds, heads, vertices):
                yield self._sample(int(seed), rng, kind, head, shape)

    def _head(self, rng, kind):
        if kind == "behind":
            return self.heads.sample(rng, yaw_degrees=(140, 180))
        head = self.heads.sample(rng)
        if kind == "headless":  # the shoulders fill the lower half and the head is out of the frame
            rotation = turn(1, rng.uniform(-np.pi, np.pi))
            distance = 0.25 * head.focal_mm / SENSOR_MM / rng.uniform(0.35, 0.8)
            chin = np.array([0, -0.16, 0]) @ rotation.T  # this comes to the frame's upper edge
            edge = np.array([rng.uniform(-0.5, 0.5), 1.0]) * distance * SENSOR_MM / (2 * head.focal_mm)
            head = replace(head, rotation=rotation, translation=np.array([*edge, -distance]) - chin)
        return head

    def _sample(self, seed, rng, kind, head, vertices):
        scene = self.wardrobe.dress(rng, vertices, self.skins.sample(rng), self.backgrounds.sample(rng))
        if kind == "scene":
            head = replace(head, translation=head.translation + [0, -50, 0])  # nobody there
        return self._photograph(seed, kind, head, scene, vertices)

    def _photograph(self, seed, kind, head, scene, vertices):
        rendering = self.renderer.render(head, scene, vertices)
        position = self.renderer.canonical.points(rendering.vertices[None], self.triangle, self.barycentric)[0]
        visible = self.renderer.visible(rendering, head, self.triangle, self.barycentric)
        return {"image": rendering.image, "present": kind == "face",
                "rotation": head.rotation.astype(np.float32), "translation": head.translation.astype(np.float32), "focal_mm": np.float32(head.focal_mm),
                "identity": head.identity, "expression": head.expression, "gaze": head.gaze.astype(np.float32),
                "position": position.astype(np.float16), "visible": np.packbits(visible), "seed": seed}

    def views(self, number: int):
        """Yields the records of one head before a camera of each of VIEW_YAWS. It depends on the head's number alone."""
        rng = np.random.default_rng([self.split, len(VIEW_YAWS), number])
        head = self.heads.sample(rng)
        vertices = self.renderer.vertices(head.identity[None], head.expression[None])[0]
        scene = self.wardrobe.dress(rng, vertices, self.skins.sample(rng), self.backgrounds.sample(rng))
        for view, yaw in enumerate(VIEW_YAWS):
            rotation, translation, focal_mm = self.heads.camera(rng, yaw)
            head = replace(head, rotation=rotation, translation=translation, focal_mm=focal_mm)
            bare = self.renderer.render(head, Scene(scene.skin, scene.tone), vertices)
            visible = self.renderer.visible(bare, head, self.triangle, self.barycentric)
            yield self._photograph(number * len(VIEW_YAWS) + view, "face", head, scene, vertices) | {"head": number, "visible_bare": np.packbits(visible)}

    def film(self, number: int, frames: int, zoom: float = 1.0):
        """Yields the records of one head that turns, moves and changes its expression, before a lens whose focal length becomes
        `zoom` times what it was. It depends on these alone."""
        rng = np.random.default_rng([self.split, 0, number, frames])
        identity = self.heads.sample(rng).identity
        keys = np.stack([self.heads.expression(rng) for _ in range(2 + frames // KEY_FRAMES)])
        at = np.arange(frames) / KEY_FRAMES
        share = 0.5 - 0.5 * np.cos(np.pi * (at % 1))[:, None]
        expression = (keys[at.astype(int)] * (1 - share) + keys[at.astype(int) + 1] * share).astype(np.float32)
        gaze = wander(rng, frames, np.radians([12, 6]))
        for face, look in zip(expression, gaze):
            self.heads.look(face, look)
        turns = wander(rng, frames, np.radians(FILM_TURNS)) + np.radians([0, rng.uniform(-25, 25), 0])
        focal_mm, size = np.exp(rng.uniform(np.log(30), np.log(90))), rng.uniform(0.35, 0.7)  # size: of the face in the frame
        distance = FACE_HEIGHT * focal_mm / (SENSOR_MM * size) * np.exp(wander(rng, frames, np.array([0.06]))[:, 0])
        focal_mm = focal_mm * zoom ** np.linspace(0, 1, frames)
        place = wander(rng, frames, np.array([0.12, 0.08])) * SENSOR_MM / (2 * focal_mm[:, None])
        skin, background, dress = self.skins.sample(rng), self.backgrounds.sample(rng), rng.integers(1 << 32)
        vertices = self.renderer.vertices(np.repeat(identity[None], frames, 0), expression)
        for frame in range(frames):
            rotation = turn(2, turns[frame, 2]) @ turn(0, turns[frame, 0]) @ turn(1, turns[frame, 1])
            translation = distance[frame] * np.array([*place[frame], -1]) - rotation @ FACE_CENTRE
            head = Head(identity, expression[frame], gaze[frame], rotation, translation, float(focal_mm[frame]))
            scene = self.wardrobe.dress(np.random.default_rng(dress), vertices[frame], skin, background)  # the same each frame
            yield self._photograph(number * frames + frame, "face", head, scene, vertices[frame]) | {"film": number}


def wander(rng: np.random.Generator, frames: int, deviation: np.ndarray) -> np.ndarray:
    """Smooth random paths [frames, n] of standard deviations [n]: three slow waves each, the fastest of 0.9 Hz."""
    frequency = rng.uniform(0.15, 0.9, (3, len(deviation)))
    phase = rng.uniform(0, 2 * np.pi, (3, len(deviation)))
    waves = np.sin(2 * np.pi * frequency * np.arange(frames)[:, None, None] / FRAME_RATE + phase)
    return waves.sum(1) * np.sqrt(2 / 3) * deviation


def open_studio(ict: Path, labels: Path, portraits: Path, split: str, cache: Path, negatives: float = NEGATIVES) -> Studio:
    """The renderer with the skins and backgrounds of one split's portraits; the skins are kept in the folder `cache`."""
    cache.mkdir(parents=True, exist_ok=True)
    canonical = Canonical.build(ict)
    with np.load(labels) as archive:
        archive = {name: archive[name] for name in ("names", "landmarks", "std", "interocular", "grey", "yaw", "validation", "faces")}
    skins = SkinLibrary(canonical.ict, canonical.uv, read_layout("facemesh468"), archive, portraits, split == "validation", cache)
    return Studio(canonical, skins, split, negatives=negatives)


def produce(studio: Studio, output: Path, shards: range, views: int = 1, frames: int = 0, zoom: float = 1.0, samples: int = SHARD_SAMPLES) -> None:
    """Writes the shards that are not there yet. One whose .npz is there, which is written last, is whole."""
    heads = samples // views
    output.mkdir(parents=True, exist_ok=True)
    queries = output / "queries.npz"
    if not queries.exists():
        np.savez(queries, uv=studio.uv.astype(np.float32), triangle=studio.triangle, barycentric=studio.barycentric.astype(np.float32),
                 parts=np.array([0, POOL_SIZE, POOL_SIZE + 68]))
    for shard in shards:
        path = output / f"shard-{shard:04d}.npz"
        pictures = path.with_suffix(".npy")
        if path.exists() and pictures.exists():
            continue
        started = time.time()
        numbers = range(shard * heads, (shard + 1) * heads)
        if frames:
            records = list(studio.film(shard, frames, zoom))
        elif views > 1:
            records = [record for number in numbers for record in studio.views(number)]
        else:
            records = list(studio.samples(numbers))
        np.save(pictures, np.stack([record.pop("image") for record in records]))
        partial = path.with_suffix(".partial.npz")
        np.savez(partial, **{name: np.stack([record[name] for record in records]) for name in records[0]})
        partial.rename(path)
        log.info("%s: %.0f ms a sample", path.name, (time.time() - started) / len(records) * 1000)


def contact_sheet(studio: Studio, seeds, columns: int = 6) -> np.ndarray:
    """Samples side by side, every second one with its iBUG points drawn (green: seen): uint8 RGB."""
    tiles = []
    for number, record in enumerate(studio.samples(list(seeds))):
        tile = record["image"].copy()
        if number % 2 and record["present"]:
            points = slice(POOL_SIZE, POOL_SIZE + 68)
            positions = record["position"][points].astype(np.float64)
            pixels = (project(positions, record["rotation"], record["translation"], record["focal_mm"]) + 1) / 2 * IMAGE_SIZE
            for pixel, seen in zip(pixels, np.unpackbits(record["visible"])[points]):
                where = tuple(np.round(pixel * 16 - 8).astype(int).tolist())
                cv2.circle(tile, where, 20, (0, 255, 0) if seen else (255, 0, 0), -1, cv2.LINE_AA, 4)
        tiles.append(tile)
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % columns)
    return np.vstack([np.hstack(tiles[i:i + columns]) for i in range(0, len(tiles), columns)])


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--ict", type=Path, required=True, help="ict_face_model.npz")
    parser.add_argument("--labels", type=Path, required=True, help="the .npz that `label` wrote, for the skins")
    parser.add_argument("--portraits", type=Path, required=True, help="folder of NUMBER.jpg")
    parser.add_argument("--split", choices=SPLITS, default="training")
    parser.add_argument("--output", type=Path, required=True, help="folder of the shards")
    parser.add_argument("--shards", type=int, default=80, help=f"how many, of {SHARD_SAMPLES} samples each")
    parser.add_argument("--first-shard", type=int, default=0)
    parser.add_argument("--views", type=int, choices=(1, len(VIEW_YAWS)), default=1, help="cameras before each head")
    parser.add_argument("--frames", type=int, default=0, help="each shard is a film of so many")
    parser.add_argument("--negatives", type=float, default=NEGATIVES, help="share of the pictures that show no face")
    parser.add_argument("--look", type=Path, help="write a contact sheet of 30 samples to this PNG, and no shards")


def run(arguments: argparse.Namespace) -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    os.environ.setdefault("LP_NUM_THREADS", "0")  # Mesa's software rasteriser gains nothing from threads at this size; run a process a core
    studio = open_studio(arguments.ict, arguments.labels, arguments.portraits, arguments.split, arguments.output, arguments.negatives)
    if arguments.look:
        first = arguments.first_shard * SHARD_SAMPLES
        cv2.imwrite(str(arguments.look), contact_sheet(studio, range(first, first + 30))[..., ::-1])
        return
    revision = subprocess.run(["git", "rev-parse", "HEAD"], cwd=Path(__file__).parent, capture_output=True, text=True).stdout.strip()
    record = {"command": sys.argv, "revision": revision, "split": arguments.split, "samples": arguments.shards * (arguments.frames or SHARD_SAMPLES),
              "seeds": f"[{SPLITS[arguments.split]}, {'0, film, frames' if arguments.frames else 'views, head' if arguments.views > 1 else 'seed of the sample'}]"}
    (arguments.output / f"render-{arguments.first_shard:04d}.json").write_text(json.dumps(record, indent=2) + "\n")
    produce(studio, arguments.output, range(arguments.first_shard, arguments.first_shard + arguments.shards), arguments.views, arguments.frames)
