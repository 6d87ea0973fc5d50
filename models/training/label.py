"""Command `label`: BlazeFace and FaceMesh label a folder of portraits.

Each face is found, cropped upright, re-cropped by its own points until the crop has settled, and then
labelled with the mean over jittered and mirrored crops. What the teacher is unsure of is dropped, and what is kept
is given its canonical shape.

Pixel coordinates have their edges at integers and the pixel centres at half-integers. A crop is a 2x3
affine that maps its pixels (edges 0 and 192) to the photo's.
"""

import argparse
import json
import logging
import multiprocessing
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch

from . import blazeface, facemesh
from .canonical import read_layout
from .data import VALIDATION_EVERY, mean_points, on_face
from .facemesh import CROP_SIZE, INNER_POINTS, LEFT_INNER_EYE, LEFT_OUTER_EYE, RIGHT_INNER_EYE, RIGHT_OUTER_EYE
from .fit import fit, modes_at
from .groups import GREY_CHROMA
from .topology import TOPOLOGY, read_obj

log = logging.getLogger(__name__)

PHOTOS_AT_ONCE = 64
IMAGES_AT_ONCE = 32         # of the networks; below 16 a single thread takes PyTorch's slow path
MIRROR_PHOTOS = 128         # the mirror permutation is measured on that many

CROP_MARGIN = 1.5           # side of the crop / longer side of the face's box, as MediaPipe has it
TRACKING_ROUNDS = 2
MIN_TRACKED = 0.5           # below that face flag a face counts as lost
# (scale, shift right, shift down, roll in degrees) of the averaged crops, shifts in crop sides. Each is
# also seen mirrored, so that what the teacher does differently left and right cancels.
JITTER = [(1.00, 0.000, 0.000, 0.0), (0.92, 0.015, -0.020, 5.0),
          (1.08, -0.020, 0.015, -5.0), (1.00, 0.020, 0.020, -3.0)]

# Where a face is sought, until one is found: (side / longer side of the photo, centre across, centre down).
# BlazeFace knows faces up to about half of its image, so a tight portrait needs room around it.
WINDOWS = [(1.0, 0.5, 0.5), (1.6, 0.5, 0.5), (2.4, 0.5, 0.5), (0.6, 0.5, 0.35)]
DETECTION_SCORES = [0.5, 0.3]   # the lower one when no window has a face at the higher

OUTER_POINTS = 512          # pseudo-labels of a face: of the mesh's vertices outside FaceMesh's outline, on ears, neck and scalp

# A label is kept when ... (distances as parts of the outer eyes' distance in 3D, which a turned head keeps)
MIN_FLAG = 0.9              # the face flag, mean of the crops, is at least this
MAX_SPREAD = 0.025          # the inner points scatter at most this much over the crops
MIN_EYE_DISTANCE = 18.0     # the outer eyes are at least this many pixels apart
MIN_INSIDE = 0.95           # at least this share of the points lies in the photo
MAX_EYE_MISMATCH = 0.35     # FaceMesh and BlazeFace agree this well where the eyes are
MAX_SHAPE_ERROR = 0.065     # the points fit the mean face this well (rms)


class Found(NamedTuple):
    """What the teacher says of one photo, in pixels of the photo."""
    name: int               # the number in the file's name
    size: tuple             # width, height
    chroma: float           # mean of max - min over RGB, 0..255
    faces: int              # faces in the photo
    blaze_eyes: np.ndarray  # [2, 2], right and left, by BlazeFace
    landmarks: np.ndarray   # [468, 3]
    std: np.ndarray         # [468], rms distance in the image of the crops' points from their mean
    flag: float             # 0..1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--teacher", type=Path, required=True, help="folder of facemesh.json and blazeface-back.json")
    parser.add_argument("--portraits", type=Path, required=True, help="folder of NUMBER.jpg")
    parser.add_argument("--output", type=Path, required=True, help="the .npz to write")
    parser.add_argument("--workers", type=int, default=2, help="processes, of one thread each (default 2)")
    parser.add_argument("--limit", type=int, help="label only this many photos, spread over the folder")


