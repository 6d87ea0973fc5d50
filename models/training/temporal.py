"""Temporal error on rendered films: how much the error changes from frame to frame, for ours and for FaceMesh.

The paper's Table 2 has such an error; its formula was not to be had, and these figures do not compare with its. Ours is
the mean of what normalised mean flicker (Micaelli et al. 2023) is the root mean square of: a landmark's error e is its 2D
distance vector from the truth in % of the outer eyes' distance (the 3D one, at its own depth), and the temporal error
is the mean of |e[t] - e[t - 1]|, so that neither a steady offset nor true motion counts. The mean of
|e[t + 1] - 2 e[t] + e[t - 1]| stands beside it, which slow drift does not enter. FaceMesh follows the face by its own points, frame to frame, as MediaPipe does;
ours sees every frame anew: as the server, which searches tiles of a frame whose face is under the presence threshold, or
without that search. FaceMesh's 51 points are interpolated among its own, as in its labels.
"""
from pathlib import Path

import numpy as np
import torch

from .crops import apply
from .data import Renders, column, inner_weights, label_theta, to_square
from .faces import Limits, answers, read_at, search
from .label import Teacher


def changes(error: np.ndarray) -> dict:
    """Figures of the error vectors [T, K, 2] in %; a frame without an answer (NaN) is left out, and with it its differences."""
    mean = lambda vectors: float(np.nanmean(np.linalg.norm(vectors, axis=2)))
    return {"error": mean(error), "temporal error": mean(np.diff(error, axis=0)), "second difference": mean(np.diff(error, 2, axis=0)),
            "frames without a face": int(np.isnan(error).any(axis=(1, 2)).sum())}


def measure(network, teacher: Teacher, folder: Path, limits: Limits, uv: np.ndarray, truth_of) -> dict:
    """Method -> film -> figures, over the queries uv [K, 2]. truth_of(sources): points [N, K, 2] and eyes [N] in the square."""
    renders = Renders(folder)
    films, sources = column(folder, "film"), [renders.source(i) for i in range(len(renders))]
    corners, weights = inner_weights()
    result = {"ours": {}, "ours without search": {}, "ours in FaceMesh's crop": {}, "FaceMesh": {}, "the truth's own motion": {}}
    for film in np.unique(films):
        shown = [source for source, number in zip(sources, films) if number == film]
        images = [source.image for source in shown]
        truth, eyes = truth_of(shown)
        scale = 100 / eyes[:, None, None]
        first = answers(network, images, uv, "render")
        answer, kept = search(network, images, first, limits, uv, "render")
        ours = np.where(kept[:, None, None], answer["photo_points"], np.nan)
        mesh = np.stack([apply(to_square(image), points) for image, points in zip(images, teacher.track(images))])  # [T, 468, 2]
        tracked = ~np.isnan(mesh).any((1, 2))
        inside = np.full(ours.shape, np.nan)
        if tracked.any():
            theta = np.stack([label_theta(points) for points in mesh[tracked]])
            inside[tracked] = read_at(network, [image for image, there in zip(images, tracked) if there], torch.from_numpy(theta.astype(np.float32)), uv, "render")["photo_points"]
        found = {"ours": ours, "ours without search": first["photo_points"], "ours in FaceMesh's crop": inside, "FaceMesh": np.einsum("nkcx,kc->nkx", mesh[:, corners], weights)}
        for method, points in found.items():
            result[method][f"film {film}"] = changes((points - truth) * scale)
        motion = changes(100 * truth / eyes.mean())
        result["the truth's own motion"][f"film {film}"] = {"error": np.nan, **{key: motion[key] for key in ("temporal error", "second difference")}, "frames without a face": 0}
    return result


def overall(films: dict[str, dict]) -> dict:
    """The mean of the films' figures, and the sum of their frames without a face."""
    rows = list(films.values())
    return {key: (sum if key.startswith("frames") else np.mean)([row[key] for row in rows]) for key in rows[0]}


def sections(measured: dict) -> dict:
    """Section -> row -> figures, for a page."""
    shown = lambda figures: {key: "" if np.isnan(value) else round(float(value), 2) for key, value in figures.items()}
    return {"All films": {method: shown(overall(films)) for method, films in measured.items()},
            **{method: {film: shown(figures) for film, figures in films.items()} for method, films in measured.items()}}
