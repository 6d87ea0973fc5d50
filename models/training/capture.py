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
from .raster import Renderer, render_unlit

SIZE = 1024
FOCAL_MM = 70.0
DISTANCE_M = 0.72
VIEWS = {"front": (0, 0), "left": (38, 2), "right": (-38, 2), "above": (6, 24)}  # yaw, pitch in degrees
SEED = 8
BACKDROP = np.array([0.46, 0.47, 0.48]) * 255


def add_arguments(parser) -> None:
    parser.add_argument("--ict", required=True, help="ict_face_model.npz")
    parser.add_argument("--atlas", type=Path, required=True, help="the texture that the subject wears, v up, any size")
    parser.add_argument("--output", type=Path, required=True)


def run(arguments) -> None:
    canonical = Canonical.build(arguments.ict)
    random = np.random.default_rng(SEED)
    renderer = Renderer(canonical)
    head = HeadSampler(canonical.ict).sample(random)
    head = replace(head, identity=random.normal(0, 0.8, 100), expression=head.expression * 0)
    mesh = topology.mid(canonical)
    vertices = canonical.surface.vertices(renderer.vertices(head.identity[None], head.expression[None]))
    positions = canonical.points(vertices, *canonical.locate(mesh.uv))[0]
    triangles = np.concatenate([mesh.quads[:, [0, 1, 2]], mesh.quads[:, [0, 2, 3]]])
    atlas = cv2.imread(str(arguments.atlas), cv2.IMREAD_COLOR)[..., ::-1]

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
