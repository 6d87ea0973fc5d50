"""What heads of the render dataset wear and stand in: hair, beards, hats, clothes, glasses, hands, light and background.

Outlines are signed distances in metres over the mean body (`edge`, positive inside), so they fit every identity.
"""
import cv2
import numpy as np

from .heads import Head
from .raster import BODY_VERTICES, Renderer, Scene, Shell, Solid, VertexNormals, unit
from .skin import Skin, sample_tone, to_linear
from .surface import boundary_loops

# Profile of the hair in the (z, y) plane of the mean head, m: forehead, temple, sideburn, over the ear, nape, then around.
HAIRLINE = np.array([[0.088, 0.098], [0.062, 0.082], [0.048, 0.055], [0.032, 0.033], [0.024, 0.005], [0.019, -0.012], [0.008, -0.01],
                     [0.006, 0.034], [-0.028, 0.038], [-0.043, 0.005], [-0.05, -0.045], [-0.06, -0.07], [-0.25, -0.08], [-0.25, 0.3], [0.1, 0.3]])
HAIR_COLOURS = np.array([[18, 14, 12], [34, 24, 18], [58, 40, 28], [88, 62, 40], [128, 96, 62], [176, 144, 98], [214, 190, 150],
                         [120, 60, 34], [150, 148, 146], [205, 204, 202], [80, 78, 76]], np.float32) / 255
HAIR_SHARES = np.array([5, 5, 4, 3, 2, 1.5, 1, 0.8, 1.5, 1.2, 1])
IRISES = np.array([[70, 42, 24], [52, 32, 20], [94, 70, 40], [92, 104, 70], [92, 122, 140], [110, 140, 170], [128, 132, 130]], np.float32) / 255
LIGHT_COLOURS = np.array([[1.0, 0.78, 0.55], [1.0, 0.9, 0.78], [1.0, 0.97, 0.92], [0.92, 0.97, 1.0], [0.8, 0.9, 1.0]])


def polygon_distance(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Signed distance [n] of points [n, 2] to a polygon's outline, positive inside."""
    start, end = corners, np.roll(corners, -1, axis=0)
    best, inside = np.full(len(points), np.inf), np.zeros(len(points), bool)
    for a, b in zip(start, end):
        along = np.clip(((points - a) @ (b - a)) / ((b - a) @ (b - a)), 0, 1)
        best = np.minimum(best, np.linalg.norm(points - a - along[:, None] * (b - a), axis=1))
        crosses = (a[1] > points[:, 1]) != (b[1] > points[:, 1])
        inside ^= crosses & (points[:, 0] < (b[0] - a[0]) * (points[:, 1] - a[1]) / (b[1] - a[1] + 1e-12) + a[0])
    return np.where(inside, best, -best)


def smooth(x: np.ndarray, low: float, high: float) -> np.ndarray:
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def combed(rng: np.random.Generator, across: float, along: float) -> np.ndarray:
    """A map [3, 3] from head space to the noise cube that draws strands in one random, mostly falling direction."""
    direction = unit(rng.normal(0, [0.8, 0.5, 1.0]) + [0, 1.0, 0])
    side = unit(np.cross(direction, [0.3, 0.1, 1.0]))
    return np.stack([side * across, np.cross(direction, side) * across, direction * along])


def waves(rng: np.random.Generator, points: np.ndarray, wavelength: float) -> np.ndarray:
    """Smooth random values [n] around 0, deviation about 0.7."""
    directions = rng.normal(0, 2 * np.pi / wavelength, (5, 3))
    return np.sin(points @ directions.T + rng.uniform(0, 2 * np.pi, 5)).mean(1) * 2.2


def tube(path: np.ndarray, radius, tint, gloss=0.3, grain=0.0, sides=8, closed=False) -> Solid:
    """A tube of `radius` (scalar or [n]) along `path` [n, 3]; a closed one has no ends, an open one is capped by its points."""
    path = np.asarray(path, float)
    tangent = unit(np.roll(path, -1, 0) - np.roll(path, 1, 0)) if closed else unit(np.gradient(path, axis=0))
    helper = np.where(np.abs(tangent[:, 1:2]) < 0.9, [[0.0, 1.0, 0.0]], [[1.0, 0.0, 0.0]])
    side = unit(np.cross(tangent, helper))
    angle = np.linspace(0, 2 * np.pi, sides, endpoint=False)[None, :, None]
    normal = side[:, None] * np.cos(angle) + np.cross(tangent, side)[:, None] * np.sin(angle)
    position = path[:, None] + normal * np.broadcast_to(radius, len(path))[:, None, None]
    ring, corner = np.meshgrid(np.arange(len(path) if closed else len(path) - 1), np.arange(sides), indexing="ij")
    following, turned = (ring + 1) % len(path), (corner + 1) % sides
    a, b, c, d = ring * sides + corner, ring * sides + turned, following * sides + turned, following * sides + corner
    triangles = np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)])
    n = len(path) * sides
    return Solid(position.reshape(n, 3), normal.reshape(n, 3), np.tile(tint, (n, 1)), np.tile([gloss, grain], (n, 1)), triangles)


