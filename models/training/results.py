"""The tables and pictures of models/training/results."""
from pathlib import Path

import cv2
import numpy as np

PANEL, BAR = 560, 110  # px: a side of one view of the face, the colour bar's width
TURNS = (0, 50)  # degrees: the sides a face is drawn from
MARGIN_M = 0.02


def table(rows: dict[str, dict], first: str = "") -> str:
    """Markdown: one row a name, one column a figure; the columns are those of the first row."""
    columns = list(next(iter(rows.values())))
    lines = [[first, *columns], ["---"] * (len(columns) + 1), *([name, *(str(figures.get(column, "")) for column in columns)] for name, figures in rows.items())]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def page(title: str, introduction: str, sections: dict[str, dict[str, dict]]) -> str:
    """Markdown: a table a section."""
    parts = [f"# {title}", introduction, *(f"## {name}\n\n{table(rows)}" for name, rows in sections.items() if rows)]
    return "\n\n".join(parts) + "\n"


def write(folder: Path, pages: dict[str, str], pictures: dict[str, np.ndarray]) -> None:
    """File names to Markdown and to BGR pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages.items():
        (folder / name).write_text(text)
    for name, picture in pictures.items():
        cv2.imwrite(str(folder / name), picture, [cv2.IMWRITE_PNG_COMPRESSION, 9, cv2.IMWRITE_JPEG_QUALITY, 85])


def heat_map(positions: np.ndarray, quads: np.ndarray, values: np.ndarray, title: str) -> np.ndarray:
    """A face [K, 3] m of quads [M, 4] from the front and from the side, coloured by its vertices' values [K]: BGR, with a
    colour bar from 0 to what 99 % of them stay under."""
    top = float(np.quantile(values, 0.99))
    colours = cv2.applyColorMap(np.uint8(255 * np.clip(values[quads].mean(1) / top, 0, 1)), cv2.COLORMAP_VIRIDIS)[:, 0]
    panels = [_drawn(positions, quads, colours, turn) for turn in TURNS]
    bar = np.full((PANEL, BAR, 3), 255, np.uint8)
    ramp = cv2.applyColorMap(np.linspace(255, 0, PANEL - 80).astype(np.uint8)[:, None], cv2.COLORMAP_VIRIDIS)
    bar[40:-40, 10:36] = ramp
    for share in np.linspace(0, 1, 5):
        height = round(PANEL - 40 - share * (PANEL - 80))
        cv2.line(bar, (36, height), (42, height), (60, 60, 60), 1)
        cv2.putText(bar, f"{share * top:.1f}", (48, height + 5), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (60, 60, 60), 1, cv2.LINE_AA)
    picture = np.hstack([*panels, bar])
    cv2.putText(picture, title, (12, PANEL - 12), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (60, 60, 60), 1, cv2.LINE_AA)
    return picture


def _drawn(positions, quads, colours, turn) -> np.ndarray:
    """One parallel view [PANEL, PANEL, 3], the farthest quads first, those that face away left out."""
    angle = np.radians(turn)
    x, y, z = (positions - (positions.max(0) + positions.min(0)) / 2).T
    across, depth = x * np.cos(angle) - z * np.sin(angle), x * np.sin(angle) + z * np.cos(angle)
    scale = PANEL / (np.ptp(positions[:, 1]) + 2 * MARGIN_M)
    pixels = np.round(16 * (np.stack([across, -y], 1) * scale + PANEL / 2)).astype(np.int32)
    corners = pixels[quads].astype(np.int64)
    first, second = corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1]
    facing = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0] < 0  # counter-clockwise, y down
    panel = np.full((PANEL, PANEL, 3), 255, np.uint8)
    for quad in np.argsort(depth[quads].mean(1)):
        if facing[quad]:
            cv2.fillConvexPoly(panel, pixels[quads[quad]], colours[quad].tolist(), cv2.LINE_AA, 4)
    return panel


def scatter(names: list[str], across: list[float], series: dict[str, list[float]], titles: tuple[str, str]) -> np.ndarray:
    """Each series' values, on a logarithmic axis, against `across`; the points are named under that axis: BGR."""
    width, height, left, right, top, bottom = 760, 460, 64, 150, 40, 96
    colours = ((170, 90, 30), (40, 90, 210), (60, 140, 60))
    picture = np.full((height, width, 3), 255, np.uint8)
    text = lambda at, words, colour=(60, 60, 60): cv2.putText(picture, words, at, cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, 1, cv2.LINE_AA)
    most, values = 1.15 * max(across), [value for part in series.values() for value in part]
    least, octaves = min(values) / 1.2, np.log2(max(values) / min(values) * 1.44)
    place = lambda x, y: (round(left + x / most * (width - left - right)), round(height - bottom - np.log2(y / least) / octaves * (height - top - bottom)))
    for share in np.linspace(0, 1, 6):
        (x, y), value = place(share * most, least), least * 2 ** (share * octaves)
        level = place(0, value)[1]
        cv2.line(picture, (left, level), (width - right, level), (225, 225, 225), 1)
        text((12, level + 4), f"{value:.1f}")
        text((x - 10, y + 18), f"{share * most:.1f}")
    cv2.rectangle(picture, (left, top), (width - right, height - bottom), (120, 120, 120), 1)
    text((left, top - 14), titles[1])
    text((width - right + 14, height - bottom + 18), titles[0])
    order = np.argsort(across)
    for row, i in enumerate(order):
        x, y = place(across[i], least)
        cv2.line(picture, (x, y), (x, height - bottom + 34 + 18 * row), (190, 190, 190), 1)
        text((x + 4, height - bottom + 40 + 18 * row), names[i])
    for (name, values), colour in zip(series.items(), colours):
        points = [place(across[i], values[i]) for i in order]
        for point in points:
            cv2.circle(picture, point, 5, colour, -1, cv2.LINE_AA)
        text((points[-1][0] + 10, points[-1][1] + 4), name, colour)
    return picture
