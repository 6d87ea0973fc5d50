"""What heads of the render dataset stand in: light and background."""
import cv2
import numpy as np

from .raster import Scene

# From candle to blue sky, linear.
LIGHT_COLOURS = np.array([[1.0, 0.78, 0.55], [1.0, 0.9, 0.78], [1.0, 0.97, 0.92], [0.92, 0.97, 1.0], [0.8, 0.9, 1.0]])
KINDS = {"photo": 0.6, "gradient": 0.15, "shapes": 0.18, "plain": 0.07}


def light(rng: np.random.Generator, scene: Scene) -> None:
    """A key light, a second one that fills or rims, light from all around, and the camera's exposure for it."""
    azimuth = rng.uniform(-1.5, 1.5, 2)
    height = np.radians([rng.uniform(-15, 70), rng.uniform(-10, 60)])
    if rng.random() < 0.2:
        azimuth[1] = rng.choice([-1, 1]) * rng.uniform(1.8, 2.9)  # from behind: a rim of light
    scene.light_direction = np.stack([np.sin(azimuth) * np.cos(height), np.sin(height), np.cos(azimuth) * np.cos(height)], 1)
    key, fill, ambient = rng.uniform(0.3, 2.6), rng.uniform(0, 1.0) * rng.choice([0.3, 1.0]), rng.uniform(0.15, 1.0)
    colours = LIGHT_COLOURS[rng.integers(len(LIGHT_COLOURS), size=3)] * np.exp(rng.normal(0, 0.04, (3, 3)))
    scene.light_colour = colours[:2] * [[key], [fill]]
    scene.sky = colours[2] * ambient
    scene.ground = scene.sky * rng.uniform(0.2, 0.9) * np.exp(rng.normal(0, 0.08, 3))
    scene.shadow = rng.uniform(0.2, 0.95) * (rng.random() < 0.75)
    brightness = scene.tone @ [0.3, 0.55, 0.15]
    irradiance = 0.55 * key + 0.4 * fill + 0.7 * ambient
    wanted = 0.55 * brightness**0.55 * np.exp(rng.normal(0, 0.28))  # cameras expose for the face, but not fully
    scene.exposure = np.clip(wanted / (brightness * irradiance), 0.1, 6)


class Backgrounds:
    """Pictures to stand before: pieces of portraits beside the face, or painted ones."""

    def __init__(self, size: int, pieces: list[np.ndarray]):
        self.size, self.pieces = size, pieces  # uint8 [h, w, 3] RGB

    def sample(self, rng: np.random.Generator) -> np.ndarray:
        """uint8 [size, size, 3] sRGB."""
        kind = rng.choice(list(KINDS), p=list(KINDS.values()))
        if kind == "photo" and self.pieces:
            return self._piece(rng)
        return self._painted(rng, kind)

    def _piece(self, rng):
        image = cv2.resize(self.pieces[rng.integers(len(self.pieces))], (self.size, self.size), interpolation=cv2.INTER_LINEAR)
        if rng.random() < 0.5:
            image = image[:, ::-1]
        blur = rng.choice([0, 2, 6, 14])
        image = cv2.GaussianBlur(image, (0, 0), float(blur)) if blur else image
        gain = np.exp(rng.normal(0, 0.3)) * np.exp(rng.normal(0, 0.12, 3))
        return np.clip(image * gain, 0, 255).astype(np.uint8)

    def _painted(self, rng, kind):
        size = self.size
        base, other = rng.uniform(0, 255, (2, 3)) if rng.random() < 0.6 else np.repeat(rng.uniform(0, 255, (2, 1)), 3, 1)
        dull = rng.uniform(0, 1) ** 0.5  # few walls are of a pure colour
        base, other = (colour + dull * (colour.mean() - colour) for colour in (base, other))
        if kind == "plain":
            other = base
        angle, grid = rng.uniform(0, 2 * np.pi), np.linspace(-0.5, 0.5, size)
        ramp = np.clip(np.cos(angle) * grid[None] + np.sin(angle) * grid[:, None] + 0.5, 0, 1)[..., None]
        image = (base * (1 - ramp) + other * ramp).astype(np.float32)
        if kind == "shapes":
            for _ in range(rng.integers(3, 30)):
                self._shape(rng, image)
            image = cv2.GaussianBlur(image, (0, 0), float(rng.choice([0.7, 3, 8, 20])))
        cells = size // int(rng.choice([2, 5, 12, 40]))
        noise = rng.normal(0, rng.uniform(0, 9), (cells, cells)).astype(np.float32)
        image += cv2.resize(noise, (size, size), interpolation=cv2.INTER_CUBIC)[..., None]
        return np.clip(image, 0, 255).astype(np.uint8)

    def _shape(self, rng, image):
        colour = rng.uniform(0, 255, 3)
        colour = (colour + rng.uniform(0, 1) * (colour.mean() - colour)).tolist()
        corner = rng.uniform(-0.1, 1, 2) * self.size
        extent = np.exp(rng.uniform(np.log(0.02), np.log(0.6), 2)) * self.size
        point = lambda values: tuple(values.astype(int).tolist())
        if rng.random() < 0.5:
            cv2.rectangle(image, point(corner), point(corner + extent), colour, -1)
        else:
            cv2.ellipse(image, point(corner), point(extent / 2), rng.uniform(0, 180), 0, 360, colour, -1)