def capsule(start, end, radius: float, tint, gloss=0.1, grain=0.06) -> Solid:
    """A round-ended stick."""
    start, end = np.asarray(start, float), np.asarray(end, float)
    axis = unit(end - start)
    angle = np.linspace(-np.pi / 2, np.pi / 2, 10)
    along = np.sin(angle) * radius
    path = np.where(angle[:, None] < 0, start, end) + along[:, None] * axis
    solid = tube(path, np.maximum(np.cos(angle), 0.02) * radius, tint, gloss, grain, sides=10)
    centre = np.where(np.repeat(angle < 0, 10)[:, None], start, end)
    return Solid(solid.position, unit(solid.position - centre), solid.tint, solid.finish, solid.triangles)


class Wardrobe:
    def __init__(self, renderer: Renderer):
        self.rest = renderer.rest[:BODY_VERTICES].astype(np.float64)
        self.size = renderer.size
        ict = renderer.canonical.ict
        self.landmarks = ict.landmarks68
        x, y, z = self.rest.T
        profile = self.rest[:, [2, 1]]
        self.hairlines = []
        for forehead, temple, sideburn, nape in ((0, 0, 0, 0), (0.008, -0.012, 0.01, 0.0), (-0.008, 0.0, -0.012, -0.012), (0.012, -0.022, 0.02, 0.02),
                                                 (-0.012, 0.004, 0.015, -0.005), (0.02, -0.04, 0.018, 0.01)):
            line = HAIRLINE.copy()
            line[0, 1] += forehead
            line[1:3, 0] += temple
            line[4:7, 1] += sideburn
            line[10:12, 1] += nape
            self.hairlines.append(polygon_distance(profile, line))
        lips = self.rest[renderer.lip_mask > 0.5]
        from scipy.spatial import cKDTree
        lip_distance = cKDTree(lips).query(self.rest)[0] - 0.0025
        front = z > 0.0
        upper = np.interp(z, [0.0, 0.02, 0.05, 0.08, 0.1], [0.0, -0.012, -0.04, -0.05, -0.046])
        jaw = np.minimum(np.minimum(upper - y, y + 0.118 + 0.0 * x), np.where(front, z - 0.004, -1))
        moustache = np.minimum.reduce([-0.0315 - y - 0.12 * np.abs(x), y + 0.062, 0.034 - np.abs(x), z - 0.07])
        self.beards = {
            "full": np.minimum(np.maximum(jaw, moustache), lip_distance),
            "goatee": np.minimum(np.maximum(np.minimum.reduce([jaw, 0.027 - np.abs(x), z - 0.06]), moustache), lip_distance),
            "moustache": np.minimum(moustache, lip_distance),
            "chin": np.minimum(np.minimum.reduce([jaw, 0.03 - np.abs(x), -0.07 - y]), lip_distance)}
        self.neck_loop = boundary_loops(ict.triangles("head"))[1]
        if self.rest[self.neck_loop, 1].mean() > -0.1:
            self.neck_loop = boundary_loops(ict.triangles("head"))[0]
        self.ears = [int(np.argmin(np.linalg.norm(self.rest - [side * 0.079, 0.026, -0.004], axis=1))) for side in (-1, 1)]
        band = np.abs(y - 0.05) < 0.01
        self.band = np.flatnonzero(band)

    # Each of the following draws its own random choices and adds to the scene.

    def dress(self, rng: np.random.Generator, head: Head, vertices: np.ndarray, skin: Skin, background: np.ndarray) -> Scene:
        """A scene for a head with ICT vertices [24591, 3]."""
        body = vertices[:BODY_VERTICES].astype(np.float64)
        tone = sample_tone(rng)
        if not skin.grey and rng.random() < 0.45:  # stays near the portrait's own colour
            tone = skin.mean * np.exp(rng.normal(0, 0.12) + rng.normal(0, 0.03, 3))
        scene = Scene(skin, np.clip(tone, 0.01, 0.9), background=background)
        grey_power = np.array([0.86, 1.0, 1.08]) if skin.grey or rng.random() < 0.4 else np.ones(3)
        scene.tone_power = grey_power * rng.uniform(0.8, 1.15)
        scene.keep_chroma = rng.uniform(0.5, 1.05) if rng.random() < 0.7 else 0.0
        scene.gloss = rng.uniform(0.02, 0.3)
        if rng.random() < 0.18:
            colour = np.array([0.45, 0.06, 0.08]) * rng.uniform(0.3, 1.2) * np.exp(rng.normal(0, 0.25, 3))
            scene.lipstick = np.array([*colour, rng.uniform(0.3, 0.8)])
        iris = to_linear(IRISES[rng.integers(len(IRISES))] * rng.uniform(0.6, 1.2))
        scene.iris = np.clip(iris, 0.004, 0.5)
        scene.white = np.array([0.55, 0.52, 0.49]) * rng.uniform(0.75, 1.1)
        scene.iris_radius, scene.pupil_radius = rng.uniform(0.0058, 0.0067), rng.uniform(0.0014, 0.0032)
        colour = to_linear(np.clip(HAIR_COLOURS[rng.choice(len(HAIR_COLOURS), p=HAIR_SHARES / HAIR_SHARES.sum())] * np.exp(rng.normal(0, 0.15)), 0.02, 0.95))
        cover = rng.choice(["none", "cap", "beanie", "brim", "hood", "turban"], p=[0.81, 0.06, 0.04, 0.04, 0.03, 0.02])
        self._hair(rng, scene, body, colour, covered=cover != "none")
        if cover != "none":
            self._hat(rng, scene, body, cover)
        self._beard(rng, scene, colour)
        self._clothes(rng, scene, body)
        if rng.random() < 0.22:
            self._glasses(rng, scene, body)
        if rng.random() < 0.1:
            self._occluder(rng, scene, body)
        if rng.random() < 0.02:
            self._mask(rng, scene)
        self._light(rng, scene)
        return scene

    def _hair(self, rng, scene, body, colour, covered):
        style = rng.choice(["bald", "buzz", "short", "volume", "curly", "long"], p=[0.09, 0.1, 0.3, 0.17, 0.12, 0.22])
        if style == "bald":
            if rng.random() < 0.5:  # a rim of hair is left
                scene.hair_edge = np.minimum(self.hairlines[5], 0.03 - self.rest[:, 1]) + 0.02
                scene.hair = np.array([*colour, rng.uniform(0.4, 0.9)])
            return
        edge = self.hairlines[rng.integers(6 if style in ("buzz", "short") else 5)] + rng.normal(0, 0.003)
        scene.hair_edge, scene.hair = edge, np.array([*colour, 0.85 if style == "buzz" else 0.97])
        curly = style == "curly" or (style == "long" and rng.random() < 0.25)
        across = rng.uniform(14, 28)
        strands = combed(rng, across, across * rng.uniform(0.04, 0.14))
        if curly:
            strands = np.linalg.qr(rng.normal(size=(3, 3)))[0] * rng.uniform(5, 13)
        scene.strands = strands
        second = np.clip(colour * rng.uniform(0.6, 1.7), 0, 0.9)
        if style == "buzz":
            return
        height = {"short": (0.006, 0.022), "volume": (0.018, 0.045), "curly": (0.02, 0.06), "long": (0.008, 0.025)}[style]
        height = rng.uniform(*height) * (0.4 if covered else 1.0)
        top = smooth(self.rest[:, 1], 0.0, 0.09)
        sides = rng.uniform(0.25, 1.0)
        lift = height * smooth(edge, -0.004, rng.uniform(0.015, 0.05)) * (sides + (1 - sides) * top) * (1 + 0.35 * waves(rng, self.rest, 0.07))
        droop = np.array([rng.normal(0, 0.5), -0.3, rng.normal(0.1, 0.4)]) * (0 if curly else 1)
        look = dict(tint=colour, second=second, strands=strands, fringe=rng.uniform(0.006, 0.018), fuzz=rng.uniform(0.6, 1.6), gloss=rng.uniform(0.05, 0.5))
        scene.shells.append(Shell(edge, np.maximum(lift, 0.001), layers=int(rng.integers(3, 5)), cut=rng.uniform(0.45, 0.65), droop=droop, **look))
        if style == "long":
            end = rng.choice([rng.uniform(-0.1, -0.02), rng.uniform(-0.24, -0.12)])
            opening = np.radians(rng.uniform(42, 84))
            mesh, edge, lift = self._curtain(rng, body, top=0.055, end=end, opening=opening, out=height * 0.8 + 0.004, flare=rng.uniform(0, 0.03), fall=rng.uniform(0.004, 0.014))
            if not curly:
                look["strands"] = np.diag([across, across * 0.08, across])
            scene.shells.append(Shell(edge, lift, layers=3, cut=rng.uniform(0.4, 0.6), mesh=mesh, **look))

    def _curtain(self, rng, body, top, end, opening, out, flare, fall):
        """A cloth or hair sheet [n] around the back of the head from height `top` down to `end`, open in front."""
        scale = np.abs(body[self.band]).max(0) / np.abs(self.rest[self.band]).max(0)
        phi, t = np.meshgrid(np.linspace(opening, 2 * np.pi - opening, 44), np.linspace(0, 1, 16), indexing="ij")
        wave = waves(rng, np.stack([np.sin(phi), 0.15 * t, np.cos(phi)], -1).reshape(-1, 3), rng.uniform(0.3, 0.9)).reshape(t.shape)
        radius = 1 + (out + flare * t + 0.006 * wave * t) / 0.085
        y = top + (end - top) * t
        lift_top = np.sin(np.pi * np.clip(t * 1.2, 0, 1)) * 0.011  # over the ears
        points = np.stack([(0.081 + lift_top) * radius * np.sin(phi), y, -0.008 + (0.092 + lift_top) * radius * np.cos(phi) + 0.02 * t * (np.cos(phi) > 0)], -1)
        points = points.reshape(-1, 3) * [scale[0], 1, scale[2]] + [0, body[self.band, 1].mean() - self.rest[self.band, 1].mean(), 0]
        rows, columns = np.meshgrid(np.arange(43), np.arange(15), indexing="ij")
        a = rows * 16 + columns
        triangles = np.concatenate([np.stack([a, a + 1, a + 17], -1).reshape(-1, 3), np.stack([a, a + 17, a + 16], -1).reshape(-1, 3)])
        normals = VertexNormals(triangles, len(points))(points)
        if (normals * (points - [0, 0.05, 0])).sum() < 0:
            normals = -normals
        edge = np.minimum((1 - t) * abs(top - end), (np.minimum(phi, 2 * np.pi - phi) - opening) * 0.09 + 0.004).ravel()
        return (points, normals, triangles), edge, np.full(len(points), fall)

    def _beard(self, rng, scene, colour):
        kind = rng.choice(["none", "stubble", "full", "goatee", "moustache", "chin"], p=[0.68, 0.12, 0.08, 0.05, 0.05, 0.02])
        if kind == "none":
            return
        colour = np.clip(colour * rng.uniform(0.6, 1.2), 0.004, 0.8)
        scene.beard_strands = np.diag([30, rng.uniform(5, 12), 30])
        edge = self.beards["full" if kind == "stubble" else kind] + rng.normal(0, 0.002)
        scene.beard_edge = edge
        scene.beard = np.array([*colour, rng.uniform(0.2, 0.55) if kind == "stubble" else 0.9])
        if kind != "stubble":
            length = rng.uniform(0.003, 0.022 if kind == "full" else 0.009)
            lift = length * smooth(edge, -0.002, 0.02) * (1 + 0.3 * waves(rng, self.rest, 0.04))
            scene.shells.append(Shell(edge, np.maximum(lift, 0.0005), colour, np.clip(colour * 1.5, 0, 0.9), np.diag([24, rng.uniform(3, 9), 24]), layers=3,
                                      cut=0.55, fringe=0.008, fuzz=1.5, gloss=0.1, droop=np.array([0, -0.5, 0]), hides=False))

    def _hat(self, rng, scene, body, kind):
        x, y, z = self.rest.T
        colour = np.clip(rng.uniform(0.01, 0.7) * np.exp(rng.normal(0, 0.5, 3)), 0.01, 0.8)
        second = np.clip(colour * rng.uniform(0.6, 1.4), 0, 0.9) if rng.random() < 0.7 else rng.uniform(0.02, 0.7, 3)
        pattern = rng.uniform(15, 120) if rng.random() < 0.2 else 0.0
        if kind == "hood":
            oval = np.sqrt((x / rng.uniform(0.062, 0.075)) ** 2 + ((y + 0.005) / rng.uniform(0.085, 0.1)) ** 2) - 1
            edge = np.where(z > 0.01, oval * 0.07, np.maximum(oval * 0.07, 0.015))
            edge = np.minimum(edge, 0.08)
            thickness = rng.uniform(0.008, 0.022)
        else:
            front = {"cap": 0.082, "brim": 0.08, "beanie": 0.07, "turban": 0.072}[kind] + rng.normal(0, 0.008)
            back = {"cap": 0.02, "brim": 0.02, "beanie": -0.005, "turban": 0.01}[kind] + rng.normal(0, 0.008)
            slope = (front - back) / 0.17
            edge = y - (back + slope * (z + 0.09))
            thickness = {"cap": 0.012, "brim": 0.014, "beanie": 0.014, "turban": 0.03}[kind] * rng.uniform(0.8, 1.4)
        lift = thickness * (1 + (0.35 if kind in ("turban", "hood") else 0.08) * waves(rng, self.rest, 0.06)) + 0.3 * np.maximum(edge, 0) * (kind in ("brim", "cap")) * smooth(y, 0.08, 0.12) * 0.5
        ribs = np.diag([rng.uniform(1, 3), rng.uniform(8, 14), rng.uniform(1, 3)]) if kind == "turban" else np.eye(3) * rng.uniform(10, 25)
        scene.shells = [shell for shell in scene.shells if shell.mesh is not None]
        if kind == "hood":
            scene.shells = []
        scene.shells.append(Shell(edge, lift, colour, second, ribs, layers=1, fringe=0.001, fuzz=rng.uniform(0.2, 0.7), gloss=0.02, pattern=pattern))
        if kind in ("cap", "brim"):
            scale = np.abs(body[self.band]).max(0) / np.abs(self.rest[self.band]).max(0)
            span = np.radians(rng.uniform(55, 75)) if kind == "cap" else np.pi
            length = rng.uniform(0.045, 0.075) if kind == "cap" else rng.uniform(0.03, 0.09)
            phi, t = np.meshgrid(np.linspace(-span, span, 36), np.linspace(0, 1, 6), indexing="ij")
            reach = length * t * (np.cos(phi / span * np.pi / 2) ** 0.5 if kind == "cap" else 1)
            inner = thickness * np.minimum(6 * t - 2, 1) if kind == "brim" else thickness  # a brim goes on under the hat
            px = (0.078 + inner + reach) * np.sin(phi)
            pz = (0.088 + inner + reach) * np.cos(phi)
            py = back + slope * (pz + 0.09) * (0.85 if kind == "cap" else 1) - rng.uniform(0, 0.25) * reach + (0.012 if kind == "cap" else 0.004) - 0.25 * px**2 / 0.08 * t * (kind == "cap")
            points = np.stack([px, py, pz], -1).reshape(-1, 3) * [scale[0], 1, scale[2]]
            a = (np.arange(35)[:, None] * 6 + np.arange(5)).ravel()
            triangles = np.concatenate([np.stack([a, a + 1, a + 7], 1), np.stack([a, a + 7, a + 6], 1)])
            n = len(points)
            scene.solids.append(Solid(points, VertexNormals(triangles, n)(points), np.tile(colour, (n, 1)), np.tile([0.03, 0.15], (n, 1)), triangles))

    def _clothes(self, rng, scene, body):
        x, y, z = self.rest.T
        colour = np.clip(np.exp(rng.uniform(np.log(0.01), np.log(0.8))) * np.exp(rng.normal(0, 0.4, 3)), 0.008, 0.85)
        second = np.clip(colour * rng.uniform(0.8, 1.25), 0, 0.9)
        pattern = 0.0
        if rng.random() < 0.2:
            second, pattern = rng.uniform(0.02, 0.7, 3), rng.uniform(10, 150) * (rng.random() < 0.7)
        cloth = dict(strands=np.eye(3) * rng.uniform(6, 25), fringe=0.001, fuzz=rng.uniform(0.15, 0.6), gloss=0.02, pattern=pattern)
        bare = rng.random() < 0.1
        if not bare:
            depth = rng.uniform(0, 0.05) * (rng.random() < 0.5)
            neckline = -0.135 - rng.uniform(0, 0.02) - depth * smooth(z, 0.0, 0.05) * (1 - np.minimum(np.abs(x) / 0.06, 1))
            scene.shells.append(Shell(neckline - y + 0.1 * np.maximum(np.abs(x) - 0.07, 0), 0.006 + 0.002 * waves(rng, self.rest, 0.05), colour, second, **cloth))
            if rng.random() < 0.3:  # a shirt shows in the jacket's opening, and perhaps a tie on it
                opened = np.maximum(0.006, 0.05 * smooth(y, -0.2, -0.14)) - np.abs(x)
                shirt, tie = np.clip(rng.uniform(0.3, 0.8) * np.exp(rng.normal(0, 0.15, 3)), 0, 0.9), rng.uniform(0.02, 0.5, 3)
                plain = {**cloth, "pattern": 0.0}
                scene.shells.append(Shell(np.minimum.reduce([opened, -0.125 - y, z - 0.01]), np.full(BODY_VERTICES, 0.009), shirt, shirt, **plain))
                if rng.random() < 0.7:
                    scene.shells.append(Shell(np.minimum.reduce([0.006 + 0.12 * (-0.14 - y) - np.abs(x), -0.135 - y, z - 0.01]), np.full(BODY_VERTICES, 0.012), tie, tie * rng.uniform(0.3, 1),
                                              **{**cloth, "pattern": rng.uniform(40, 160) * (rng.random() < 0.5)}))
            if rng.random() < 0.45:
                mesh, edge, lift = self._collar(rng, body)
                shade = rng.uniform(0.5, 0.8, 3) if rng.random() < 0.5 else colour
                scene.shells.append(Shell(edge, lift, shade, shade * 0.95, mesh=mesh, **cloth))
        loop = body[self.neck_loop]
        centre = loop.mean(0)
        rings = [loop]
        for out_x, out_z, down in ((1.06, 1.02, -0.003), (1.35, 1.1, -0.014), (1.65, 1.15, -0.042), (1.8, 1.2, -0.1), (1.8, 1.25, -0.25), (1.7, 1.2, -0.7)):
            rings.append((loop - centre) * [out_x, 0.6, out_z] + centre + [0, down, -0.01])
        points = np.concatenate(rings)
        n = len(loop)
        ring, k = np.meshgrid(np.arange(len(rings) - 1), np.arange(n), indexing="ij")
        a, b = ring * n + k, ring * n + (k + 1) % n
        triangles = np.concatenate([np.stack([a, b, b + n], -1).reshape(-1, 3), np.stack([a, b + n, a + n], -1).reshape(-1, 3)])
        tint = scene.tone if bare else colour
        scene.solids.append(Solid(points, VertexNormals(triangles, len(points))(points), np.tile(tint, (len(points), 1)),
                                  np.tile([0.02, 0.1], (len(points), 1)), triangles))

    def _collar(self, rng, body):
        """A standing band around the neck."""
        phi, t = np.meshgrid(np.linspace(0.12, 2 * np.pi - 0.12, 40), np.linspace(0, 1, 4), indexing="ij")
        high = rng.uniform(0.02, 0.045)
        shift = body[self.neck_loop].mean(0) - self.rest[self.neck_loop].mean(0)
        flare = 1 + rng.uniform(0.0, 0.35) * t
        points = np.stack([0.068 * flare * np.sin(phi), -0.118 - high * t - 0.03 * np.cos(phi) * (1 - 0.4 * t), -0.022 + 0.075 * flare * np.cos(phi)], -1).reshape(-1, 3) + shift
        a = (np.arange(39)[:, None] * 4 + np.arange(3)).ravel()
        triangles = np.concatenate([np.stack([a, a + 1, a + 5], 1), np.stack([a, a + 5, a + 4], 1)])
        normals = VertexNormals(triangles, len(points))(points)
        if (normals * (points - [0, -0.14, -0.02])).sum() < 0:
            normals = -normals
        return (points, normals, triangles), np.full(len(points), 0.02), np.full(len(points), 0.002)

    def _glasses(self, rng, scene, body):
        eyes = [body[self.landmarks[36:42]].mean(0), body[self.landmarks[42:48]].mean(0)]  # right, left
        if eyes[0][0] > eyes[1][0]:
            eyes = eyes[::-1]
        tint = rng.choice([0.01, 0.02, 0.1, 0.5]) * np.exp(rng.normal(0, 0.4, 3)) if rng.random() < 0.8 else np.array([0.5, 0.35, 0.12])
        radius = np.exp(rng.uniform(np.log(0.0007), np.log(0.0032)))
        half = np.array([rng.uniform(0.021, 0.028), rng.uniform(0.015, 0.025)])
        power = 2 / rng.uniform(2, 5)
        drop, front = rng.uniform(-0.004, 0.006), rng.uniform(0.014, 0.02)
        bridge_z = body[self.landmarks[27]][2] + 0.003
        angle = np.linspace(0, 2 * np.pi, 28, endpoint=False)
        sunglasses = rng.random() < 0.2
        scene.lens = np.array([*(rng.uniform(0.0, 0.1, 3) if sunglasses else rng.uniform(0.4, 0.9, 3)), rng.uniform(0.6, 0.96) if sunglasses else rng.uniform(0.0, 0.12)])
        inner, rimless = [], rng.random() < 0.1
        for side, eye, ear in ((-1, eyes[0], body[self.ears[0]]), (1, eyes[1], body[self.ears[1]])):
            centre = np.array([eye[0] + side * 0.001, eye[1] - drop, max(eye[2] + front, bridge_z - 0.004)])
            local = np.stack([np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** power * half[0], np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** power * half[1]], 1)
            rim = centre + np.concatenate([local, -3.0 * np.maximum(local[:, :1] * side + 0.01, 0) ** 2 - 0.08 * (-local[:, 1:])], 1)
            if not rimless:
                scene.solids.append(tube(rim, radius, tint, 0.5, sides=6, closed=True))
            outer = rim[np.argmax(rim[:, 0] * side)] + [0, half[1] * 0.4, 0]
            inner.append(rim[np.argmin(rim[:, 0] * side)] + [0, half[1] * 0.3, 0])
            hinge = outer + [side * 0.004, 0, -0.004]
            scene.solids.append(tube(np.array([outer, hinge, 0.5 * (hinge + ear) + [side * 0.004, 0.0, 0], ear + [side * 0.002, 0.006, 0.01], ear + [side * 0.001, 0.0, -0.012]]),
                                     max(radius, 0.0012), tint, 0.5, sides=6))
            fan = np.stack([np.full(28, 28), np.arange(28), (np.arange(28) + 1) % 28], 1)
            points = np.concatenate([rim, rim.mean(0, keepdims=True) + [[0, 0, 0.002]]])
            normals = unit(np.concatenate([local * 6, np.full((28, 1), 1.0)], 1))
            normals = np.concatenate([normals, [[0, 0, 1]]])
            scene.lenses.append(Solid(points, normals, np.ones((29, 3)), np.zeros((29, 2)), fan))
        middle = 0.5 * (inner[0] + inner[1]) + [0, 0.003, 0.003]
        scene.solids.append(tube(np.array([inner[0], middle, inner[1]]), max(radius, 0.001), tint, 0.5, sides=6))

    def _occluder(self, rng, scene, body):
        kind = rng.choice(["hand", "microphone", "box", "strap"], p=[0.55, 0.2, 0.15, 0.1])
        anchor = body[self.landmarks[rng.choice([8, 3, 13, 48, 54, 33, 21, 5, 11, 57])]]
        outwards = unit(np.array([anchor[0] * 2, anchor[1] * 0.3, 0.09]) + rng.normal(0, 0.03, 3))
        grip = anchor + outwards * rng.uniform(0.012, 0.05)
        if kind == "hand":
            tone = scene.tone * rng.uniform(0.85, 1.1)
            fingers = unit(rng.normal(0, 1, 3) * [1, 1, 0.35])
            spread = unit(np.cross(fingers, outwards))
            for k in range(4):
                start = grip + spread * (k - 1.5) * 0.0185
                bent = start + fingers * rng.uniform(0.03, 0.045) - outwards * rng.uniform(0, 0.008)
                scene.solids += [capsule(start, bent, 0.0088, tone), capsule(bent, bent + unit(fingers - outwards * rng.uniform(0, 0.8)) * rng.uniform(0.02, 0.035), 0.0078, tone)]
                scene.solids.append(capsule(start - fingers * 0.07 - spread * (k - 1.5) * 0.004, start, 0.0115, tone))
            thumb = grip - fingers * 0.035 + spread * 0.035
            scene.solids += [capsule(thumb - fingers * 0.02, thumb + spread * 0.02 + fingers * 0.03, 0.0105, tone),
                             capsule(grip - fingers * 0.08, grip - fingers * 0.35 - [0, 0.05, 0], 0.028, tone)]
        elif kind == "microphone":
            tint = np.full(3, rng.uniform(0.01, 0.1))
            handle = grip + unit(np.array([rng.normal(0, 0.5), -1, rng.uniform(0, 1)])) * 0.2
            scene.solids += [capsule(grip, grip + (handle - grip) * 0.02, 0.02, tint * 2, 0.2, 0.5), capsule(grip + (handle - grip) * 0.1, handle, 0.011, tint, 0.4, 0)]
        elif kind == "box":
            corner = unit(rng.normal(0, 1, 3) * [1, 1, 0.2])
            tint = rng.uniform(0.01, 0.6, 3)
            across = unit(np.cross(corner, outwards))
            for k in np.linspace(-0.03, 0.03, 5):
                scene.solids.append(capsule(grip + across * k, grip + across * k + corner * 0.12, 0.009, tint, 0.4, 0))
        else:
            path = np.linspace(0, 1, 12)[:, None]
            start, end = anchor + [rng.uniform(-0.12, 0.12), 0.12, 0.03], anchor + [rng.uniform(-0.12, 0.12), -0.15, 0.03]
            scene.solids.append(tube(start + (end - start) * path + outwards * np.sin(np.pi * path) * rng.uniform(0.02, 0.06), rng.uniform(0.002, 0.01), rng.uniform(0.01, 0.5, 3)))

    def _mask(self, rng, scene):
        x, y, z = self.rest.T
        edge = np.minimum.reduce([-0.012 - 0.25 * np.abs(x) - y + 0.01, y + 0.112, z - 0.03])
        tint = np.array([0.4, 0.6, 0.75]) if rng.random() < 0.5 else rng.uniform(0.02, 0.8, 3)
        scene.shells.append(Shell(edge, np.full(BODY_VERTICES, 0.006), tint, tint * 0.9, np.eye(3) * 15, fringe=0.001, fuzz=0.3, gloss=0.02))

    def _light(self, rng, scene):
        azimuth, height = rng.uniform(-1.5, 1.5, 2), np.radians([rng.uniform(-15, 70), rng.uniform(-10, 60)])
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
        wanted = 0.55 * brightness ** 0.55 * np.exp(rng.normal(0, 0.28))  # cameras expose for the face, not fully
        scene.exposure = np.clip(wanted / (brightness * irradiance), 0.1, 6)


