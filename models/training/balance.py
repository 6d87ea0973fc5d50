"""Command `balance`: what the training pictures show - skin, side, colour, mouth - of the portraits, the renders, and as drawn."""
import argparse
import logging
from pathlib import Path

import numpy as np

from .data import RECOLOURED_SHARE, TURNED_SHARE, Photos, Renders, describe
from .groups import sections
from .results import page, write
from .train import PAIRED_SHARE

TEXT = f"""Shares in % of the portraits, of the portraits as drawn (a group's share counts by its square root), of the rendered heads, and
of what a training step draws from both (`--render-share`; heads turned far are drawn more often, and {100 * PAIRED_SHARE:.0f} % are pairs of views).
Of the portraits drawn that are in colour, {100 * RECOLOURED_SHARE:.0f} % then get skin of another tone, from very light to very dark alike (`skin.py`), which
is not in these figures. Skin as pictured, by its individual typology angle: the light counts with it. A mouth is open where the
lips are apart by 8 % of its width more than on the mean face. The portraits have no labels of sex and age, and neither do the
renders, whose identities are drawn from the morphable model. Made by `python3 -m training balance`."""


def shares(described: list[tuple], weights: np.ndarray) -> dict[str, dict]:
    """Section -> group -> share in % of pictures of weights [N]."""
    groups = sections(*map(np.array, zip(*described)))
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
    rendered = []
    for i in range(len(renders)):
        source = renders.source(i)
        rendered.append(describe(source, np.degrees(np.arctan2(source.rotation[0, 2], source.rotation[2, 2]))))
    turned = np.full(len(rendered), (1 - TURNED_SHARE) / len(rendered))
    turned[renders.turned] += TURNED_SHARE / len(renders.turned)
    weights = np.concatenate([(1 - arguments.render_share) * photos.chance, arguments.render_share * turned])
    if renders.heads:
        views = len(photos) + np.concatenate(renders.heads)
        weights *= 1 - PAIRED_SHARE
        weights[views] += PAIRED_SHARE / len(views)
    columns = {"portraits": shares(photos.described, np.ones(len(photos))), "portraits drawn": shares(photos.described, photos.chance),
               "renders": shares(rendered, np.ones(len(rendered))), "drawn": shares(photos.described + rendered, weights)}
    sections = {section: {name: {column: parts[section][name] for column, parts in columns.items()} for name in groups} for section, groups in columns["drawn"].items()}
    write(arguments.results, {"balance.md": page("Balance of the training data", TEXT, sections)}, {})
