"""The face crop that S is first taught: a similarity around the landmarks, upright along the face."""
import numpy as np

MARGIN = 1.45  # side of the crop over the larger side of the landmarks' upright box


def face_theta(points: np.ndarray, eyes: np.ndarray, mouth: np.ndarray, margin: float = MARGIN) -> np.ndarray:
    """theta [2, 3] of the crop around points [K, 2]; eyes [2] and mouth [2] give its upright. All v down."""
    down = mouth - eyes
    down = down / max(np.linalg.norm(down), 1e-9)
    rotation = np.array([[down[1], down[0]], [-down[0], down[1]]])  # its columns: the crop's right and down
    local = points @ rotation
    low, high = local.min(0), local.max(0)
    scale = 0.5 * margin * (high - low).max()
    return np.concatenate([scale * rotation, (rotation @ (0.5 * (low + high)))[:, None]], 1)


def invert(theta: np.ndarray) -> np.ndarray:
    """The affine [2, 3] that undoes theta [2, 3]."""
    inverse = np.linalg.inv(theta[:, :2])
    return np.concatenate([inverse, -inverse @ theta[:, 2:]], 1)


def apply(theta: np.ndarray, points: np.ndarray) -> np.ndarray:
    """theta [2, 3] on points [K, 2]."""
    return points @ theta[:, :2].T + theta[:, 2]
