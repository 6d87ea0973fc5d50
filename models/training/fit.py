"""The labelled portraits' canonical shapes: shape modes fitted to FaceMesh's points.

A portrait's label is flat, and a head that is taught by it alone drifts: the canonical shape turns and moves, and the
pose makes up for it. A fitted head stands where the mean face stands.
"""
from typing import NamedTuple

import numpy as np

from .data import similarities
from .network import SHAPE_MODES_FILE

DISTANCE_M = 1.3  # of the camera; a portrait's points do not tell it
SIGMA_M = 0.005  # of a point in the image, on the head. 468 points' errors go together, so more than one point's own
SIGMA_DEPTH_M = 0.03  # of FaceMesh's depth
ITERATIONS = 6
CHUNK = 64


def modes_at(uv: np.ndarray) -> np.ndarray:
    """The shape modes [M, K, 3] m at uv [K, 2], bilinear."""
    modes = np.load(SHAPE_MODES_FILE).astype(np.float32)  # [M, S, S, 3]
    size = modes.shape[1]
    place = np.clip(uv * [size, -size] + [0, size] - 0.5, 0, size - 1.001)  # x, y from the first texel's centre
    x, y = place.astype(int).T
    right, down = (place - np.floor(place)).T[..., None].astype(np.float32)
    return ((modes[:, y, x] * (1 - right) + modes[:, y, x + 1] * right) * (1 - down)
            + (modes[:, y + 1, x] * (1 - right) + modes[:, y + 1, x + 1] * right) * down)


class Fit(NamedTuple):
    """Heads that were fitted to N faces."""

    position: np.ndarray  # [N, K, 3] m, the canonical points
    missing: np.ndarray  # [N] m, rms: how far the modes' own were from them in the image
    weights: np.ndarray  # [N, M], the modes'
    rotation: np.ndarray  # [N, 3, 3], head to camera
    scale: np.ndarray  # [N], px a metre
    shift: np.ndarray  # [N, 2] px, y up

    def elsewhere(self, mean: np.ndarray, modes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Canonical points [N, K, 3] m and where they are seen [N, K, 2] px, y down, of other points of the heads.

        mean [K, 3] m and modes [M, K, 3] m there.
        """
        head = mean + np.einsum("nm,mkx->nkx", self.weights, modes, optimize=True)
        camera, nearer = _before_camera(head, self.rotation)
        return head, (self.scale[:, None, None] * nearer * camera[..., :2] + self.shift[:, None]) * [1, -1]


def fit(landmarks: np.ndarray, mean: np.ndarray, modes: np.ndarray) -> Fit:
    """The heads of FaceMesh's points.

    landmarks [N, K, 3] px, y down, z away from the camera at the scale of x; mean [K, 3] m; modes [M, K, 3] m. Least
    squares by Gauss and Newton over pose, scale and the modes' weights, each with its prior N(0, 1); then each point
    moves across the line of sight until it is seen at its landmark.
    """
    parts = [_fit(chunk, mean.astype(np.float64), modes.astype(np.float64)) for chunk in
             np.split(landmarks.astype(np.float64), range(CHUNK, len(landmarks), CHUNK))]
    return Fit(*(np.concatenate(part) for part in zip(*parts)))


def _before_camera(head, rotation):
    """Points [N, K, 3] in the camera's directions, without its distance, and perspective's enlargement of each [N, K, 1]."""
    camera = head @ rotation.transpose(0, 2, 1)
    return camera, DISTANCE_M / (DISTANCE_M - camera[..., 2:])


def _fit(landmarks, mean, modes):
    count, points = landmarks.shape[:2]
    observed = landmarks * [1, -1, -1]  # y up, z toward the camera
    weights = np.zeros((count, len(modes)))
    back_scale, back, back_shift = similarities(observed, mean)
    rotation, scale = back.transpose(0, 2, 1), 1 / back_scale  # px a metre of a head at DISTANCE_M
    shift = -scale[:, None] * (rotation @ back_shift[..., None])[..., 0]
    shift, depth_shift = shift[:, :2], shift[:, 2]
    for _ in range(ITERATIONS):
        head = mean + np.einsum("nm,mkx->nkx", weights, modes)
        camera, nearer = _before_camera(head, rotation)
        image = scale[:, None, None] * nearer * camera[..., :2] + shift[:, None]
        depth = scale[:, None] * camera[..., 2] + depth_shift[:, None]
        # In metres on the head, over their sigmas.
        residual = np.concatenate([(observed[..., :2] - image) / SIGMA_M, (observed[..., 2] - depth)[..., None] / SIGMA_DEPTH_M], 2) / scale[:, None, None]
        # d(image, depth) / d(camera point) [N, K, 3, 3], m to m
        slope = np.zeros((count, points, 3, 3))
        slope[..., 0, 0] = slope[..., 1, 1] = nearer[..., 0] / SIGMA_M
        slope[..., :2, 2] = nearer**2 * camera[..., :2] / DISTANCE_M / SIGMA_M
        slope[..., 2, 2] = 1 / SIGMA_DEPTH_M
        turned = np.cross(np.eye(3)[None, None], camera[:, :, None])  # d(camera) / d(rotation vector) as rows [N, K, 3, 3]
        unit = np.zeros((count, points, 3, 4))  # log scale, shift x, y, depth shift
        unit[..., :2, 0] = nearer * camera[..., :2] / SIGMA_M
        unit[..., 2, 0] = camera[..., 2] / SIGMA_DEPTH_M
        unit[..., 0, 1] = unit[..., 1, 2] = 1 / SIGMA_M
        unit[..., 2, 3] = 1 / SIGMA_DEPTH_M
        by_weight = np.einsum("nkab,nbc,mkc->nkam", slope, rotation, modes, optimize=True)
        jacobian = np.concatenate([slope @ turned.transpose(0, 1, 3, 2), unit, by_weight], 3).reshape(count, points * 3, -1)
        normal = jacobian.transpose(0, 2, 1) @ jacobian
        right = (jacobian.transpose(0, 2, 1) @ residual.reshape(count, -1, 1))[..., 0]
        prior = np.r_[np.zeros(7), np.ones(len(modes))]
        normal += np.diag(prior + 1e-6)
        right[:, 7:] -= weights
        step = np.linalg.solve(normal, right[..., None])[..., 0]
        rotation = _turn(step[:, :3]) @ rotation
        shift, depth_shift = shift + step[:, 4:6] * scale[:, None], depth_shift + step[:, 6] * scale
        scale = scale * np.exp(np.clip(step[:, 3], -0.3, 0.3))
        weights = weights + step[:, 7:]
    head = mean + np.einsum("nm,mkx->nkx", weights, modes)
    camera, nearer = _before_camera(head, rotation)
    missing = (observed[..., :2] - shift[:, None]) / (scale[:, None, None] * nearer) - camera[..., :2]
    return head + missing @ rotation[:, :2], np.sqrt(np.square(missing).sum(2).mean(1)), weights, rotation, scale, shift


def _turn(vector: np.ndarray) -> np.ndarray:
    """Rotations [N, 3, 3] of rotation vectors [N, 3] (Rodrigues)."""
    angle = np.linalg.norm(vector, axis=1)[:, None, None] + 1e-12
    x, y, z = (vector / angle[:, 0]).T
    zero = np.zeros_like(x)
    skew = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], 1).reshape(-1, 3, 3)
    return np.eye(3) + np.sin(angle) * skew + (1 - np.cos(angle)) * skew @ skew
