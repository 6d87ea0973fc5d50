"""What heads of the render dataset wear: hair, beards, hats, clothes, glasses, and hands before the face.

Outlines are signed distances in metres over the mean body (`edge`, positive inside), so they fit every identity.
"""
import numpy as np
from scipy.spatial import cKDTree

from . import surroundings
from .normals import unit
from .raster import BODY_VERTICES, Renderer, Scene, Shell, Solid
from .shapes import capsule, combed, polygon_distance, sheet, smooth, solid, tube, waves
from .skin import Skin, sample_tone, to_linear
from .surface import boundary_loops

# Profile of the hair in the (z, y) plane of the mean head, m: forehead, temple, sideburn, over the ear, nape, then around.
HAIRLINE = np.array([[0.088, 0.098], [0.062, 0.082], [0.048, 0.055], [0.032, 0.033], [0.024, 0.005], [0.019, -0.012],
                     [0.008, -0.01], [0.006, 0.034], [-0.028, 0.038], [-0.043, 0.005], [-0.05, -0.045], [-0.06, -0.07],
                     [-0.25, -0.08], [-0.25, 0.3], [0.1, 0.3]])
# How hairlines differ, m: forehead up, temple forward, sideburn up, nape up. The last one is bald in front.
HAIRLINES = ((0, 0, 0, 0), (0.008, -0.012, 0.01, 0.0), (-0.008, 0.0, -0.012, -0.012), (0.012, -0.022, 0.02, 0.02),
             (-0.012, 0.004, 0.015, -0.005), (0.02, -0.04, 0.018, 0.01))
# sRGB: black, browns, blonds, red, greys
HAIR_COLOURS = np.array([[18, 14, 12], [34, 24, 18], [58, 40, 28], [88, 62, 40], [128, 96, 62], [176, 144, 98],
                         [214, 190, 150], [120, 60, 34], [150, 148, 146], [205, 204, 202], [80, 78, 76]]) / 255
HAIR_SHARES = np.array([5, 5, 4, 3, 2, 1.5, 1, 0.8, 1.5, 1.2, 1]) / 26
HAIR_HEIGHTS = {"short": (0.006, 0.022), "volume": (0.018, 0.045), "curly": (0.02, 0.06), "long": (0.008, 0.025)}  # m
STYLES = {"bald": 0.09, "buzz": 0.1, "short": 0.3, "volume": 0.17, "curly": 0.12, "long": 0.22}
BEARDS = {"none": 0.68, "stubble": 0.12, "full": 0.08, "goatee": 0.05, "moustache": 0.05, "chin": 0.02}
HATS = {"none": 0.81, "cap": 0.06, "beanie": 0.04, "brim": 0.04, "hood": 0.03, "turban": 0.02}
# Height of a hat's edge at the forehead and at the nape, and how far it stands off, m.
HAT_EDGES = {"cap": (0.082, 0.02, 0.012), "brim": (0.08, 0.02, 0.014), "beanie": (0.07, -0.005, 0.014), "turban": (0.072, 0.01, 0.03)}
OCCLUDERS = {"hand": 0.55, "microphone": 0.2, "box": 0.15, "strap": 0.1}
OCCLUDED = (8, 3, 13, 48, 54, 33, 21, 5, 11, 57)  # iBUG points that something is held before
IRISES = np.array([[70, 42, 24], [52, 32, 20], [94, 70, 40], [92, 104, 70], [92, 122, 140], [110, 140, 170], [128, 132, 130]]) / 255


def pick(rng: np.random.Generator, shares: dict[str, float]) -> str:
    return rng.choice(list(shares), p=list(shares.values()))


