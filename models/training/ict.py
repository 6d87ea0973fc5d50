"""The ICT-FaceKit light morphable model in head space (MIT, USC Institute for Creative Technologies).

Head space: metres, origin between the ears, +Y up, +Z out of the face, +X to the subject's left.
"""
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

# Midpoint of the mean head's ear canals in ICT's own space (centimetres).
EARS_CM = np.array([0.0, 2.0, 0.5], np.float32)

FACE_VERTICES, FACE_QUADS = slice(0, 9409), slice(0, 9230)
# Quads of each part, as the archive's README lists them.
PART_QUADS = {
    "face": FACE_QUADS,
    "head": slice(9230, 11144),
    "mouth_socket": slice(11144, 13226),
    "eye_sockets": slice(13226, 14034),
    "gums": slice(14034, 17006),
    "teeth": slice(17006, 21496),
    "eyeballs": slice(21496, 24692),
}
SCLERA = {"left_eye": slice(21451, 22221), "right_eye": slice(23021, 23791)}
IRIS = {"left_eye": slice(22221, 23021), "right_eye": slice(23791, 24591)}
EYEBALL = {"left_eye": slice(21451, 23021), "right_eye": slice(23021, 24591)}
RENDERED_VERTICES = 24591  # lacrimal fluid, eye blends, occlusion and lashes are left out


def split_quads(quads: np.ndarray) -> np.ndarray:
    """Quads [N, 4] (a triangle repeats its third index) to triangles [M, 3]."""
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    a, b, c = triangles.T
    return triangles[(a != b) & (b != c) & (a != c)]


@dataclass(frozen=True)
class IctModel:
    mean: np.ndarray  # [26719, 3] m, head space
    identity: np.ndarray  # [100, 26719, 3] m, coefficients ~ N(0, 1)
    expression: np.ndarray  # [57, 26719, 3] m, coefficients in [0, 1]
    expression_names: tuple[str, ...]
    quads: np.ndarray  # [26384, 4]
    landmarks68: np.ndarray  # [68] vertex of each iBUG landmark

    @staticmethod
    def load(path: str | Path) -> "IctModel":
        with np.load(path) as archive:
            return IctModel(
                mean=(archive["mean"] - EARS_CM) / 100,
                identity=archive["identity"].astype(np.float32) / 100,
                expression=archive["expression"].astype(np.float32) / 100,
                expression_names=tuple(archive["expression_names"]),
                quads=archive["quads"],
                landmarks68=archive["landmarks68"],
            )

    @cached_property
    def modes(self) -> np.ndarray:
        """Identity and expression modes of the rendered vertices in one matrix [157, 24591 * 3]."""
        stacked = np.concatenate([self.identity, self.expression])[:, :RENDERED_VERTICES]
        return np.ascontiguousarray(stacked.reshape(len(stacked), -1))

    def vertices(self, identity: np.ndarray, expression: np.ndarray) -> np.ndarray:
        """Head-space vertices [B, 24591, 3] of identity [B, 100] and expression [B, 57] coefficients."""
        coefficients = np.concatenate([identity, expression], axis=1).astype(np.float32)
        offsets = (coefficients @ self.modes).reshape(len(coefficients), -1, 3)
        return self.mean[:RENDERED_VERTICES] + offsets

    def triangles(self, part: str) -> np.ndarray:
        return split_quads(self.quads[PART_QUADS[part]])