class Backgrounds:
    """Pictures to stand before: painted, or pieces of portraits' margins."""

    def __init__(self, size: int, pieces: list[np.ndarray]):
        self.size, self.pieces = size, pieces  # uint8 [h, w, 3] RGB

    def sample(self, rng: np.random.Generator) -> np.ndarray:
        size = self.size
        kind = rng.choice(["photo", "gradient", "blobs", "plain"], p=[0.6, 0.15, 0.18, 0.07] if self.pieces else [0, 0.4, 0.4, 0.2])
        if kind == "photo":
            piece = self.pieces[rng.integers(len(self.pieces))]
            image = cv2.resize(piece, (size, size), interpolation=cv2.INTER_LINEAR)
            if rng.random() < 0.5:
                image = image[:, ::-1]
            blur = rng.choice([0, 2, 6, 14])
            image = cv2.GaussianBlur(image, (0, 0), float(blur)) if blur else image
            gain = np.exp(rng.normal(0, 0.3)) * np.exp(rng.normal(0, 0.15, 3))
            return np.clip(image * gain, 0, 255).astype(np.uint8)
        base, other = rng.uniform(0, 255, (2, 3)) if rng.random() < 0.6 else np.repeat(rng.uniform(0, 255, (2, 1)), 3, 1)
        dull = rng.uniform(0, 1) ** 0.5  # few walls are of a pure colour
        base, other = (colour + dull * (colour.mean() - colour) for colour in (base, other))
        if kind == "plain":
            other = base
        angle = rng.uniform(0, 2 * np.pi)
        grid = np.linspace(-0.5, 0.5, size)
        ramp = np.clip(np.cos(angle) * grid[None] + np.sin(angle) * grid[:, None] + 0.5, 0, 1)[..., None]
        image = (base * (1 - ramp) + other * ramp).astype(np.float32)
        if kind == "blobs":
            for _ in range(rng.integers(3, 30)):
                colour = rng.uniform(0, 255, 3).tolist()
                corner, extent = rng.uniform(-0.1, 1, 2) * size, np.exp(rng.uniform(np.log(0.02), np.log(0.6), 2)) * size
                if rng.random() < 0.5:
                    cv2.rectangle(image, tuple(corner.astype(int).tolist()), tuple((corner + extent).astype(int).tolist()), colour, -1)
                else:
                    cv2.ellipse(image, tuple(corner.astype(int).tolist()), tuple((extent / 2).astype(int).tolist()), rng.uniform(0, 180), 0, 360, colour, -1)
            blur = rng.choice([0.7, 3, 8, 20])
            image = cv2.GaussianBlur(image, (0, 0), float(blur))
        grain = int(rng.choice([2, 5, 12, 40]))
        image += cv2.resize(rng.normal(0, rng.uniform(0, 9), (size // grain, size // grain, 1)).astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC)[..., None]
        return np.clip(image, 0, 255).astype(np.uint8)
