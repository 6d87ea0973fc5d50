"""Random heads before random cameras: what the `render` dataset knows exactly about each of its samples."""
from dataclasses import dataclass

import numpy as np

from .ict import IctModel

SENSOR_MM = 36.0
FACE_CENTRE = np.array([0.0, -0.01, 0.085])  # m, head space; the point a camera frames
FACE_HEIGHT = 0.2  # m, chin to hairline
GAZE_RANGE = np.radians([38.0, 28.0])  # yaw and pitch that the eyeLook shapes reach at 1

SMILE = {"mouthSmile": (0.3, 1.0), "cheekSquint": (0.0, 0.8), "mouthDimple": (0.0, 0.4), "mouthUpperUp": (0.0, 0.6),
         "eyeSquint": (0.0, 0.5)}
TALK = ("jawOpen", "mouthFunnel", "mouthPucker", "mouthStretch", "mouthLowerDown", "mouthUpperUp", "mouthPress", "mouthRollLower",
        "mouthShrugUpper", "mouthShrugLower", "mouthClose", "jawForward")
BROWS = ("browDown", "browInnerUp", "browOuterUp", "eyeWide", "eyeSquint", "noseSneer")
MIXTURES = {"neutral": 0.2, "smile": 0.17, "jaw": 0.09, "talk": 0.2, "blink": 0.07, "brows": 0.08, "sparse": 0.19}


@dataclass(frozen=True)
class Head:
    """One head before one camera: x_camera = rotation @ x_head + translation."""

    identity: np.ndarray  # [100]
    expression: np.ndarray  # [57] in [0, 1]
    gaze: np.ndarray  # [2] rad: yaw to the subject's left, pitch up; the eyeballs' turn
    rotation: np.ndarray  # [3, 3]
    translation: np.ndarray  # [3] m
    focal_mm: float  # on a 36 mm wide square image


def project(points: np.ndarray, rotation, translation, focal_mm) -> np.ndarray:
    """Head-space points [..., 3] to image coordinates [..., 2] in [-1, 1], v down."""
    camera = points @ np.asarray(rotation).T + translation
    return camera[..., :2] * [1, -1] / -camera[..., 2:] * (2 * focal_mm / SENSOR_MM)


def turn(axis: int, angle: float) -> np.ndarray:
    """Right-handed rotation [3, 3] about axis 0, 1 or 2 by angle (radians)."""
    c, s = np.cos(angle), np.sin(angle)
    matrix = np.eye(3)
    i, j = (axis + 1) % 3, (axis + 2) % 3
    matrix[[i, i, j, j], [i, j, i, j]] = c, -s, s, c
    return matrix


def towards(ray: np.ndarray) -> np.ndarray:
    """The least rotation [3, 3] that turns the camera's axis -Z into the direction `ray` [3]."""
    a, b = np.array([0.0, 0.0, -1.0]), ray / np.linalg.norm(ray)
    v, c = np.cross(a, b), a @ b
    skew = np.array([[0, -v[2], v[1]], [v[2], 0, -v[0]], [-v[1], v[0], 0]])
    return np.eye(3) + skew + skew @ skew / (1 + c)


