"""Other heads from the same pictures: a head gets another build and turns a little, and its picture is bent to match.

Whoever has seen a picture before may know its head by the skin, the hair or the light; of one that is bent anew each time, where the
face's points are must be seen. What moves by millimetres stays plausible; what a turn would uncover is not shown.
"""
from dataclasses import replace

import cv2
import numpy as np
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

MODES = 40  # of identity, those that move the face most
HEADS = 2500  # of which they are learnt
BUILD, TURN = 0.8, np.radians(3)  # standard deviations: of a change of build, in that of heads; of a turn about each axis
CELLS = 64  # a side of the field that bends the picture
AROUND = 0.2  # of the face's size, the margin that bends with it
SMOOTH = 0.8  # cells
FAR, HIDDEN, STILL = 0.02, 0.05, 0.02  # weights: of the field four times as smooth, of points not seen, of what does not move


class Builds:
    """How a head's build moves the points uv [K, 2] of a pool: modes [M, K, 3] m a standard deviation, by least squares from heads
    of known identity [n, I], expression [n, E] and position [n, K, 3]."""

    def __init__(self, uv: np.ndarray, identity: np.ndarray, expression: np.ndarray, position: np.ndarray):
        known = np.c_[identity, expression, np.ones(len(identity))].astype(np.float32)
        moved = np.linalg.solve(known.T @ known + 1e-2 * np.eye(known.shape[1], dtype=np.float32), known.T @ position.reshape(len(position), -1))
        self.uv, self.modes = uv, moved[:MODES].reshape(-1, *position.shape[1:])

    def at(self, uv: np.ndarray) -> np.ndarray:
        """The modes [M, K, 3] at other uv [K, 2]: of the pool's nearest points."""
        return np.ascontiguousarray(self.modes[:, cKDTree(self.uv).query(uv)[1]])


def drawn(random: np.random.Generator) -> np.ndarray:
    """The weights [M] of a change of build."""
    return random.normal(0, BUILD, MODES).astype(np.float32)


def morphed(source, modes: np.ndarray, weights: np.ndarray, random: np.random.Generator):
    """The `Source` with a head whose build is changed by weights [M] of modes [M, >= K, 3], and turned a little.

    A photo's camera is not known: the affine one that best explains its points stands for it.
    """
    count = len(source.points)
    position = source.position + np.einsum("m,mkx->kx", weights, modes[:, :count])
    turn = Rotation.from_rotvec(random.normal(0, TURN, 3)).as_matrix()
    centre = position.mean(0)
    if source.rotation is None:
        homogeneous = np.c_[source.position, np.ones(count)]
        camera = np.linalg.lstsq(homogeneous, source.points, rcond=None)[0]  # [4, 2]
        wanted = source.points + (np.c_[(position - centre) @ turn.T + centre, np.ones(count)] - homogeneous) @ camera
        pose = {}
    else:
        rotation = source.rotation @ turn
        pose = {"rotation": rotation, "translation": source.translation + (source.rotation - rotation) @ centre}
        wanted = source.seen(position, **pose)
    image, points = bent(source.image, source.points, wanted, source.visible)
    return replace(source, image=image, points=points.astype(np.float32), position=position.astype(np.float32), **pose)


def bent(image: np.ndarray, points: np.ndarray, wanted: np.ndarray, visible: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """image [H, W, 3] bent so that its points [K, 2] px come to `wanted`, as nearly as a smooth field takes them; and where they came
    to, the visible ones as seen, the others as they were wanted."""
    size = np.array(image.shape[1::-1])
    low, high = points[::4].min(0), points[::4].max(0)
    margin = AROUND * (high - low).max()
    corner = np.clip(low - margin, 0, size - 2).astype(int)
    extent = np.clip(high + margin, corner + 2, size).astype(int) - corner
    shown = ((wanted > corner) & (wanted < corner + extent)).all(1)
    weight = (np.ones(len(points)) if visible is None else np.where(visible, 1.0, HIDDEN))[shown]
    start, came = points[shown], wanted[shown]
    number = ((came - corner) * (CELLS / extent)).astype(int) @ [1, CELLS]
    field = spread(number, weight, start - came, extent)
    for _ in range(2):  # to where the bent picture reads the point: came + field(came) = start
        at = (came - corner - 0.5).astype(np.float32)
        came = start - cv2.remap(field, at[:, :1], at[:, 1:], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[:, 0]
    field[..., 0] += np.arange(corner[0], corner[0] + extent[0], dtype=np.float32)
    field[..., 1] += np.arange(corner[1], corner[1] + extent[1], dtype=np.float32)[:, None]
    image, wanted = image.copy(), wanted.copy()
    (left, top), (right, bottom) = corner, corner + extent
    image[top:bottom, left:right] = cv2.remap(image, field, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    if visible is not None:
        came = np.where(visible[shown, None], came, wanted[shown])
    wanted[shown] = came
    return image, wanted


def spread(number: np.ndarray, weight: np.ndarray, value: np.ndarray, extent: np.ndarray) -> np.ndarray:
    """A smooth field [H, W, 2] of extent [2] px, from weighed values [K, 2] in the cells of those numbers; still at its edges."""
    sums = [np.bincount(number, part, CELLS**2) for part in (weight, weight * value[:, 0], weight * value[:, 1])]
    sums = np.stack(sums, 1).reshape(CELLS, CELLS, 3).astype(np.float32)
    sums = cv2.GaussianBlur(sums, (0, 0), SMOOTH) + FAR * cv2.GaussianBlur(sums, (0, 0), 4 * SMOOTH)
    field = sums[..., 1:] / (sums[..., :1] + STILL)
    field[[0, -1]] = field[:, [0, -1]] = 0
    return cv2.resize(field, extent.tolist(), interpolation=cv2.INTER_LINEAR)