def run(arguments: argparse.Namespace) -> None:
    """Writes arguments.output, and beside it a .json of how it was made.

    The archive holds, for N kept photos: names int32 [N]; landmarks float32 [N, 468, 3] in pixels of the
    photo, z at the scale of x with its zero inside the head, away from the camera; position float32 [N, 468, 3] m,
    the fitted canonical points; missing float32 [N] m, how far the fitted head was from the landmarks in the image, rms;
    outer_uv float32 [512, 2], points outside FaceMesh's outline, outer_landmarks float32 [N, 512, 2] pixels and
    outer_position float32 [N, 512, 3] m, where the fitted head has them; std float32 [N, 468] pixels; flag float32 [N] 0..1;
    size int32 [N, 2] width and height; yaw float32 [N] degrees, positive
    when the subject turns to their left; interocular float32 [N], the outer eyes' distance in the image in
    pixels; validation, grey bool [N]; faces int32 [N], how many the photo has. Also mirror int64 [468],
    the point that each becomes in the mirror, and dropped_names int32 [M], dropped_reasons str [M].
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    files = sorted(arguments.portraits.glob("*.jpg"))
    if not files:
        raise ValueError(f"'{arguments.portraits}' holds no .jpg; give the folder of the portraits.")
    if arguments.limit:
        files = files[::max(1, len(files) // arguments.limit)][:arguments.limit]
    started = time.time()
    torch.set_num_threads(1)
    teacher = Teacher(arguments.teacher)
    teacher.measure_mirror(files[::max(1, len(files) // MIRROR_PHOTOS)])
    batches = [files[first:first + PHOTOS_AT_ONCE] for first in range(0, len(files), PHOTOS_AT_ONCE)]
    found, dropped = [], {}
    # Processes of one thread rather than threads of one process: these do not wait for each other at
    # every layer, which on a shared machine costs several times the work itself.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(arguments.workers, context, _start_worker, (teacher,)) as workers:
        for done, (batch, faceless) in enumerate(workers.map(_label, batches), 1):
            found += batch
            dropped |= {name: "no face" for name in faceless}
            if done % 15 == 0:
                log.info("%d of %d photos, %.0f s", done * PHOTOS_AT_ONCE, len(files), time.time() - started)
    reasons = judge(found)
    dropped |= {face.name: reason for face, reason in zip(found, reasons) if reason}
    kept = [face for face, reason in zip(found, reasons) if not reason]

    names = np.array([face.name for face in kept], np.int32)
    landmarks = np.stack([face.landmarks for face in kept]).astype(np.float32)
    std = np.stack([face.std for face in kept]).astype(np.float32)
    interocular = np.linalg.norm(landmarks[:, LEFT_OUTER_EYE, :2] - landmarks[:, RIGHT_OUTER_EYE, :2], axis=1)
    grey = np.array([face.chroma < GREY_CHROMA for face in kept])
    faces = np.array([face.faces for face in kept], np.int32)
    mesh = read_layout("facemesh468")
    fitted, outer = fit(landmarks, mean_points(mesh), modes_at(mesh)), outer_uv()
    outer_position, outer_landmarks = fitted.elsewhere(mean_points(outer), modes_at(outer))
    validation = names % VALIDATION_EVERY == 0
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    np.savez(
        arguments.output, names=names, landmarks=landmarks, position=fitted.position.astype(np.float32), std=std, interocular=interocular, grey=grey, faces=faces,
        validation=validation, flag=np.array([face.flag for face in kept], np.float32),
        size=np.array([face.size for face in kept], np.int32), yaw=yaw(landmarks, teacher.mirror).astype(np.float32),
        mirror=teacher.mirror, missing=fitted.missing.astype(np.float32), outer_uv=outer.astype(np.float32),
        outer_landmarks=outer_landmarks.astype(np.float32), outer_position=outer_position.astype(np.float32), dropped_names=np.array(list(dropped), np.int32),
        dropped_reasons=np.array(list(dropped.values()), str))
    report = {
        "command": sys.argv, "revision": _revision(), "seed": None, "seconds": round(time.time() - started),
        "photos": len(files), "kept": len(kept), "validation": int(validation.sum()), "grey": int(grey.sum()),
        "severalFaces": int((faces > 1).sum()), "dropped": dict(Counter(dropped.values())),
        "medianFitMm": float(1000 * np.median(fitted.missing)), "medianSpread": float(np.median(std[:, INNER_POINTS].mean(1) / interocular))}
    arguments.output.with_suffix(".json").write_text(json.dumps(report, indent=2) + "\n")
    log.info("%s", report)


def outer_uv() -> np.ndarray:
    """uv [OUTER_POINTS, 2] spread over the mesh's vertices outside FaceMesh's outline."""
    uv, _ = read_obj(TOPOLOGY)
    uv = uv[~on_face(uv)]
    return uv[np.random.default_rng(0).permutation(len(uv))[:OUTER_POINTS]]


def _start_worker(teacher):
    global _teacher
    _teacher = teacher
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


def _label(files):
    return _teacher.label(files)


class Teacher:
    """BlazeFace and FaceMesh of a folder. `measure_mirror` comes before `label`."""

    def __init__(self, folder: Path):
        self.blazeface = blazeface.load(folder).to(memory_format=torch.channels_last)
        self.facemesh = facemesh.load(folder).to(memory_format=torch.channels_last)
        self.mirror = None      # [468]

    def measure_mirror(self, files) -> None:
        photos = [photo for photo in map(read, files) if photo is not None]
        crops = [crop(photo, affine, CROP_SIZE) for photo, affine, _ in self._settle(photos)]
        self.mirror = facemesh.mirror_permutation(self.facemesh, to_tensor(crops))

    def label(self, files) -> tuple:
        """The faces found in `files` and the numbers of those without."""
        photos = {int(file.stem): read(file) for file in files}
        names = [name for name, photo in photos.items() if photo is not None]
        settled = dict(zip(names, self._settle_each([photos[name] for name in names])))
        names = [name for name in names if settled[name]]
        views = [(photos[name], jittered) for name in names for jittered in _jitter(settled[name][0])]
        points, flags = self._points(views)                                 # [N * 8, 468, 3], [N * 8]
        points = points.reshape(len(names), -1, *points.shape[1:])          # [N, 8, 468, 3]
        points[:, 1::2] = points[:, 1::2, self.mirror]
        mean = points.mean(1)                                               # [N, 468, 3]
        std = np.sqrt(np.square(points - mean[:, None])[..., :2].sum(3).mean(1))    # [N, 468]
        flags = flags.reshape(len(names), -1).mean(1)                       # [N]
        found = [
            Found(name, photos[name].shape[1::-1], float(np.ptp(photos[name], axis=2).mean()), *settled[name][1:],
                  mean[i], std[i], flags[i])
            for i, name in enumerate(names)]
        return found, [name for name in photos if not settled.get(name)]

    def track(self, frames) -> np.ndarray:
        """A face through a film as MediaPipe follows it: points [T, 468, 2] px, NaN where there is none.

        A frame's crop is that of the points of the frame before; where there are none, or the face flag said no, the face
        is sought anew.
        """
        found, affine = np.full((len(frames), facemesh.POINTS, 2), np.nan), None
        for number, frame in enumerate(frames):
            if affine is None:
                settled = self._settle_each([frame])[0]
                if settled is None:
                    continue
                affine = settled[0]
            points, flags = self._points([(frame, affine)])
            found[number] = points[0, :, :2]
            affine = _tracking_affine(points[0]) if flags[0] >= MIN_TRACKED else None
        return found

    def _settle(self, photos):
        return [(photo, settled[0], settled[1]) for photo, settled in zip(photos, self._settle_each(photos)) if settled]

    def _settle_each(self, photos) -> list:
        """For each photo: (the face's crop, faces found, BlazeFace's eyes), or None without a face."""
        detected = self._detect(photos)
        seen = [i for i, faces in enumerate(detected) if faces]
        largest = {i: max(detected[i], key=lambda face: face.box[2:].prod()) for i in seen}
        affines = {i: _affine(face.box[:2], CROP_MARGIN * face.box[2:].max(), _angle(*face.keypoints[:2]))
                   for i, face in largest.items()}
        for _ in range(TRACKING_ROUNDS):
            points, _flags = self._points([(photos[i], affines[i]) for i in seen])
            affines = {i: _tracking_affine(face) for i, face in zip(seen, points)}
        return [(affines[i], len(detected[i]), largest[i].keypoints[:2]) if i in largest else None
                for i in range(len(photos))]

    def _detect(self, photos) -> list:
        """The faces of each photo, in pixels of the photo."""
        faces = [[] for _ in photos]
        for score in DETECTION_SCORES:
            for side, across, down in WINDOWS:
                pending = [i for i in range(len(photos)) if not faces[i]]
                for first in range(0, len(pending), IMAGES_AT_ONCE):
                    batch = pending[first:first + IMAGES_AT_ONCE]
                    affines = []
                    for i in batch:
                        height, width = photos[i].shape[:2]
                        affines.append(_affine(np.array([across * width, down * height]),
                                               side * max(width, height), 0, size=blazeface.IMAGE_SIZE))
                    images = [crop(photos[i], affine, blazeface.IMAGE_SIZE, cv2.BORDER_CONSTANT)
                              for i, affine in zip(batch, affines)]
                    for i, affine, found in zip(batch, affines, blazeface.detect(self.blazeface, to_tensor(images), score)):
                        faces[i] = [_in_photo(face, affine) for face in found]
        return faces

    @torch.inference_mode()
    def _points(self, views) -> tuple:
        """FaceMesh of (photo, crop) pairs: points [N, 468, 3] in pixels of the photos, face flags [N] 0..1."""
        points, flags = [], []
        for first in range(0, len(views), IMAGES_AT_ONCE):
            images = [crop(photo, affine, CROP_SIZE) for photo, affine in views[first:first + IMAGES_AT_ONCE]]
            mesh, flag = self.facemesh(to_tensor(images))
            points.append(mesh.numpy())
            flags.append(flag.sigmoid().numpy())
        if not points:
            return np.zeros((0, facemesh.POINTS, 3)), np.zeros(0)
        points, affines = np.concatenate(points).astype(np.float64), np.stack([affine for _, affine in views])
        image = points[..., :2] @ affines[:, :, :2].transpose(0, 2, 1) + affines[:, None, :, 2]
        depth = points[..., 2] * _scale(affines)[:, None]
        return np.concatenate([image, depth[..., None]], 2), np.concatenate(flags)


def judge(faces) -> list:
    """For each of the faces (Found) the reason to drop it, or None."""
    landmarks = np.stack([face.landmarks for face in faces])                # [N, 468, 3]
    size = np.array([face.size for face in faces])[:, None]                 # [N, 1, 2]
    eye_distance = np.linalg.norm(landmarks[:, LEFT_OUTER_EYE] - landmarks[:, RIGHT_OUTER_EYE], axis=1)
    eyes = np.stack([landmarks[:, [RIGHT_OUTER_EYE, RIGHT_INNER_EYE], :2].mean(1),
                     landmarks[:, [LEFT_OUTER_EYE, LEFT_INNER_EYE], :2].mean(1)], 1)     # [N, 2, 2]
    blaze_eyes = np.stack([face.blaze_eyes for face in faces])
    flag = np.array([face.flag for face in faces])
    mismatch = np.linalg.norm(eyes - blaze_eyes, axis=2).max(1) / eye_distance
    spread = np.stack([face.std[INNER_POINTS].mean() for face in faces]) / eye_distance
    inside = ((landmarks[..., :2] >= 0) & (landmarks[..., :2] <= size)).all(2).mean(1)
    rules = [
        ("face flag", flag < MIN_FLAG),
        ("small face", eye_distance < MIN_EYE_DISTANCE),
        ("eyes disagree", mismatch > MAX_EYE_MISMATCH),
        ("spread", spread > MAX_SPREAD),
        ("outside the photo", inside < MIN_INSIDE),
        ("shape", shape_error(landmarks) > MAX_SHAPE_ERROR)]
    return [next((reason for reason, broken in rules if broken[i]), None) for i in range(len(faces))]


def shape_error(landmarks) -> np.ndarray:
    """How far each face [N, 468, 3] is from the median one after a similarity: rms / outer-eye distance, [N]."""
    centred = landmarks - landmarks.mean(1, keepdims=True)
    shapes = centred / np.sqrt(np.square(centred).sum((1, 2), keepdims=True))
    mean = shapes[0]
    for _ in range(3):      # generalised Procrustes analysis (Gower 1975); three rounds settle it
        u, singular, vt = np.linalg.svd(shapes.transpose(0, 2, 1) @ mean)   # [N, 3, 3]
        turn = u @ (np.linalg.det(u @ vt)[:, None, None] ** [[0], [0], [1]] * vt)
        aligned = shapes @ turn * singular.sum(1)[:, None, None]
        mean = np.median(aligned, 0)
        mean /= np.linalg.norm(mean)
    eye_distance = np.linalg.norm(mean[LEFT_OUTER_EYE] - mean[RIGHT_OUTER_EYE])
    return np.sqrt(np.square(aligned - mean).sum(2).mean(1)) / eye_distance


def yaw(landmarks, mirror) -> np.ndarray:
    """Head turns of the faces [N, 468, 3] in degrees, [N]; positive to the subject's left."""
    across = landmarks - landmarks[:, mirror]                               # [N, 468, 3]
    left = np.sign(np.median(across[..., 0], 0))                            # 1 on the subject's left, -1 right, 0 middle
    axis = (across * left[:, None]).mean(1)                                 # [N, 3], from right to left
    return np.degrees(np.arctan2(axis[:, 2], np.hypot(axis[:, 0], axis[:, 1])))


