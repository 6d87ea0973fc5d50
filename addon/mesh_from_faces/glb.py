"""
Reads a face.glb of the server into flat arrays, in Blender's axes, that bpy takes as they are. Knows no Blender.

Not any GLB: those of server/Core/Export/GlbWriter.cs. Blender's own importer would give triangles for quads, cameras
without their lens shift, and hold up the window while it works.
"""

import json
import struct
from array import array
from dataclasses import dataclass

FLOAT, UNSIGNED_INT = 5126, 5125


@dataclass(frozen=True)
class View:
    """A photo's camera. Rotation (w, x, y, z) and translation as glTF has them: y up, the camera looks down -z."""

    name: str
    image: str  # The photo's name as it was sent.
    width: int  # Pixels, upright.
    height: int
    orientation: int  # EXIF's 1..8, which made it upright.
    lens_mm: float
    sensor_mm: float  # Of the longer side.
    shift_x: float  # Blender's, in units of the longer side.
    shift_y: float
    rotation: tuple
    translation: tuple


@dataclass(frozen=True)
class Face:
    positions: array  # [vertices * 3] metres, z up, -y out of the face
    corners: array  # [sum of sizes] vertex of each polygon's corner
    starts: array  # [polygons] first corner
    sizes: array  # [polygons] number of corners
    uvs: array  # [corners * 2] v up
    parts: dict  # name: vertices
    texture: bytes  # JPEG or PNG
    rotation: tuple  # The head's, in the first view's camera.
    translation: tuple
    views: tuple
    topology: str
    extras: dict  # Tool, model, options.


def read(glb):
    """Raises ValueError if it is not such a file."""
    document, binary = _chunks(glb)
    try:
        nodes = document["nodes"]
        face = next(node for node in nodes if "mesh" in node)
        mesh = document["meshes"][face["mesh"]]
        (primitive,) = mesh["primitives"]
        attributes = primitive["attributes"]
        positions = _accessor(document, binary, attributes["POSITION"])
        triangles = _accessor(document, binary, primitive["indices"])
        vertex_uvs = _accessor(document, binary, attributes["TEXCOORD_0"])
        sizes, corners, starts = _polygons(triangles)
        return Face(
            positions=_z_up(positions),
            corners=corners,
            starts=starts,
            sizes=sizes,
            uvs=_corner_uvs(vertex_uvs, corners),
            parts={
                group["name"]: sorted(set(triangles[3 * group["firstTriangle"] : 3 * (group["firstTriangle"] + group["triangleCount"])]))
                for group in mesh["extras"]["groups"]
            },
            texture=_view(document, binary, document["images"][0]["bufferView"]),
            rotation=_rotation(face),
            translation=_translation(face),
            views=tuple(_camera(node) for node in nodes if "camera" in node),
            topology=mesh["extras"]["topology"],
            extras=document["asset"]["extras"],
        )
    except (KeyError, IndexError, TypeError, StopIteration) as error:
        raise ValueError("This GLB was not made by MeshFromFaces.") from error


def _chunks(glb):
    """The JSON as a value, and the binary chunk."""
    if len(glb) < 28 or glb[:4] != b"glTF":
        raise ValueError("This is not a GLB.")
    length, kind = struct.unpack_from("<I4s", glb, 12)
    document = json.loads(glb[20 : 20 + length])
    size, _ = struct.unpack_from("<I4s", glb, 20 + length)
    return document, memoryview(glb)[28 + length : 28 + length + size]


def _view(document, binary, index):
    view = document["bufferViews"][index]
    start = view.get("byteOffset", 0)
    return bytes(binary[start : start + view["byteLength"]])


def _accessor(document, binary, index):
    accessor = document["accessors"][index]
    values = array({FLOAT: "f", UNSIGNED_INT: "I"}[accessor["componentType"]])
    count = accessor["count"] * {"SCALAR": 1, "VEC2": 2, "VEC3": 3}[accessor["type"]]
    start = accessor.get("byteOffset", 0)
    values.frombytes(_view(document, binary, accessor["bufferView"])[start : start + count * values.itemsize])
    if len(values) != count:
        raise ValueError("The GLB is cut short.")
    return values


def _polygons(triangles):
    """Consecutive triangles that begin at the same vertex are the fan of one polygon."""
    sizes, corners, starts = array("i"), array("i"), array("i")
    apex = None
    for i in range(0, len(triangles), 3):
        first, second, third = triangles[i : i + 3]
        if first == apex:
            corners.append(third)
            sizes[-1] += 1
        else:
            starts.append(len(corners))
            corners.extend((first, second, third))
            sizes.append(3)
            apex = first
    return sizes, corners, starts


def _z_up(positions):
    turned = array("f", positions)
    turned[1::3] = array("f", (-z for z in positions[2::3]))
    turned[2::3] = positions[1::3]
    return turned


def _corner_uvs(vertex_uvs, corners):
    uvs = array("f", bytes(8 * len(corners)))
    us, vs = vertex_uvs[0::2], array("f", (1 - v for v in vertex_uvs[1::2]))
    uvs[0::2] = array("f", (us[corner] for corner in corners))
    uvs[1::2] = array("f", (vs[corner] for corner in corners))
    return uvs


def _camera(node):
    extras = node["extras"]
    return View(
        name=node["name"],
        image=extras["image"],
        width=extras["width"],
        height=extras["height"],
        orientation=extras["orientation"],
        lens_mm=extras["lens_mm"],
        sensor_mm=extras["sensor_mm"],
        shift_x=extras["shift_x"],
        shift_y=extras["shift_y"],
        rotation=_rotation(node),
        translation=_translation(node),
    )


def _rotation(node):
    x, y, z, w = node.get("rotation", (0, 0, 0, 1))
    return w, x, y, z


def _translation(node):
    return tuple(node.get("translation", (0, 0, 0)))
