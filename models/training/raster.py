"""Draws heads with OpenGL (moderngl on EGL, a software rasteriser will do): lit and dressed, or unlit with an atlas.

Cameras are those of design.md section 3: x_camera = R x_head + T, u = 2 f/36 X/-Z, v = -2 f/36 Y/-Z.
"""
import itertools
from dataclasses import dataclass, field

import cv2
import moderngl
import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

from . import shaders
from .canonical import Canonical
from .heads import SENSOR_MM, Head, project, turn
from .ict import RENDERED_VERTICES, SCLERA
from .normals import VertexNormals, unit
from .skin import ATLAS_SIZE, Skin, to_srgb
from .surface import PARTS, SKIN_VERTICES, fit_sphere

BODY_VERTICES = 11248  # face, then the back of the head, neck and shoulders
SUPERSAMPLING = 1.5  # drawn this much larger; the software rasteriser is slower with multisampling
SHADOW_SIZE = 384
DEPTH_BIAS = 0.0015  # m; a query this far behind the drawn surface still counts as seen
AO_DIRECTIONS, AO_SIZE = 160, 256
INSIDE_TINTS = {"mouth_socket": (0.22, 0.05, 0.05, 0.15), "eye_sockets": (0.3, 0.1, 0.08, 0.3),
                "gums": (0.42, 0.12, 0.12, 0.5), "teeth": (0.78, 0.72, 0.6, 0.4)}

# What the shaders write, sqrt(c / (1 + c)) of the exposed radiance c, to sRGB behind a film's soft shoulder.
_coded = (np.arange(256) / 255) ** 2
_exposed = _coded / np.maximum(1 - _coded, 1e-3)
DEVELOP = np.round(255 * to_srgb(np.minimum(0.25 * _exposed + 0.75 * (1 - np.exp(-1.6 * _exposed)), 1))).astype(np.uint8)
UNDEVELOP = np.abs(DEVELOP[None].astype(int) - np.arange(256)[:, None]).argmin(1).astype(np.uint8)


@dataclass
class Shell:
    """Hair or cloth lifted off the body (edge, lift [BODY_VERTICES]) or off a mesh of its own."""

    edge: np.ndarray  # [n] m, signed distance inside the outline
    lift: np.ndarray  # [n] m
    tint: np.ndarray  # [3] linear
    second: np.ndarray  # [3] linear, a broad variation of it
    strands: np.ndarray  # [3, 3] from head space to the noise's unit cube
    layers: int = 1
    cut: float = 0.6  # how sparse the outermost layer is
    fringe: float = 0.01  # m, raggedness of the outline
    fuzz: float = 1.0  # bump of the normals
    gloss: float = 0.1
    pattern: float = 0.0  # stripes per metre
    droop: np.ndarray = field(default_factory=lambda: np.zeros(3))  # head space
    mesh: tuple | None = None  # vertices [n, 3], normals [n, 3], triangles [m, 3] when not on the body
    hides: bool = True  # counts as an occluder of the queries

    @property
    def kind(self) -> str:
        return "hair" if self.layers > 1 else "cloth"


@dataclass
class Solid:
    """Any other thing, by vertex: position, normal, linear tint [n, 3], (gloss, grain) [n, 2], triangles [m, 3]."""

    position: np.ndarray
    normal: np.ndarray
    tint: np.ndarray
    finish: np.ndarray
    triangles: np.ndarray