class HeadSampler:
    def __init__(self, ict: IctModel):
        self.index = {name: i for i, name in enumerate(ict.expression_names)}
        self.free = sorted({name.removesuffix("_L").removesuffix("_R") for name in self.index
                            if not name.startswith(("PupilDilate", "eyeLook"))})

    def sample(self, rng: np.random.Generator, yaw_degrees: tuple[float, float] | None = None) -> Head:
        """A head of the training distribution; `yaw_degrees` overrides the range of |yaw|."""
        identity = np.clip(rng.normal(0, rng.uniform(0.85, 1.0), 100), -2.6, 2.6)
        rotation, translation, focal = self.camera(rng, yaw_degrees)
        to_camera = -rotation.T @ translation - FACE_CENTRE
        gaze = rng.normal(0, np.radians([12, 7]))
        if rng.random() < 0.5:  # looks into the camera as far as the eyes go
            gaze = np.array([np.arctan2(to_camera[0], to_camera[2]), np.arcsin(to_camera[1] / np.linalg.norm(to_camera))])
            gaze += rng.normal(0, 0.03, 2)
        gaze = np.clip(gaze, -np.radians([32, 22]), np.radians([32, 22]))
        expression = self.expression(rng)
        self.look(expression, gaze)
        return Head(identity.astype(np.float32), expression, gaze, rotation, translation, focal)

    def look(self, expression: np.ndarray, gaze: np.ndarray) -> None:
        """Sets the eyeLook shapes (the lids' part of a gaze)."""
        yaw, pitch = gaze / GAZE_RANGE
        for name, amount in (("eyeLookOut_L", yaw), ("eyeLookIn_R", yaw), ("eyeLookIn_L", -yaw), ("eyeLookOut_R", -yaw),
                             ("eyeLookUp_L", pitch), ("eyeLookUp_R", pitch), ("eyeLookDown_L", -pitch), ("eyeLookDown_R", -pitch)):
            expression[self.index[name]] = np.clip(amount, 0, 1)

    def expression(self, rng: np.random.Generator) -> np.ndarray:
        """Coefficients [57]: a mixture of the neutral face, everyday expressions and sparse random ones."""
        result = np.zeros(len(self.index), np.float32)

        def put(name, amount):
            if name in self.index:
                sides = [(name, amount)]
            else:
                left, right = amount * rng.uniform(0.8, 1.0, 2)
                if rng.random() < 0.12:
                    left, right = (left, 0.2 * right) if rng.random() < 0.5 else (0.2 * left, right)
                sides = [(name + "_L", left), (name + "_R", right)]
            for side, value in sides:
                result[self.index[side]] = np.clip(max(result[self.index[side]], value), 0, 1)

        kind = rng.choice(list(MIXTURES), p=list(MIXTURES.values()))
        if kind == "smile":
            strength = rng.beta(2, 1.5)
            for name, (low, high) in SMILE.items():
                put(name, strength * rng.uniform(low, high))
            if rng.random() < 0.4:
                put("jawOpen", rng.uniform(0.0, 0.35))
        elif kind == "jaw":
            put("jawOpen", rng.beta(1.6, 1.6))
        elif kind == "talk":
            for name in rng.choice(TALK, rng.integers(2, 5), replace=False):
                put(name, rng.beta(1.5, 2.2))
            put("jawOpen", rng.uniform(0, 0.45))
        elif kind == "brows":
            for name in rng.choice(BROWS, rng.integers(1, 4), replace=False):
                put(name, rng.beta(2, 1.3))
        elif kind == "sparse":
            for name in rng.choice(self.free, rng.integers(3, 11), replace=False):
                put(name, rng.beta(1.2, 2.0))
        if kind == "blink" or rng.random() < 0.06:
            put("eyeBlink", rng.uniform(0.3, 1.0))
        if kind != "neutral":
            for name in rng.choice(self.free, 4, replace=False):
                put(name, 0.15 * rng.random())
        return result

    def camera(self, rng: np.random.Generator, yaw_degrees: tuple[float, float] | None = None):
        """Rotation [3, 3], translation [3] m and focal length in mm of a random photograph."""
        if yaw_degrees is not None:
            yaw = rng.uniform(*yaw_degrees) * rng.choice([-1, 1])
        else:
            yaw = rng.uniform(-30, 30) if rng.random() < 0.45 else rng.uniform(-90, 90)
        pitch = rng.uniform(-45, 45) if rng.random() < 0.08 else np.clip(rng.normal(0, 14), -35, 35)
        roll = np.clip(rng.normal(0, 13), -35, 35)
        helmet = rng.random() < 0.1
        if helmet:
            focal, distance = rng.uniform(20, 28), rng.uniform(0.2, 0.35)
            yaw = np.clip(rng.normal(0, 14), -50, 50) if yaw_degrees is None else yaw
        else:
            focal = np.exp(rng.uniform(np.log(25), np.log(135)))
            low, high = (0.12, 0.3) if rng.random() < 0.2 else (0.3, 0.95)
            share = np.exp(rng.uniform(np.log(low), np.log(high)))
            distance = max(FACE_HEIGHT * focal / (SENSOR_MM * share), 0.26)
        share = FACE_HEIGHT * focal / (SENSOR_MM * distance)
        room = max(0.0, 1 - share) if rng.random() < 0.88 else max(0.35, 1.1 - share)  # the latter cuts some faces
        centre = np.clip(rng.normal(0, 0.55, 2), -1, 1) * room
        ray = np.array([*(centre * SENSOR_MM / (2 * focal)), -1.0])
        rotation = towards(ray) @ turn(2, np.radians(roll)) @ turn(0, np.radians(pitch)) @ turn(1, np.radians(yaw))
        return rotation, distance * ray - rotation @ FACE_CENTRE, float(focal)