class Wardrobe:
    def __init__(self, renderer: Renderer):
        ict = renderer.canonical.ict
        self.rest = renderer.rest[:BODY_VERTICES].astype(np.float64)
        self.landmarks = ict.landmarks68
        self.hairlines = [polygon_distance(self.rest[:, [2, 1]], self._hairline(*change)) for change in HAIRLINES]
        self.beards = self._beard_outlines(self.rest[renderer.lip_mask > 0.5])
        loops = boundary_loops(ict.triangles("head"))  # the face's outline and the bust's lower end
        self.bust_end = min(loops, key=lambda loop: self.rest[loop, 1].mean())
        self.ears = [int(np.linalg.norm(self.rest - [side * 0.079, 0.026, -0.004], axis=1).argmin()) for side in (-1, 1)]
        self.band = np.flatnonzero(np.abs(self.rest[:, 1] - 0.05) < 0.01)  # around the head, above the ears

    @staticmethod
    def _hairline(forehead, temple, sideburn, nape):
        line = HAIRLINE.copy()
        line[0, 1] += forehead
        line[1:3, 0] += temple
        line[4:7, 1] += sideburn
        line[10:12, 1] += nape
        return line

    def _beard_outlines(self, lips):
        x, y, z = self.rest.T
        off_lips = cKDTree(lips).query(self.rest)[0] - 0.0025
        cheek = np.interp(z, [0.0, 0.02, 0.05, 0.08, 0.1], [0.0, -0.012, -0.04, -0.05, -0.046])  # the beard's upper edge
        jaw = np.minimum.reduce([cheek - y, y + 0.118, np.where(z > 0, z - 0.004, -1)])
        moustache = np.minimum.reduce([-0.0315 - y - 0.12 * np.abs(x), y + 0.062, 0.034 - np.abs(x), z - 0.07])
        goatee = np.minimum.reduce([jaw, 0.027 - np.abs(x), z - 0.06])
        chin = np.minimum.reduce([jaw, 0.03 - np.abs(x), -0.07 - y])
        full = np.maximum(jaw, moustache)
        outlines = {"stubble": full, "full": full, "goatee": np.maximum(goatee, moustache), "moustache": moustache, "chin": chin}
        return {name: np.minimum(outline, off_lips) for name, outline in outlines.items()}

    def _scale(self, body):
        """How much wider and deeper [3] this head is than the mean one."""
        scale = np.abs(body[self.band]).max(0) / np.abs(self.rest[self.band]).max(0)
        return np.array([scale[0], 1, scale[2]])

    def dress(self, rng: np.random.Generator, vertices: np.ndarray, skin: Skin, background: np.ndarray) -> Scene:
        """A random scene for a head with ICT vertices [24591, 3]."""
        body = vertices[:BODY_VERTICES].astype(np.float64)
        scene = Scene(skin, tone=np.zeros(3), background=background)
        self._complexion(rng, scene)
        colour = HAIR_COLOURS[rng.choice(len(HAIR_COLOURS), p=HAIR_SHARES)] * np.exp(rng.normal(0, 0.15))
        colour = to_linear(np.clip(colour, 0.02, 0.95))
        hat = pick(rng, HATS)
        self._hair(rng, scene, body, colour, covered=hat != "none")
        if hat != "none":
            self._hat(rng, scene, body, hat)
        self._beard(rng, scene, colour)
        scene.lashes = 0.5 * colour * rng.uniform(0.1, 1)
        scene.lash_density, scene.lash_length = rng.uniform([0.4, -0.3], [1.0, 0.5]), rng.uniform(0.005, 0.01)
        self._clothes(rng, scene, body)
        if rng.random() < 0.22:
            self._glasses(rng, scene, body)
        if rng.random() < 0.1:
            self._occluder(rng, scene, body)
        if rng.random() < 0.02:
            self._mask(rng, scene)
        surroundings.light(rng, scene)
        return scene

    def _complexion(self, rng, scene):
        skin, tone = scene.skin, sample_tone(rng)
        if not skin.grey and rng.random() < 0.45:  # stays near the portrait's own colour
            tone = skin.mean * np.exp(rng.normal(0, 0.12) + rng.normal(0, 0.03, 3))
        scene.tone = np.clip(tone, 0.01, 0.9)
        # Without colour of its own a skin reddens where it darkens.
        scene.tone_power = np.array([0.86, 1.0, 1.08]) if skin.grey or rng.random() < 0.4 else np.ones(3)
        scene.tone_power = scene.tone_power * rng.uniform(0.8, 1.15)
        scene.keep_chroma = rng.uniform(0.5, 1.05) if rng.random() < 0.7 else 0.0
        scene.gloss = rng.uniform(0.02, 0.3)
        if rng.random() < 0.18:
            lipstick = np.array([0.45, 0.06, 0.08]) * rng.uniform(0.3, 1.2) * np.exp(rng.normal(0, 0.25, 3))
            scene.lipstick = np.array([*lipstick, rng.uniform(0.3, 0.8)])
        scene.iris = np.clip(to_linear(IRISES[rng.integers(len(IRISES))] * rng.uniform(0.6, 1.2)), 0.004, 0.5)
        scene.white = np.array([0.46, 0.43, 0.41]) * rng.uniform(0.7, 1.15)
        scene.iris_radius, scene.pupil_radius = rng.uniform(0.0058, 0.0067), rng.uniform(0.0014, 0.0032)

    def _hair(self, rng, scene, body, colour, covered):
        style = pick(rng, STYLES)
        if style == "bald":
            if rng.random() < 0.5:  # a rim of hair is left
                scene.hair_edge = np.minimum(self.hairlines[-1], 0.03 - self.rest[:, 1]) + 0.02
                scene.hair = np.array([*colour, rng.uniform(0.4, 0.9)])
            return
        lines = len(self.hairlines) if style in ("buzz", "short") else len(self.hairlines) - 1
        edge = self.hairlines[rng.integers(lines)] + rng.normal(0, 0.003)
        across = rng.uniform(14, 28)
        curly = style == "curly" or (style == "long" and rng.random() < 0.25)
        if curly:
            strands = np.linalg.qr(rng.normal(size=(3, 3)))[0] * rng.uniform(5, 13)
        else:
            strands = combed(rng, across, across * rng.uniform(0.04, 0.14))
        scene.hair_edge, scene.hair, scene.strands = edge, np.array([*colour, 0.85 if style == "buzz" else 0.97]), strands
        if style == "buzz":
            return
        height = rng.uniform(*HAIR_HEIGHTS[style]) * (0.4 if covered else 1.0)
        top, sides = smooth(self.rest[:, 1], 0.0, 0.09), rng.uniform(0.25, 1.0)
        lift = height * smooth(edge, -0.004, rng.uniform(0.015, 0.05)) * (sides + (1 - sides) * top)
        lift = np.maximum(lift * (1 + 0.35 * waves(rng, self.rest, 0.07)), 0.001)
        droop = np.array([rng.normal(0, 0.5), -0.3, rng.normal(0.1, 0.4)]) * (not curly)
        look = {"tint": colour, "second": np.clip(colour * rng.uniform(0.6, 1.7), 0, 0.9), "strands": strands,
                "fringe": rng.uniform(0.006, 0.018), "fuzz": rng.uniform(0.6, 1.6), "gloss": rng.uniform(0.05, 0.5)}
        scene.shells.append(Shell(edge, lift, layers=int(rng.integers(3, 5)), cut=rng.uniform(0.45, 0.65), droop=droop, **look))
        if style == "long":
            if not curly:
                look["strands"] = np.diag([across, across * 0.08, across])  # hangs down
            mesh, edge = self._curtain(rng, body, 0.8 * height + 0.004)
            fall = np.full(len(edge), rng.uniform(0.004, 0.014))
            scene.shells.append(Shell(edge, fall, layers=3, cut=rng.uniform(0.4, 0.6), mesh=mesh, **look))

    def _curtain(self, rng, body, out):
        """Hair that hangs around the back of the head, open in front: mesh and the distance [n] to its border."""
        top, end = 0.055, rng.choice([rng.uniform(-0.1, -0.02), rng.uniform(-0.24, -0.12)])
        opening, flare = np.radians(rng.uniform(42, 84)), rng.uniform(0, 0.03)  # rad from the front; m wider at the end
        phi, t = np.meshgrid(np.linspace(opening, 2 * np.pi - opening, 44), np.linspace(0, 1, 16), indexing="ij")
        around = np.stack([np.sin(phi), 0.15 * t, np.cos(phi)], -1)
        wave = waves(rng, around.reshape(-1, 3), rng.uniform(0.3, 0.9)).reshape(t.shape)
        spread = 1 + (out + flare * t + 0.006 * wave * t) / 0.085
        ear = 0.011 * np.sin(np.pi * np.clip(1.2 * t, 0, 1))  # room for the ears
        points = np.stack([(0.081 + ear) * spread * np.sin(phi), top + (end - top) * t,
                           (0.092 + ear) * spread * np.cos(phi) + 0.02 * t * (np.cos(phi) > 0) - 0.008], -1)
        points = points * self._scale(body) + [0, (body[self.band, 1] - self.rest[self.band, 1]).mean(), 0]
        border = np.minimum((1 - t) * (top - end), (np.minimum(phi, 2 * np.pi - phi) - opening) * 0.09 + 0.004)
        return sheet(points, np.array([0, 0.05, 0])), border.ravel()

    def _beard(self, rng, scene, colour):
        kind = pick(rng, BEARDS)
        if kind == "none":
            return
        colour = np.clip(colour * rng.uniform(0.6, 1.2), 0.004, 0.8)
        edge = self.beards[kind] + rng.normal(0, 0.002)
        scene.beard_edge, scene.beard_strands = edge, np.diag([30, rng.uniform(5, 12), 30])
        scene.beard = np.array([*colour, rng.uniform(0.2, 0.55) if kind == "stubble" else 0.9])
        if kind == "stubble":
            return
        length = rng.uniform(0.003, 0.022 if kind == "full" else 0.009)
        lift = np.maximum(length * smooth(edge, -0.002, 0.02) * (1 + 0.3 * waves(rng, self.rest, 0.04)), 0.0005)
        # A landmark on a bearded chin is still to be found: the beard hides no query.
        scene.shells.append(Shell(edge, lift, colour, np.clip(colour * 1.5, 0, 0.9), np.diag([24, rng.uniform(3, 9), 24]), layers=3, cut=0.55,
                                  fringe=0.008, fuzz=1.5, gloss=0.1, droop=np.array([0, -0.5, 0]), hides=False))

    def _hat(self, rng, scene, body, kind):
        x, y, z = self.rest.T
        colour = np.clip(rng.uniform(0.01, 0.7) * np.exp(rng.normal(0, 0.5, 3)), 0.01, 0.8)
        second = np.clip(colour * rng.uniform(0.6, 1.4), 0, 0.9) if rng.random() < 0.7 else rng.uniform(0.02, 0.7, 3)
        folds, weave = 0.08, np.eye(3) * rng.uniform(10, 25)
        scene.shells = [shell for shell in scene.shells if shell.mesh is not None and kind != "hood"]  # flattens the hair
        if kind == "hood":
            oval = np.hypot(x / rng.uniform(0.062, 0.075), (y + 0.005) / rng.uniform(0.085, 0.1)) - 1
            edge = np.minimum(np.where(z > 0.01, oval * 0.07, np.maximum(oval * 0.07, 0.015)), 0.08)
            thickness, folds = rng.uniform(0.008, 0.022), 0.35
        else:
            front, back, thickness = HAT_EDGES[kind] + rng.normal(0, [0.008, 0.008, 0.002])
            slope = (front - back) / 0.17
            edge = y - back - slope * (z + 0.09)
        lift = thickness * (1 + folds * waves(rng, self.rest, 0.06))
        if kind == "turban":
            weave = np.diag([rng.uniform(1, 3), rng.uniform(8, 14), rng.uniform(1, 3)])
        elif kind in ("cap", "brim"):
            lift = lift + 0.15 * np.maximum(edge, 0) * smooth(y, 0.08, 0.12)  # a crown above the head
            scene.solids.append(self._brim(rng, body, kind, back, slope, thickness, colour))
        pattern = rng.uniform(15, 120) if rng.random() < 0.2 else 0.0
        scene.shells.append(Shell(edge, lift, colour, second, weave, fringe=0.001, fuzz=rng.uniform(0.2, 0.7), gloss=0.02, pattern=pattern))

    def _brim(self, rng, body, kind, back, slope, thickness, colour) -> Solid:
        span, length = np.pi, rng.uniform(0.03, 0.09)
        if kind == "cap":
            span, length = np.radians(rng.uniform(55, 75)), rng.uniform(0.045, 0.075)
        phi, t = np.meshgrid(np.linspace(-span, span, 36), np.linspace(0, 1, 6), indexing="ij")
        if kind == "cap":
            reach, inner, bend = length * t * np.cos(phi / span * np.pi / 2) ** 0.5, thickness, 3.1 * t
        else:
            reach, inner, bend = length * t, thickness * np.minimum(6 * t - 2, 1), 0  # goes on under the hat
        px, pz = (0.078 + inner + reach) * np.sin(phi), (0.088 + inner + reach) * np.cos(phi)
        py = back + slope * (pz + 0.09) - rng.uniform(0, 0.25) * reach + 0.004 - bend * px**2
        return solid(sheet(np.stack([px, py, pz], -1) * self._scale(body), np.array([0, -1, 0])), colour, 0.03, 0.15)

    def _clothes(self, rng, scene, body):
        x, y, z = self.rest.T
        colour = np.clip(np.exp(rng.uniform(np.log(0.01), np.log(0.8))) * np.exp(rng.normal(0, 0.4, 3)), 0.008, 0.85)
        second, pattern = np.clip(colour * rng.uniform(0.8, 1.25), 0, 0.9), 0.0
        if rng.random() < 0.2:
            second, pattern = rng.uniform(0.02, 0.7, 3), rng.uniform(10, 150) * (rng.random() < 0.7)
        weave = {"strands": np.eye(3) * rng.uniform(6, 25), "fringe": 0.001, "fuzz": rng.uniform(0.15, 0.6), "gloss": 0.02}
        bare = rng.random() < 0.1
        if not bare:
            low = rng.uniform(0, 0.05) * (rng.random() < 0.5)
            neckline = -0.135 - rng.uniform(0, 0.02) - low * smooth(z, 0.0, 0.05) * (1 - np.minimum(np.abs(x) / 0.06, 1))
            edge = neckline - y + 0.1 * np.maximum(np.abs(x) - 0.07, 0)
            scene.shells.append(Shell(edge, 0.006 + 0.002 * waves(rng, self.rest, 0.05), colour, second, pattern=pattern, **weave))
            if rng.random() < 0.3:
                self._shirt(rng, scene, weave)
            if rng.random() < 0.45:
                mesh = self._collar(rng, body)
                tint = rng.uniform(0.5, 0.8, 3) if rng.random() < 0.5 else colour
                count = len(mesh[0])
                scene.shells.append(Shell(np.full(count, 0.02), np.full(count, 0.002), tint, tint * 0.95, mesh=mesh, **weave))
        scene.solids.append(solid(self._torso(body), scene.tone if bare else colour))

    def _shirt(self, rng, scene, weave):
        """A shirt in the opening of the jacket, and perhaps a tie on it."""
        x, y, z = self.rest.T
        opening = np.maximum(0.006, 0.05 * smooth(y, -0.2, -0.14)) - np.abs(x)
        shirt, tie = np.clip(rng.uniform(0.3, 0.8) * np.exp(rng.normal(0, 0.15, 3)), 0, 0.9), rng.uniform(0.02, 0.5, 3)
        scene.shells.append(Shell(np.minimum.reduce([opening, -0.125 - y, z - 0.01]), np.full(BODY_VERTICES, 0.009), shirt, shirt, **weave))
        if rng.random() < 0.7:
            edge = np.minimum.reduce([0.006 + 0.12 * (-0.14 - y) - np.abs(x), -0.135 - y, z - 0.01])
            stripes = rng.uniform(40, 160) * (rng.random() < 0.5)
            scene.shells.append(Shell(edge, np.full(BODY_VERTICES, 0.012), tie, tie * rng.uniform(0.3, 1), pattern=stripes, **weave))

    def _collar(self, rng, body):
        """A band around the neck."""
        phi, t = np.meshgrid(np.linspace(0.12, 2 * np.pi - 0.12, 40), np.linspace(0, 1, 4), indexing="ij")
        flare = 1 + rng.uniform(0.0, 0.35) * t
        height = -0.118 - rng.uniform(0.02, 0.045) * t - 0.03 * np.cos(phi) * (1 - 0.4 * t)  # lower in front
        points = np.stack([0.068 * flare * np.sin(phi), height, 0.075 * flare * np.cos(phi) - 0.022], -1)
        points = points + (body[self.bust_end] - self.rest[self.bust_end]).mean(0)
        return sheet(points, np.array([0, -0.14, -0.02]))

    def _torso(self, body):
        """The bust's lower end goes on as shoulders and chest."""
        loop = body[self.bust_end]
        centre = loop.mean(0)
        rings = [(loop - centre) * 1.03 + centre + [0, 0.01, 0]]  # over the clothes' edge
        # (wider, deeper, down in m), ring by ring
        for wide, deep, down in ((1.06, 1.02, 0.003), (1.4, 1.1, 0.012), (1.85, 1.15, 0.045), (2.1, 1.2, 0.11), (2.15, 1.25, 0.3), (2.0, 1.2, 0.8)):
            rings.append((loop - centre) * [wide, 0.6, deep] + centre - [0, down, 0.01])
        return sheet(np.stack(rings), centre - [0, 0.1, 0], closed=True)

    def _glasses(self, rng, scene, body):
        eyes = sorted((body[self.landmarks[part]].mean(0) for part in (slice(36, 42), slice(42, 48))), key=lambda eye: eye[0])
        bridge = body[self.landmarks[27]]
        tint = np.array([0.5, 0.35, 0.12])  # gold
        if rng.random() < 0.8:
            tint = rng.choice([0.01, 0.02, 0.1, 0.5]) * np.exp(rng.normal(0, 0.4, 3))
        if rng.random() < 0.2:  # sunglasses
            scene.lens = np.array([*rng.uniform(0.0, 0.1, 3), rng.uniform(0.6, 0.96)])
        else:
            scene.lens = np.array([*rng.uniform(0.4, 0.9, 3), rng.uniform(0.0, 0.12)])
        radius, rimless = np.exp(rng.uniform(np.log(0.0007), np.log(0.0032))), rng.random() < 0.1
        half, power = np.array([rng.uniform(0.021, 0.028), rng.uniform(0.015, 0.025)]), 2 / rng.uniform(2, 5)  # of a superellipse
        drop, front = rng.uniform(-0.004, 0.006), rng.uniform(0.014, 0.02)
        angle = np.linspace(0, 2 * np.pi, 28, endpoint=False)
        circle = np.stack([np.cos(angle), np.sin(angle)], 1)
        outline = np.sign(circle) * np.abs(circle) ** power * half  # [28, 2]
        fan = np.stack([np.full(28, 28), np.arange(28), (np.arange(28) + 1) % 28], 1)
        inner = []
        for side, eye, ear in zip((-1, 1), eyes, (body[vertex] for vertex in self.ears)):
            centre = np.array([eye[0] + side * 0.001, eye[1] - drop, max(eye[2] + front, bridge[2] - 0.001)])
            wrapped = -3.0 * np.maximum(outline[:, 0] * side + 0.01, 0) ** 2 + 0.08 * outline[:, 1]  # around the face, and tilted
            rim = centre + np.concatenate([outline, wrapped[:, None]], 1)
            if not rimless:
                scene.solids.append(tube(rim, radius, tint, 0.5, sides=6, closed=True))
            outer = rim[(rim[:, 0] * side).argmax()] + [0, half[1] * 0.4, 0]
            inner.append(rim[(rim[:, 0] * side).argmin()] + [0, half[1] * 0.3, 0])
            hinge = outer + [side * 0.004, 0, -0.004]
            temple = [outer, hinge, 0.5 * (hinge + ear) + [side * 0.004, 0, 0], ear + [side * 0.002, 0.006, 0.01], ear + [side * 0.001, 0, -0.012]]
            scene.solids.append(tube(np.array(temple), max(radius, 0.0012), tint, 0.5, sides=6))
            glass = np.concatenate([rim, rim.mean(0, keepdims=True) + [[0, 0, 0.002]]])
            normals = unit(np.concatenate([np.pad(outline * 6, ((0, 0), (0, 1)), constant_values=1.0), [[0, 0, 1]]]))
            scene.lenses.append(solid((glass, normals, fan), np.ones(3), 0, 0))
        middle = 0.5 * (inner[0] + inner[1]) + [0, 0.003, 0.003]
        scene.solids.append(tube(np.array([inner[0], middle, inner[1]]), max(radius, 0.001), tint, 0.5, sides=6))

    def _occluder(self, rng, scene, body):
        """Something held before a part of the face."""
        anchor = body[self.landmarks[rng.choice(OCCLUDED)]]
        outwards = unit(np.array([anchor[0] * 2, anchor[1] * 0.3, 0.09]) + rng.normal(0, 0.03, 3))
        grip = anchor + outwards * rng.uniform(0.012, 0.05)
        kind = pick(rng, OCCLUDERS)
        if kind == "hand":
            scene.solids += self._hand(rng, grip, outwards, scene.tone * rng.uniform(0.85, 1.1))
        elif kind == "microphone":
            tint = np.full(3, rng.uniform(0.01, 0.1))
            down = 0.2 * unit(np.array([rng.normal(0, 0.5), -1, rng.uniform(0, 1)]))
            scene.solids += [capsule(grip, grip + 0.02 * down, 0.02, tint * 2, 0.2, 0.5), capsule(grip + 0.1 * down, grip + down, 0.011, tint, 0.4, 0)]
        elif kind == "box":
            tint, edge = rng.uniform(0.01, 0.6, 3), unit(rng.normal(0, 1, 3) * [1, 1, 0.2])
            across = unit(np.cross(edge, outwards))
            scene.solids += [capsule(grip + across * k, grip + across * k + edge * 0.12, 0.009, tint, 0.4, 0) for k in np.linspace(-0.03, 0.03, 5)]
        else:
            t = np.linspace(0, 1, 12)[:, None]
            start, end = (anchor + [rng.uniform(-0.12, 0.12), height, 0.03] for height in (0.12, -0.15))
            path = start + (end - start) * t + outwards * np.sin(np.pi * t) * rng.uniform(0.02, 0.06)
            scene.solids.append(tube(path, rng.uniform(0.002, 0.01), rng.uniform(0.01, 0.5, 3)))

    @staticmethod
    def _hand(rng, grip, outwards, tone) -> list[Solid]:
        along = unit(rng.normal(0, 1, 3) * [1, 1, 0.35])  # the fingers' direction
        across = unit(np.cross(along, outwards))
        parts = []
        for k in np.arange(4) - 1.5:
            knuckle = grip + across * k * 0.0185
            joint = knuckle + along * rng.uniform(0.03, 0.045) - outwards * rng.uniform(0, 0.008)
            tip = joint + unit(along - outwards * rng.uniform(0, 0.8)) * rng.uniform(0.02, 0.035)
            wrist = knuckle - along * 0.07 - across * k * 0.004
            parts += [capsule(knuckle, joint, 0.0088, tone), capsule(joint, tip, 0.0078, tone), capsule(wrist, knuckle, 0.0115, tone)]
        thumb = grip - along * 0.035 + across * 0.035
        parts.append(capsule(thumb - along * 0.02, thumb + across * 0.02 + along * 0.03, 0.0105, tone))
        parts.append(capsule(grip - along * 0.08, grip - along * 0.35 - [0, 0.05, 0], 0.028, tone))
        return parts

    def _mask(self, rng, scene):
        """A surgical mask."""
        x, y, z = self.rest.T
        edge = np.minimum.reduce([-0.002 - 0.25 * np.abs(x) - y, y + 0.112, z - 0.03])
        tint = np.array([0.4, 0.6, 0.75]) if rng.random() < 0.5 else rng.uniform(0.02, 0.8, 3)
        scene.shells.append(Shell(edge, np.full(BODY_VERTICES, 0.006), tint, tint * 0.9, np.eye(3) * 15, fringe=0.001, fuzz=0.3, gloss=0.02))