@dataclass
class Scene:
    """All that is seen but the head's own shape."""

    skin: Skin
    tone: np.ndarray  # [3] linear, the colour the atlas's mean becomes
    tone_power: np.ndarray = field(default_factory=lambda: np.array([0.9, 1.0, 1.05]))
    keep_chroma: float = 1.0  # of the atlas; 0 recolours its luminance alone
    gloss: float = 0.12
    lipstick: np.ndarray = field(default_factory=lambda: np.zeros(4))
    hair: np.ndarray = field(default_factory=lambda: np.zeros(4))  # painted on the skin: linear colour, density
    hair_edge: np.ndarray | None = None  # [BODY_VERTICES] m
    beard: np.ndarray = field(default_factory=lambda: np.zeros(4))
    beard_edge: np.ndarray | None = None
    strands: np.ndarray = field(default_factory=lambda: np.eye(3) * 20)
    beard_strands: np.ndarray = field(default_factory=lambda: np.eye(3) * 25)
    iris: np.ndarray = field(default_factory=lambda: np.array([0.12, 0.07, 0.04]))
    white: np.ndarray = field(default_factory=lambda: np.array([0.72, 0.68, 0.64]))
    iris_radius: float = 0.0063
    pupil_radius: float = 0.0022
    lashes: np.ndarray = field(default_factory=lambda: np.array([0.02, 0.015, 0.01]))  # linear
    lash_density: np.ndarray = field(default_factory=lambda: np.array([0.7, 0.2]))  # of the upper and the lower lid, 0..1
    lash_length: float = 0.007
    shells: list[Shell] = field(default_factory=list)
    solids: list[Solid] = field(default_factory=list)  # occlude
    lenses: list[Solid] = field(default_factory=list)  # do not
    lens: np.ndarray = field(default_factory=lambda: np.array([0.5, 0.5, 0.5, 0.05]))
    light_direction: np.ndarray = field(default_factory=lambda: np.array([[0.4, 0.5, 0.8], [-0.7, 0.2, 0.6]]))  # camera space
    light_colour: np.ndarray = field(default_factory=lambda: np.array([[1.5, 1.45, 1.4], [0.25, 0.27, 0.3]]))
    sky: np.ndarray = field(default_factory=lambda: np.array([0.5, 0.5, 0.52]))
    ground: np.ndarray = field(default_factory=lambda: np.array([0.28, 0.26, 0.25]))
    exposure: float = 0.8
    shadow: float = 0.6
    background: np.ndarray | None = None  # uint8 [size, size, 3]


@dataclass(frozen=True)
class Rendering:
    image: np.ndarray  # uint8 [size, size, 3] sRGB
    depth: np.ndarray  # float32 [size * SUPERSAMPLING, the same] m along -Z, infinite where nothing is
    vertices: np.ndarray  # [9725, 3] m, head space: the vertices of C
    normals: np.ndarray  # [9725, 3]
    eyeballs: dict[str, tuple[np.ndarray, float]]  # centre [3] and radius, m, head space


def camera_matrix(rotation, translation, focal_mm, near, far) -> np.ndarray:
    """Head space to OpenGL clip space [4, 4] of a centred pinhole camera with a square image."""
    view = np.eye(4)
    view[:3, :3], view[:3, 3] = rotation, translation
    projection = np.zeros((4, 4))
    projection[0, 0] = projection[1, 1] = 2 * focal_mm / SENSOR_MM
    projection[2, 2:] = -(far + near) / (far - near), -2 * far * near / (far - near)
    projection[3, 2] = -1
    return projection @ view