def read(file) -> np.ndarray:
    """RGB uint8 [H, W, 3], or None when the file is no image."""
    photo = cv2.imread(str(file), cv2.IMREAD_COLOR)
    return None if photo is None else cv2.cvtColor(photo, cv2.COLOR_BGR2RGB)


def crop(photo, affine, size, border=cv2.BORDER_REPLICATE) -> np.ndarray:
    """The size x size crop of `photo` that `affine` describes; a photo much finer than the crop is shrunk first."""
    shrink = round(_scale(affine))
    if shrink > 1:
        height, width = photo.shape[:2]
        photo = cv2.resize(photo, (-(-width // shrink), -(-height // shrink)), interpolation=cv2.INTER_AREA)
        affine = affine * [[photo.shape[1] / width], [photo.shape[0] / height]]
    # OpenCV counts pixel centres from 0, we from 0.5.
    centres = affine.copy()
    centres[:, 2] += affine[:, :2].sum(1) / 2 - 0.5
    return cv2.warpAffine(photo, centres, (size, size), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=border)


def to_tensor(images) -> torch.Tensor:
    """uint8 images [H, W, 3] to RGB 0..1 [B, 3, H, W] in channels_last memory."""
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 255


def _affine(centre, side, angle, mirrored=False, size=CROP_SIZE) -> np.ndarray:
    """The square crop of `side` pixels round `centre`, its right pointing at `angle` radians (y is down)."""
    right, down = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]) * side / size
    if mirrored:
        right = -right
    return np.stack([right, down, centre - (right + down) * size / 2], 1)   # [2, 3]


def _tracking_affine(points) -> np.ndarray:
    """The upright crop round a face's own points [468, 3]."""
    angle = _angle(points[RIGHT_OUTER_EYE], points[LEFT_OUTER_EYE])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    upright = points[:, :2] @ turn                                          # [468, 2]
    low, high = upright.min(0), upright.max(0)
    return _affine(turn @ (low + high) / 2, CROP_MARGIN * (high - low).max(), angle)


def _jitter(affine) -> list:
    """The crops to average over, plain and mirrored in turn."""
    side, centre = _scale(affine) * CROP_SIZE, affine @ [CROP_SIZE / 2, CROP_SIZE / 2, 1]
    angle = np.arctan2(affine[1, 0], affine[0, 0])
    return [_affine(centre + np.array([right, down]) * side, side * scale, angle + np.radians(roll), mirrored)
            for scale, right, down, roll in JITTER for mirrored in (False, True)]


def _in_photo(face, affine) -> blazeface.Detection:
    scale = _scale(affine) * blazeface.IMAGE_SIZE
    offset = affine[:, 2]
    return blazeface.Detection(face.score, np.concatenate([face.box[:2] * scale + offset, face.box[2:] * scale]),
                               face.keypoints * scale + offset)


def _angle(right_eye, left_eye) -> float:
    return np.arctan2(left_eye[1] - right_eye[1], left_eye[0] - right_eye[0])


def _scale(affine):             # [..., 2, 3] -> [...], photo pixels a crop pixel
    return np.sqrt(np.abs(np.linalg.det(affine[..., :2])))


def _revision() -> str:
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True).stdout.strip()
