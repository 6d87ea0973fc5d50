"""Groups of pictures - how turned, how large, through which lens, of what skin, how open the mouth - their errors and their balance.

Skin is grouped by its individual typology angle as pictured (Chardon et al. 1991; classes after Del Bino and Bernerd 2013):
the light counts with the skin, and a picture without colour has no angle.
"""
import cv2
import numpy as np

YAW_BANDS = ((0, 30), (30, 60), (60, 90))  # degrees
SIZE_BANDS = ((0, 25), (25, 50), (50, 100), (100, np.inf))  # px between the outer eyes, seen from the front
LENS_BANDS = ((20, 35), (35, 60), (60, 90), (90, 136))  # mm on a 36 mm sensor
TONES = (("dark", -90, -30), ("brown", -30, 10), ("tan", 10, 28), ("intermediate", 28, 41), ("light", 41, 55), ("very light", 55, 90))  # ITA, degrees
# FaceMesh points where little but skin is: the cheeks, the forehead and between the brows.
BARE_SKIN = (50, 101, 205, 280, 330, 425, 9, 151, 108, 337)
MIN_SKIN = 3  # of them seen, for a tone
GREY_CHROMA = 4.0  # a picture is grey when max - min of its RGB (0..255) is less than this on average
UPPER_LIP, LOWER_LIP, CORNERS = 13, 14, (78, 308)  # FaceMesh's points inside the lips
OPEN = 0.08  # of the mouth's width, more than on the mean face, whose mouth is closed
RAREST = 4.0  # times its share that a picture is drawn, at most


def grey(image: np.ndarray) -> bool:
    return bool(np.ptp(image[::4, ::4], axis=2).mean() < GREY_CHROMA)


def parted(position: np.ndarray) -> float:
    """The gap between the lips of a face [M, 3], in widths of the mouth."""
    gap, width = position[UPPER_LIP] - position[LOWER_LIP], position[CORNERS[0]] - position[CORNERS[1]]
    return float(np.linalg.norm(gap) / np.linalg.norm(width))


def typology_angle(image: np.ndarray, points: np.ndarray, seen: np.ndarray) -> float:
    """ITA in degrees, atan((L* - 50) / b*): of the median colour round the seen ones of points [K, 2] px; NaN without colour or skin."""
    inside = ((points >= 1) & (points <= np.array(image.shape[1::-1]) - 2)).all(1)
    if grey(image) or (seen & inside).sum() < MIN_SKIN:
        return np.nan
    patches = [image[y - 1 : y + 2, x - 1 : x + 2].reshape(-1, 3) for x, y in points[seen & inside].astype(int)]
    colour = np.median(np.concatenate(patches), 0).astype(np.float32) / 255
    lightness, _, blue_yellow = cv2.cvtColor(colour.reshape(1, 1, 3), cv2.COLOR_RGB2LAB)[0, 0]
    return float(np.degrees(np.arctan2(lightness - 50, max(blue_yellow, 1e-3))))


def banded(values: np.ndarray, bands, unit: str) -> dict:
    """Name -> which of values [N] lie in the band."""
    return {f"{low} to {high} {unit}" if np.isfinite(high) else f"{low} {unit} and more": (values >= low) & (values < high) for low, high in bands}


def by_tone(angle: np.ndarray) -> dict:
    """Name -> which of the angles [N], degrees or NaN, are of that tone; those without one come last."""
    return {**{f"{name} ({low} to {high})": (angle >= low) & (angle < high) for name, low, high in TONES}, "no colour or too little skin seen": np.isnan(angle)}


def sections(tone: np.ndarray, yaw: np.ndarray, is_grey: np.ndarray, opened: np.ndarray) -> dict[str, dict]:
    """Section -> group -> which of N pictures: by ITA and yaw in degrees, colour, and how far the mouth is opened, in its widths."""
    return {"Skin, ITA in degrees": by_tone(tone), "Yaw": banded(np.abs(yaw), (*YAW_BANDS, (90, 180)), "degrees"),
            "Colour": {"grey": is_grey, "in colour": ~is_grey}, "Mouth": {"open": opened > OPEN, "closed": opened <= OPEN}}


def balancing(groups: list[dict]) -> np.ndarray:
    """The chance of drawing each of N pictures, [N] of sum 1, that makes what is rare less so: a group's share s counts as s^1/2."""
    weight = np.ones(len(next(iter(groups[0].values()))))
    for parts in groups:
        for chosen in parts.values():
            if chosen.any():
                weight[chosen] *= chosen.mean() ** -0.5
    weight = np.minimum(weight / weight.mean(), RAREST)
    return weight / weight.sum()


def summarise(error: np.ndarray, kept: np.ndarray, within: np.ndarray, groups: dict) -> dict:
    """Group -> count and figures of errors [N] in %; empty groups are left out. `within` [N]: the share of a face's landmarks within their sigma."""
    return {name: {"faces": int(chosen.sum()), "mean": round(float(error[chosen].mean()), 2), "median": round(float(np.median(error[chosen])), 2),
                   "over 10 %": round(100 * float((error[chosen] > 10).mean()), 1), "found %": round(100 * float(kept[chosen].mean()), 1),
                   "within sigma %": round(100 * float(within[chosen].mean()), 1)}
            for name, chosen in groups.items() if chosen.any()}