def split_rim(mean: np.ndarray, rim: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The upper and the lower lid's margin, each the vertices of an eye's rim [n] from corner to corner, the corners in both."""
    x = mean[rim, 0]
    rim = np.roll(rim, -int(x.argmin()))
    end = int(mean[rim, 0].argmax())
    chains = rim[: end + 1], np.append(rim[0], rim[: end - 1 : -1])
    return tuple(sorted(chains, key=lambda chain: -mean[chain, 1].mean()))


def to_line(points: np.ndarray, line: np.ndarray) -> np.ndarray:
    """Distances [n] of points [n, 3] from the segments of a line [m, 3]."""
    start, along = line[:-1], np.diff(line, axis=0)
    to = points[:, None] - start
    part = np.clip((to * along).sum(2) / np.maximum((along**2).sum(1), 1e-12), 0, 1)
    return np.linalg.norm(to - part[..., None] * along, axis=2).min(1)


def lash_strip(margin: np.ndarray, centre: np.ndarray, opposite: np.ndarray, length: float, density: float) -> tuple[np.ndarray, np.ndarray]:
    """Lashes of a lid's margin [n, 3], away from the eyeball's centre [3] and curled away from the other lid, about opposite [3].

    Returns vertices [3 n, 6], position and FRAGMENT_LASH's three numbers, and triangles [4 (n - 1), 3].
    """
    count = len(margin)
    out, along = unit(margin - centre), unit(np.gradient(margin, axis=0))
    away = unit(np.cross(out, along))
    away *= np.sign((away * (margin - opposite)).sum(1).mean())
    share = np.linspace(0, 1, count)
    full = np.minimum(1, 8 * share * (1 - share))[:, None] ** 0.5  # shorter at the corners
    distance = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(margin, axis=0), axis=1))])
    rows = []
    for part, curl in ((0.0, 0.0), (0.5, 0.25), (1.0, 0.5)):
        position = margin + length * part * full * unit(out + curl * away)
        rows.append(np.concatenate([position, np.stack([np.full(count, part), distance, density * full[:, 0]], 1)], 1))
    quads = np.arange(count - 1)[:, None] + [0, 1, count + 1, count]
    quads = np.concatenate([quads, quads + count])
    return np.concatenate(rows), np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])


class Renderer:
    """Draws heads of one canonical face. Not for several threads."""

    def __init__(self, canonical: Canonical, size: int = 288):
        self.canonical, self.size = canonical, size
        ict, surface = canonical.ict, canonical.surface
        self.context = moderngl.create_standalone_context(backend="egl")
        self.context.gc_mode = "auto"
        self.body_triangles = np.concatenate([ict.triangles("face"), ict.triangles("head")]).astype(np.int32)
        self.body_normals = VertexNormals(self.body_triangles, BODY_VERTICES)
        self.surface_normals = VertexNormals(surface.triangles, len(surface.mean))
        self.rest = ict.mean[:RENDERED_VERTICES].astype(np.float32)

        side = round(size * SUPERSAMPLING)
        colour, depth = self.context.renderbuffer((side, side), 4), self.context.depth_renderbuffer((side, side))
        self.target = self.context.framebuffer([colour], depth)
        self.shadow = self.context.framebuffer([], self.context.depth_texture((SHADOW_SIZE, SHADOW_SIZE)))
        self.shadow.depth_attachment.compare_func = ""
        self.shadow.depth_attachment.filter = (moderngl.NEAREST, moderngl.NEAREST)
        self.shadow.depth_attachment.repeat_x = self.shadow.depth_attachment.repeat_y = False
        # Of each power of two one: a small face takes a small atlas, which in software is far cheaper than mipmaps.
        self.atlases = [self.context.texture((ATLAS_SIZE >> level,) * 2, 3, alignment=1) for level in range(4)]
        self.noise = self._noise()

        make = lambda vertex, fragment: self.context.program(vertex_shader=vertex, fragment_shader=fragment)
        # One skin program for each set of layers painted on it.
        self.skin_programs = {layers: "skin" + "".join(layers) for count in range(4)
                              for layers in itertools.combinations(("HAIR", "BEARD", "LIPSTICK"), count)}
        self.programs = {name: make(shaders.VERTEX_HEAD, shaders.defined(shaders.FRAGMENT_SKIN, layers))
                         for layers, name in self.skin_programs.items()}
        self.programs |= {
            "inside": make(shaders.VERTEX_HEAD, shaders.FRAGMENT_INSIDE),
            "eye": make(shaders.VERTEX_EYE, shaders.FRAGMENT_EYE), "lash": make(shaders.VERTEX_LASH, shaders.FRAGMENT_LASH), "cloth": make(shaders.VERTEX_SHELL, shaders.FRAGMENT_SHELL),
            "hair": make(shaders.VERTEX_SHELL, shaders.defined(shaders.FRAGMENT_SHELL, ("HAIR_SHELL",))),
            "solid": make(shaders.VERTEX_SOLID, shaders.FRAGMENT_SOLID), "lens": make(shaders.VERTEX_SOLID, shaders.FRAGMENT_LENS),
            "depth": make(shaders.VERTEX_DEPTH, shaders.FRAGMENT_DEPTH), "unlit": make(shaders.VERTEX_UNLIT, shaders.FRAGMENT_UNLIT)}

        # What the compiler left of each program's uniforms; asking moderngl costs more than setting them.
        self.members = {name: {member: program[member] for member in program} for name, program in self.programs.items()}
        buffer = lambda array, kind="f4": self.context.buffer(np.ascontiguousarray(array, kind).tobytes())
        self.buffer = buffer
        self.position = self.context.buffer(reserve=RENDERED_VERTICES * 12)
        self.normal = self.context.buffer(reserve=BODY_VERTICES * 12)
        self.mask = self.context.buffer(reserve=BODY_VERTICES * 16)
        self.rest_buffer = buffer(self.rest)
        body_index = buffer(self.body_triangles, "i4")
        self.skin_triangles_buffer = body_index
        self.depth_body = self.context.vertex_array(self.programs["depth"], [(self.position, "3f", "position")], body_index)
        self.occlusion = self._ambient_occlusion()
        occlusion_buffer = buffer(self.occlusion)
        uv_buffer = buffer(self._body_uv())
        attributes = [(self.position, "3f", "position"), (self.normal, "3f", "normal"), (self.rest_buffer, "3f", "rest"),
                      (uv_buffer, "2f", "uv"), (occlusion_buffer, "1f", "ao"), (self.mask, "4f", "mask")]
        self.skin_arrays = {name: self._array(name, attributes, body_index) for name in self.skin_programs.values()}
        tints = np.zeros((RENDERED_VERTICES, 4), np.float32)
        for name in ("mouth_socket", "eye_sockets", "gums", "teeth"):
            tints[np.unique(ict.triangles(name))] = INSIDE_TINTS[name]
        tint_buffer = buffer(tints)
        self.inside_arrays = {
            name: self._array("inside", [(self.position, "3f", "position"), (self.rest_buffer, "3f", "rest"), (tint_buffer, "4f", "mask")],
                              buffer(triangles, "i4"))
            for name, triangles in (("sockets", np.concatenate([ict.triangles("mouth_socket"), ict.triangles("eye_sockets")])),
                                    ("teeth", self._in_front(np.concatenate([ict.triangles("gums"), ict.triangles("teeth")]))))}
        self.lip_mask = self._lips()
        self.back_mask = self._back()
        self.eyes = {}
        eye_triangles = ict.triangles("eyeballs")
        for name, part in SCLERA.items():
            own = eye_triangles[(eye_triangles >= part.start).all(1) & (eye_triangles < part.stop).all(1)] - part.start
            centre, _ = fit_sphere(ict.mean[part])
            local, lids = (self.context.buffer(reserve=(part.stop - part.start) * 4 * width) for width in (3, 2))
            self.eyes[name] = (part, centre - ict.mean[part].mean(0), local, lids, self._array(
                "eye", [(local, "3f", "position"), (lids, "2f", "lids"), (buffer(ict.mean[part] - centre), "3f", "rest")], buffer(own, "i4")))
        self.lids = {name: split_rim(surface.mean, surface.rims[name]) for name in self.eyes}
        lips = ict.landmarks68[[61, 62, 63]], ict.landmarks68[[67, 66, 65]]
        self.lip_pairs = lips

    def _array(self, program, attributes, index):
        """A vertex array that leaves out the attributes its program does not use."""
        used = [(b, f, n) for b, f, n in attributes if n in self.programs[program]]
        return self.context.vertex_array(self.programs[program], used, index)

    def _in_front(self, triangles: np.ndarray) -> np.ndarray:
        """The triangles that a camera sees between the lips; the molars and the root of the tongue stay dark anyway."""
        return triangles[self.rest[triangles, 2].max(1) > 0.066]

    def _noise(self):
        random = np.random.default_rng(1)
        def octave(sigma):
            field_ = gaussian_filter(random.normal(size=(64, 64, 64)), sigma, mode="wrap")
            ranks = field_.argsort(axis=None).argsort().reshape(field_.shape)  # uniform distribution
            return ranks / ranks.size
        channels = np.stack([octave(1.0), octave(0.6)], -1)
        texture = self.context.texture3d((64, 64, 64), 2, (channels * 255).astype(np.uint8).tobytes())
        texture.filter = (moderngl.LINEAR, moderngl.LINEAR)
        return texture

    def _body_uv(self) -> np.ndarray:
        """The chart; behind it, the uv of the nearest point of its rim [BODY_VERTICES, 2]."""
        surface = self.canonical.surface
        rim = surface.rims["outer"]
        uv = np.zeros((BODY_VERTICES, 2), np.float32)
        uv[:SKIN_VERTICES] = self.canonical.uv[:SKIN_VERTICES]
        uv[SKIN_VERTICES:] = self.canonical.uv[rim][cKDTree(surface.mean[rim]).query(self.rest[SKIN_VERTICES:BODY_VERTICES])[1]]
        return uv

    def _back(self) -> np.ndarray:
        """0 on the chart, 1 from 3 cm behind its rim [BODY_VERTICES]."""
        surface = self.canonical.surface
        distance = cKDTree(surface.mean[surface.rims["outer"]]).query(self.rest[:BODY_VERTICES])[0]
        distance[:SKIN_VERTICES] = 0
        return np.clip(distance / 0.03, 0, 1).astype(np.float32)

    def _lips(self) -> np.ndarray:
        """1 inside iBUG's outer lip contour [BODY_VERTICES]."""
        uv = self.canonical.uv
        polygon = uv[self.canonical.ict.landmarks68[48:60]].astype(np.float32)
        distance = [cv2.pointPolygonTest(polygon, (float(u), float(v)), True) for u, v in uv[:SKIN_VERTICES]]
        mask = np.zeros(BODY_VERTICES, np.float32)
        mask[:SKIN_VERTICES] = np.clip(np.array(distance) / 0.008 + 0.5, 0, 1)
        return mask

    def _ambient_occlusion(self) -> np.ndarray:
        """Cosine-weighted share of the sky each vertex of the mean head sees [BODY_VERTICES]."""
        self.position.write(self.rest.tobytes())
        normals = self.body_normals(self.rest[:BODY_VERTICES])
        target = self.context.framebuffer([], self.context.depth_renderbuffer((AO_SIZE, AO_SIZE)))
        index = (np.arange(AO_DIRECTIONS) + 0.5) / AO_DIRECTIONS
        z, angle = 1 - 2 * index, np.pi * (1 + 5 ** 0.5) * np.arange(AO_DIRECTIONS)
        directions = np.stack([np.cos(angle) * np.sqrt(1 - z * z), z, np.sin(angle) * np.sqrt(1 - z * z)], 1)
        seen, total = np.zeros(BODY_VERTICES), np.zeros(BODY_VERTICES)
        for direction in directions:
            matrix = self._orthographic(direction)
            target.use()
            target.clear(depth=1.0)
            self.context.enable(moderngl.DEPTH_TEST)
            self.programs["depth"]["camera"].write(matrix.T.astype("f4").tobytes())
            self.depth_body.render()
            depth = np.frombuffer(target.read(attachment=-1, dtype="f4"), "f4").reshape(AO_SIZE, AO_SIZE)
            clip = (self.rest[:BODY_VERTICES] + 0.002 * normals) @ matrix[:3, :3].T + matrix[:3, 3]
            pixel = np.clip(((clip[:, :2] + 1) / 2 * AO_SIZE).astype(int), 0, AO_SIZE - 1)
            weight = np.maximum(normals @ direction, 0)
            total += weight
            seen += weight * (clip[:, 2] / 2 + 0.5 <= depth[pixel[:, 1], pixel[:, 0]] + 0.002)
        return (seen / np.maximum(total, 1e-6)).astype(np.float32)

    @staticmethod
    def _orthographic(direction: np.ndarray) -> np.ndarray:
        """Head space to clip space [4, 4] of a parallel camera that looks along -direction at the head."""
        z = unit(np.asarray(direction, float))
        x = unit(np.cross([0, 1, 0] if abs(z[1]) < 0.9 else [1, 0, 0], z))
        matrix = np.eye(4)
        matrix[:3, :3] = np.stack([x, np.cross(z, x), -z]) / 0.25
        matrix[:3, 3] = matrix[:3, :3] @ [0, 0.03, 0]
        matrix[2] *= 0.6
        return matrix

    def vertices(self, identity: np.ndarray, expression: np.ndarray) -> np.ndarray:
        """ICT vertices [B, 24591, 3]."""
        return self.canonical.ict.vertices(identity, expression).astype(np.float32)

    def render(self, head: Head, scene: Scene, ict_vertices: np.ndarray | None = None) -> Rendering:
        """Draws one head. `ict_vertices` [24591, 3] spares the model's matrix product."""
        if ict_vertices is None:
            ict_vertices = self.vertices(head.identity[None], head.expression[None])[0]
        body = ict_vertices[:BODY_VERTICES]
        normals = self.body_normals(body)
        self.position.write(np.ascontiguousarray(ict_vertices, "f4").tobytes())
        self.normal.write(normals.astype("f4").tobytes())
        away = np.full(BODY_VERTICES, -1.0, np.float32)
        mask = np.stack([self.back_mask, away if scene.hair_edge is None else scene.hair_edge,
                         away if scene.beard_edge is None else scene.beard_edge, self.lip_mask], 1)
        self.mask.write(mask.astype("f4").tobytes())
        atlas = scene.skin.recoloured(scene.tone, scene.tone_power, scene.keep_chroma)[::-1]
        face_pixels = self.size * SUPERSAMPLING * 2 * head.focal_mm / SENSOR_MM * 0.1 / max(-head.translation[2] - 0.08, 0.1)
        texture = self.atlases[int(np.clip(np.log2(ATLAS_SIZE / (1.5 * face_pixels)), 0, len(self.atlases) - 1))]
        texture.write(cv2.resize(atlas, texture.size, interpolation=cv2.INTER_AREA).tobytes())

        distance = np.linalg.norm(head.translation)
        near, far = max(0.03, distance - 0.45), distance + 0.8
        camera = camera_matrix(head.rotation, head.translation, head.focal_mm, near, far)
        shells = [(shell, self._shell_array(shell)) for shell in scene.shells]
        solids, lenses = (self._solid_array(name, parts) for name, parts in (("solid", scene.solids), ("lens", scene.lenses)))
        lights = np.asarray(scene.light_direction) @ head.rotation  # to head space
        context = self.context
        context.enable(moderngl.DEPTH_TEST)
        context.disable(moderngl.BLEND)
        shadow_camera = self._orthographic(lights[0])
        if scene.shadow > 0:
            self.shadow.use()
            self.shadow.clear(depth=1.0)
            self.programs["depth"]["camera"].write(shadow_camera.T.astype("f4").tobytes())
            self.depth_body.render()
            if solids:
                solids[1].render()
        texture.use(0)
        self.noise.use(1)
        self.shadow.depth_attachment.use(2)
        common = {"camera": camera.T, "eye": -head.rotation.T @ head.translation, "up": head.rotation[1],
                  "sky": scene.sky, "ground": scene.ground,
                  "light_direction": unit(lights), "light_colour": scene.light_colour, "exposure": scene.exposure,
                  "shadow_camera": shadow_camera.T, "shadow_strength": scene.shadow, "atlas": 0, "noise": 1, "shadow_map": 2}
        for name in ("inside", "eye", "lash", "hair", "cloth", "solid", "lens"):
            self._set(name, **common)

        self.target.use()
        self.target.clear(0, 0, 0, 0, depth=1.0)
        painted = (("HAIR", scene.hair[3] > 0), ("BEARD", scene.beard[3] > 0), ("LIPSTICK", scene.lipstick[3] > 0))
        skin_program = self.skin_programs[tuple(layer for layer, present in painted if present)]
        self._set(skin_program, **common, tone=scene.tone, gloss=scene.gloss, hair=scene.hair, beard=scene.beard, lipstick=scene.lipstick,
                  strands=scene.strands.T, beard_strands=scene.beard_strands.T)
        context.enable(moderngl.CULL_FACE)
        self.skin_arrays[skin_program].render()
        context.disable(moderngl.CULL_FACE)
        upper, lower = self.lip_pairs
        gap = np.linalg.norm(ict_vertices[upper] - ict_vertices[lower], axis=1).max()
        self._set("inside", openness=np.clip(gap / 0.02, 0.15, 0.8))
        self.inside_arrays["sockets"].render()
        if gap > 0.0015:
            self.inside_arrays["teeth"].render()
        gaze = turn(1, head.gaze[0]) @ turn(0, -head.gaze[1])
        eyeballs, lashes = {}, []
        for name, (part, offset, local, lids, array) in self.eyes.items():
            centre = ict_vertices[part].mean(0) + offset
            around = ict_vertices[part] - centre
            eyeballs[name] = centre, float(np.linalg.norm(around, axis=1).mean())
            margins = [ict_vertices[chain] for chain in self.lids[name]]
            local.write(around.astype("f4").tobytes())
            lids.write(np.stack([to_line(centre + around @ gaze.T, margin) for margin in margins], 1).astype("f4").tobytes())
            self._set("eye", turn=gaze.T, centre=centre, iris=scene.iris, white=scene.white, iris_radius=scene.iris_radius, pupil_radius=scene.pupil_radius)
            array.render()
            lashes += [lash_strip(margin, centre, margins[1 - lid].mean(0), scene.lash_length * (1, 0.6)[lid], scene.lash_density[lid])
                       for lid, margin in enumerate(margins) if scene.lash_density[lid] > 0]
        if solids:
            solids[0].render()
        for shell, array in shells:
            if shell.hides:
                self._draw_shell(shell, array)
        side = round(self.size * SUPERSAMPLING)
        window = np.frombuffer(self.target.read(attachment=-1, dtype="f4"), "f4").reshape(side, side)[::-1]
        if lashes:
            self._draw_lashes(lashes)
        for shell, array in shells:
            if not shell.hides:
                self._draw_shell(shell, array)
        if lenses:
            context.enable(moderngl.BLEND)
            context.blend_func = moderngl.SRC_ALPHA, moderngl.ONE_MINUS_SRC_ALPHA, moderngl.ZERO, moderngl.ONE
            lenses[0].render()
            context.disable(moderngl.BLEND)
        pixels = np.frombuffer(self.target.read(components=4), np.uint8).reshape(side, side, 4)[::-1]
        pixels = cv2.resize(pixels, (self.size, self.size), interpolation=cv2.INTER_AREA)
        image = self._over(pixels, scene.background)
        depth = np.where(window < 1, 2 * near * far / (far + near - (2 * window - 1) * (far - near)), np.inf).astype(np.float32)
        vertices = self.canonical.surface.vertices(ict_vertices[None])[0]
        return Rendering(image, depth, vertices, self.surface_normals(vertices), eyeballs)

    @staticmethod
    def _over(pixels: np.ndarray, background: np.ndarray | None) -> np.ndarray:
        """Premultiplied RGBA [size, size, 4], not yet developed, over a background [size, size, 3]."""
        rest = cv2.merge([255 - pixels[..., 3]] * 3)
        behind = np.full(rest.shape, 128, np.uint8) if background is None else background
        coded = cv2.add(np.ascontiguousarray(pixels[..., :3]), cv2.multiply(cv2.LUT(behind, UNDEVELOP), rest, scale=1 / 255))
        return cv2.LUT(coded, DEVELOP)

    def _set(self, program: str, **uniforms) -> None:
        members = self.members[program]
        for name, value in uniforms.items():
            if name in members:
                if isinstance(value, (int, np.integer)):
                    members[name].value = int(value)
                else:
                    members[name].write(np.ascontiguousarray(value, "f4").tobytes())

    def _shell_array(self, shell: Shell):
        if shell.mesh is None:
            touched = (shell.edge > -shell.fringe)[self.body_triangles].any(1)
            triangles = self.body_triangles[touched]
            position, normal, rest = self.position, self.normal, self.rest_buffer
        else:
            vertices, normals, triangles = shell.mesh
            position, normal = self.buffer(vertices), self.buffer(normals)
            rest = position
        if len(triangles) == 0:
            return None
        outline = self.buffer(np.stack([shell.edge, shell.lift], 1))
        attributes = [(position, "3f", "position"), (normal, "3f", "normal"), (rest, "3f", "rest"), (outline, "2f", "shell")]
        return self._array(shell.kind, attributes, self.buffer(triangles, "i4"))

    def _draw_shell(self, shell: Shell, array) -> None:
        if array is None:
            return
        self._set(shell.kind, tint=shell.tint, second=shell.second, strands=shell.strands.T, edge=shell.fringe, cut=shell.cut,
                  gloss=shell.gloss, fuzz=shell.fuzz, pattern=shell.pattern, layers=shell.layers, droop=shell.droop)
        array.render(instances=shell.layers)

    def _draw_lashes(self, strips: list[tuple]) -> None:
        starts = np.cumsum([0] + [len(vertices) for vertices, _ in strips])
        triangles = np.concatenate([part + start for (_, part), start in zip(strips, starts)])
        data = self.buffer(np.concatenate([vertices for vertices, _ in strips]))
        self.context.enable(moderngl.BLEND)
        self.context.blend_func = moderngl.SRC_ALPHA, moderngl.ONE_MINUS_SRC_ALPHA, moderngl.ONE, moderngl.ONE_MINUS_SRC_ALPHA
        self.context.vertex_array(self.programs["lash"], [(data, "3f 3f", "position", "lash")], self.buffer(triangles, "i4")).render()
        self.context.disable(moderngl.BLEND)

    def _solid_array(self, program: str, solids: list[Solid]):
        """Vertex arrays of all solids in one, to be drawn and to cast shadows; None when there is none."""
        if not solids:
            return None
        starts = np.cumsum([0] + [len(solid.position) for solid in solids])
        vertices = np.concatenate([np.concatenate([s.position, s.normal, s.tint, s.finish], 1) for s in solids])
        triangles = np.concatenate([s.triangles + start for s, start in zip(solids, starts)])
        data, index = self.buffer(vertices), self.buffer(triangles, "i4")
        names = ("position", "normal", "tint", "finish")
        used = [n for n in names if n in self.programs[program]]
        layout = " ".join(w if n in used else w.replace("f", "x4") for w, n in zip(("3f", "3f", "3f", "2f"), names))
        return (self.context.vertex_array(self.programs[program], [(data, layout, *used)], index),
                self.context.vertex_array(self.programs["depth"], [(data, "3f 32x", "position")], index))

    def visible(self, rendering: Rendering, head: Head, triangle: np.ndarray, barycentric: np.ndarray) -> np.ndarray:
        """Which queries [K] (located on C) the image shows: bool, by the depth of what was drawn.

        The cap of an eye stands for its eyeball, which is drawn in its place and may lie millimetres before it.
        """
        corners = self.canonical.surface.triangles[triangle]
        position = np.einsum("kcx,kc->kx", rendering.vertices[corners], barycentric)
        for name, (centre, radius) in rendering.eyeballs.items():
            cap = self.canonical.surface.part[triangle] == PARTS.index(name)
            position[cap] = centre + radius * unit(position[cap] - centre)
        normal = unit(np.einsum("kcx,kc->kx", rendering.normals[corners], barycentric))
        camera = position @ head.rotation.T + head.translation
        toward = -unit(camera)
        facing = (normal @ head.rotation.T * toward).sum(1)
        pixel = (project(position, head.rotation, head.translation, head.focal_mm) + 1) / 2 * len(rendering.depth)
        inside = ((pixel >= 0) & (pixel < len(rendering.depth))).all(1)
        column, row = np.clip(pixel, 0, len(rendering.depth) - 1).astype(int).T
        footprint = -camera[:, 2] * SENSOR_MM / head.focal_mm / len(rendering.depth)  # m a drawn pixel covers
        slope = np.sqrt(np.maximum(1 - facing**2, 0)) / np.maximum(facing, 0.1)
        return inside & (facing > 0.02) & (-camera[:, 2] <= rendering.depth[row, column] + DEPTH_BIAS + footprint * slope)


def render_unlit(renderer: Renderer, vertices, triangles, corner_uv, atlas, rotation, translation, focal_mm,
                 size: int) -> tuple[np.ndarray, np.ndarray]:
    """A mesh with its atlas and no light: for closed loops that must get the same texture back.

    vertices [n, 3] m, head space; triangles [m, 3]; corner_uv [m, 3, 2], v up; atlas uint8 [h, w, 3], row 0 = v 1.
    Returns the picture uint8 [size, size, 3], antialiased, and how much of each pixel the mesh covers, [size, size] in 0..1.
    """
    context, side = renderer.context, size * 2
    data = np.concatenate([np.asarray(vertices)[triangles].reshape(-1, 3), np.asarray(corner_uv).reshape(-1, 2)], 1)
    array = context.vertex_array(renderer.programs["unlit"], [(renderer.buffer(data), "3f 2f", "position", "uv")])
    texture = context.texture(atlas.shape[1::-1], 3, np.ascontiguousarray(atlas[::-1]).tobytes(), alignment=1)
    texture.build_mipmaps()
    texture.filter = (moderngl.LINEAR_MIPMAP_LINEAR, moderngl.LINEAR)
    texture.repeat_x = texture.repeat_y = False
    target = context.framebuffer([context.renderbuffer((side, side), 4)], context.depth_renderbuffer((side, side)))
    distances = -(np.asarray(vertices) @ np.asarray(rotation).T + translation)[:, 2]
    near, far = max(0.01, 0.9 * distances.min()), 1.1 * distances.max()
    target.use()
    target.clear(0, 0, 0, 0, depth=1.0)
    context.enable(moderngl.DEPTH_TEST)
    context.disable(moderngl.CULL_FACE | moderngl.BLEND)
    texture.use(0)
    renderer._set("unlit", camera=camera_matrix(rotation, translation, focal_mm, near, far).T, atlas=0)
    array.render()
    pixels = np.frombuffer(target.read(components=4), np.uint8).reshape(side, side, 4)[::-1]
    pixels = cv2.resize(pixels, (size, size), interpolation=cv2.INTER_AREA)
    cover = pixels[..., 3].astype(np.float32) / 255
    colour = np.round(pixels[..., :3] / np.maximum(cover, 1 / 255)[..., None]).clip(0, 255).astype(np.uint8)
    return colour, cover
