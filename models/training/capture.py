"""Command `capture`: a synthetic subject photographed from four sides, with everything that a fit should find.

Writes view photos (JPEG), truth.obj (the `mid` topology with the subject's own positions, head space),
texture.png (the atlas it wears) and truth.json: per view image, rotation [9], translation [3] m and focalMm of
the centred pinhole camera of the whole square picture (so theta is the identity).
"""
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from . import topology
from .canonical import Canonical
from .heads import HeadSampler, turn
from .normals import VertexNormals
from .raster import Renderer, render_unlit
from .skin import paint_skin, texel_points

SIZE = 2048
FOCAL_MM = 70.0
DISTANCE_M = 0.66
VIEWS = {"front": (0, 0), "left": (38, 2), "right": (-38, 2), "above": (6, 24)}  # yaw, pitch in degrees
SEED = 15
TEXTURE_SIZE = 1024
LIGHTS = (((0.6, 0.7, 0.9), 0.62), ((-0.9, 0.2, 0.6), 0.22), ((0, -0.3, 1), 0.12))  # direction in head space, power
BACKDROP = np.array([0.46, 0.47, 0.48]) * 255


def paint(canonical: Canonical, random: np.random.Generator) -> np.ndarray:
    """A painted skin with eyes on the caps, uint8 [1024, 1024, 3] RGB."""
    size, four = TEXTURE_SIZE, TEXTURE_SIZE * 4  # drawn large, for soft edges
    atlas = cv2.resize(paint_skin(canonical.ict, canonical.uv, random).atlas, (four, four), interpolation=cv2.INTER_CUBIC)
    rims = {name: np.round(texel_points(canonical.uv[loop], four)).astype(np.int32) for name, loop in canonical.surface.rims.items()}
    cv2.fillPoly(atlas, [rims["mouth"]], (120, 96, 88))
    for name in ("left_eye", "right_eye"):
        cv2.fillPoly(atlas, [rims[name]], (198, 188, 180))
        centre = np.round(rims[name].mean(0)).astype(int).tolist()
        for radius, colour in ((0.029, (52, 40, 30)), (0.026, (112, 84, 52)), (0.012, (14, 12, 12))):
            cv2.circle(atlas, centre, round(radius * four), colour, -1)
        cv2.circle(atlas, [centre[0] - four // 100, centre[1] - four // 90], four // 250, (235, 235, 235), -1)
    return cv2.resize(atlas, (size, size), interpolation=cv2.INTER_AREA)


def light(canonical: Canonical, vertices: np.ndarray) -> np.ndarray:
    """What a studio's soft lights leave of each texel [1024, 1024, 1], in sRGB's own scale; they stand still as the head does."""
    normals = VertexNormals(canonical.surface.triangles, len(vertices))(vertices)
    half = TEXTURE_SIZE // 2  # light is smooth
    centre = (np.arange(half) + 0.5) / half
    uv = np.stack(np.meshgrid(centre, 1 - centre), -1).reshape(-1, 2)
    normal = canonical.points(normals[None], *canonical.locate(uv))[0]
    shade = 0.3 + 0.16 * normal[:, 1]
    for direction, power in LIGHTS:
        shade += power * np.maximum(normal @ (np.array(direction) / np.linalg.norm(direction)), 0)
    shade = cv2.resize(np.sqrt(shade).reshape(half, half), (TEXTURE_SIZE, TEXTURE_SIZE), interpolation=cv2.INTER_CUBIC)
    return shade[..., None]


def add_arguments(parser) -> None:
    parser.add_argument("--ict", required=True, help="ict_face_model.npz")
    parser.add_argument("--output", type=Path, required=True)


def run(arguments) -> None:
    canonical = Canonical.build(arguments.ict)
    random = np.random.default_rng(SEED)
    renderer = Renderer(canonical)
    head = HeadSampler(canonical.ict).sample(random)
    # Neutral, as studios take the first capture of a subject.
    head = replace(head, identity=random.normal(0, 0.8, 100), expression=np.zeros(len(canonical.ict.expression_names)))
    mesh = topology.mid(canonical)
    vertices = canonical.surface.vertices(renderer.vertices(head.identity[None], head.expression[None]))
    positions = canonical.points(vertices, *canonical.locate(mesh.uv))[0]
    atlas = np.clip(paint(canonical, random) * light(canonical, vertices[0]), 0, 255).astype(np.uint8)
    triangles = np.concatenate([mesh.quads[:, [0, 1, 2]], mesh.quads[:, [0, 2, 3]]])

    arguments.output.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(arguments.output / "texture.png"), atlas[..., ::-1])
    topology.write_obj(arguments.output / "truth.obj", mesh, positions)
    views = []
    for name, (yaw, pitch) in VIEWS.items():
        rotation = turn(0, np.radians(pitch)) @ turn(1, np.radians(yaw))
        translation = np.array([0, 0, -DISTANCE_M]) - rotation @ positions.mean(0)
        colour, cover = render_unlit(renderer, positions, triangles, mesh.uv[triangles], atlas, rotation, translation, FOCAL_MM, SIZE)
        shade = BACKDROP * (1.05 - 0.25 * np.linspace(0, 1, SIZE)[:, None, None])
        picture = colour * cover[..., None] + shade * (1 - cover[..., None])
        cv2.imwrite(str(arguments.output / f"{name}.jpg"), np.round(picture)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 96])
        views.append({"image": f"{name}.jpg", "rotation": rotation.ravel().tolist(), "translation": translation.tolist(), "focalMm": FOCAL_MM})
    (arguments.output / "truth.json").write_text(json.dumps({"topology": "truth.obj", "texture": "texture.png", "views": views}, indent=2) + "\n")
