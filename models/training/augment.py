"""Hard photometric augmentation of uint8 RGB images, and pictures without a face."""
import cv2
import numpy as np

from .groups import grey
from .skin import sample_tone, to_srgb

SKIN_CHROMA = 12.0  # deviation of a* and b* over a face's skin, and so how near another pixel's must be, 8-bit CIELAB
SKIN_GAIN = (0.4, 2.2)  # of sRGB levels: more shows noise, less no face


def photometric(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Colour, exposure, blur, noise, JPEG, occluders: [H, W, 3] uint8 to the same."""
    size = image.shape[0]
    if random.random() < 0.2:
        image = np.repeat(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None], 3, 2)
    if random.random() < 0.85:
        levels = np.arange(256) / 255
        gamma = np.exp(random.normal(0, 0.28))
        contrast, brightness = np.exp(random.normal(0, 0.16)), random.normal(0, 0.07)
        tint = random.normal(0, 0.07 if random.random() < 0.6 else 0.2, 3)
        curves = ((levels**gamma - 0.5) * contrast + 0.5 + brightness)[None, :] * (1 + tint[:, None])
        image = cv2.LUT(image, np.clip(curves * 255, 0, 255).astype(np.uint8).T[None])
    if random.random() < 0.2:
        image = occlude(image, random)
    if random.random() < 0.25:
        sigma = random.uniform(0.4, 2.2) * size / 192
        image = cv2.GaussianBlur(image, (0, 0), sigma)
    elif random.random() < 0.1:
        small = max(24, int(size * random.uniform(0.25, 0.7)))
        image = cv2.resize(cv2.resize(image, (small, small), interpolation=cv2.INTER_AREA), (size, size), interpolation=cv2.INTER_LINEAR)
    elif random.random() < 0.06:
        length = int(random.integers(3, 11))
        kernel = np.zeros((length, length), np.float32)
        cv2.line(kernel, *random.integers(0, length, (2, 2)).tolist(), 1.0)
        image = cv2.filter2D(image, -1, kernel / max(kernel.sum(), 1))
    if random.random() < 0.3:
        noise = random.integers(-128, 128, (size, size, 1 if random.random() < 0.5 else 3), dtype=np.int8)
        image = np.clip(image + noise * (random.exponential(0.09)), 0, 255).astype(np.uint8)
    if random.random() < 0.12:
        quality = int(random.integers(12, 70))
        image = cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)
    return image


def recolour(image: np.ndarray, skin: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The skin of image [H, W, 3] another tone of human skin: whatever has the hue seen at its points `skin` [K, 2] px.

    Where the picture has no colour, or none of the points, it stays as it is.
    """
    inside = ((skin >= 0) & (skin < image.shape[0])).all(1)
    if not inside.any() or grey(image):
        return image
    x, y = skin[inside].astype(int).T
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB)
    own = np.median(image[y, x], 0)
    _, a, b = np.median(lab[y, x], 0)
    level = np.arange(256)
    alike = [np.exp(-0.5 * ((level - centre) / SKIN_CHROMA) ** 2).astype(np.float32) for centre in (a, b)]
    mask = cv2.LUT(lab[..., 1], alike[0]) * cv2.LUT(lab[..., 2], alike[1])
    tone = 255 * to_srgb(sample_tone(random))
    gain = np.clip(tone / np.maximum(own, 8), *SKIN_GAIN).astype(np.float32)
    return np.clip(image * (1 + cv2.GaussianBlur(mask, (0, 0), 2.0)[..., None] * (gain - 1)), 0, 255).astype(np.uint8)


def occlude(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """One to three blobs, bars or patches of the image itself over it."""
    image = image.copy()
    size = image.shape[0]
    for _ in range(random.integers(1, 4)):
        centre, axes = random.uniform(0, size, 2), random.uniform(0.05, 0.22, 2) * size
        mask = np.zeros((size, size), np.uint8)
        angle = random.uniform(0, 180)
        if random.random() < 0.5:
            cv2.ellipse(mask, centre.astype(int).tolist(), axes.astype(int).tolist(), angle, 0, 360, 255, -1)
        else:
            box = cv2.boxPoints((centre.tolist(), (axes * 2).tolist(), angle))
            cv2.fillConvexPoly(mask, box.astype(np.int32), 255)
        if random.random() < 0.5:
            fill = np.broadcast_to(random.integers(0, 256, 3).astype(np.uint8), image.shape).copy()
        else:
            fill = np.roll(image, random.integers(size // 4, size, 2).tolist(), (0, 1))
        strength = random.uniform(0.7, 1)
        cv2.copyTo(cv2.addWeighted(fill, strength, image, 1 - strength, 0), mask, image)
    return image


def backdrop(size: int, random: np.random.Generator) -> np.ndarray:
    """A picture with no face in it: a plain colour, a gradient or clouds of noise, [size, size, 3] uint8."""
    kind = random.random()
    if kind < 0.35:
        level = 0 if random.random() < 0.5 else random.integers(0, 256, 3)
        return np.broadcast_to(np.uint8(level), (size, size, 3)).copy()
    coarse = int(random.choice([2, 4, 8, 24]))
    noise = random.integers(0, 256, (coarse, coarse, 3)).astype(np.uint8)
    if kind < 0.6:
        noise = np.repeat(noise.mean(2, keepdims=True).astype(np.uint8), 3, 2)
    return cv2.resize(noise, (size, size), interpolation=cv2.INTER_CUBIC)
