"""Command `balance`: what the training pictures show - skin, side, colour, mouth - of the portraits, the renders, and as drawn."""
import argparse
import logging
from pathlib import Path

import numpy as np

from .data import TURNED_SHARE, Photos, Renders, mean_points
from .groups import BARE_SKIN, YAW_BANDS, banded, by_tone, typology_angle
from .label import GREY_CHROMA
from .results import page, write

UPPER_LIP, LOWER_LIP, CORNERS = 13, 14, (78, 308)  # FaceMesh's points inside the lips
OPEN = 0.08  # of the mouth's width, more than on the mean face, whose mouth is closed
TEXT = """Shares in % of the portraits, of the rendered heads, and of what a training step draws from both (`--render-share`; heads
turned far are drawn more often). Skin as pictured, by its individual typology angle: the light counts with it. A mouth is open
where the lips are apart by 8 % of its width more than on the mean face. The portraits have no labels of sex and age, and neither do the
renders, whose identities are drawn from the morphable model. Made by `python3 -m training balance`."""


def describe(source, yaw: float) -> tuple[float, float, float, bool]:
    """Of a picture of yaw degrees: its tone (ITA, degrees or NaN), yaw, whether it is grey, and how far its mouth is open."""
    skin = list(BARE_SKIN)
    seen = np.ones(len(skin), bool) if source.visible is None else source.visible[skin]
    opened = parted(source.position) - parted(mean_points(source.uv))
    return typology_angle(source.image, source.points[skin], seen), abs(yaw), np.ptp(source.image, axis=2).mean() < GREY_CHROMA, opened


def parted(position: np.ndarray) -> float:
    """The gap between the lips of a face [M, 3], in widths of the mouth."""
    gap, width = position[UPPER_LIP] - position[LOWER_LIP], position[CORNERS[0]] - position[CORNERS[1]]
    return float(np.linalg.norm(gap) / np.linalg.norm(width))


def shares(described: list[tuple], weights: np.ndarray) -> dict[str, dict]:
    """Section -> group -> share in % of pictures of weights [N]."""
    tone, yaw, grey, mouth = (np.array(column) for column in zip(*described))
    groups = {"Skin, ITA in degrees": by_tone(tone), "Yaw": banded(yaw, (*YAW_BANDS, (90, 180)), "degrees"),
              "Colour": {"grey": grey, "in colour": ~grey}, "Mouth": {"open": mouth > OPEN, "closed": mouth <= OPEN}}
    return {section: {name: round(100 * float(weights[chosen].sum() / weights.sum()), 1) for name, chosen in parts.items()} for section, parts in groups.items()}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--labels", type=Path, required=True, help="of `label`")
    parser.add_argument("--portraits", type=Path, required=True)
    parser.add_argument("--renders", type=Path, required=True)
    parser.add_argument("--render-share", type=float, default=0.65)
    parser.add_argument("--results", type=Path, required=True, help="balance.md goes there")


def run(arguments: argparse.Namespace) -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    photos, renders = Photos(arguments.labels, arguments.portraits, validation=False), Renders(arguments.renders / "training")
    with np.load(arguments.labels) as archive:
        yaw_of = dict(zip(archive["names"].tolist(), archive["yaw"].tolist()))
    pictured = [describe(photos.source(i), yaw_of[name]) for i, name in enumerate(photos.names.tolist())]
    rendered = []
    for i in range(len(renders)):
        source = renders.source(i)
        rendered.append(describe(source, np.degrees(np.arctan2(source.rotation[0, 2], source.rotation[2, 2]))))
    drawn = np.full(len(rendered), (1 - TURNED_SHARE) / len(rendered))
    drawn[renders.turned] += TURNED_SHARE / len(renders.turned)
    weights = np.concatenate([np.full(len(pictured), (1 - arguments.render_share) / len(pictured)), arguments.render_share * drawn])
    columns = {"portraits": shares(pictured, np.ones(len(pictured))), "renders": shares(rendered, np.ones(len(rendered))), "drawn": shares(pictured + rendered, weights)}
    sections = {section: {name: {column: parts[section][name] for column, parts in columns.items()} for name in groups} for section, groups in columns["drawn"].items()}
    write(arguments.results, {"balance.md": page("Balance of the training data", TEXT, sections)}, {})
