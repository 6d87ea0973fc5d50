"""Pictures of the canonical face: its chart with the layouts drawn on, and the mesh wearing that chart (GLB)."""
import json
import struct
from pathlib import Path

import cv2
import numpy as np

from .canonical import Canonical, read_layout
from .surface import PARTS
from .topology import Topology

CHART_SIZE = 2048
PART_COLOURS = dict(zip(PARTS, ((232, 226, 222), (214, 188, 150), (214, 188, 150), (150, 140, 222))))  # BGR
LAYOUT_COLOURS = {"facemesh468": (60, 130, 60), "ict68": (200, 120, 40), "ibug68": (40, 40, 210)}


def draw_chart(topology: Topology, layouts: dict[str, np.ndarray]) -> np.ndarray:
    """The topology and layouts over the UV square [2048, 2048, 3] BGR, v up."""
    image = np.full((CHART_SIZE, CHART_SIZE, 3), 255, np.uint8)
    fixed = lambda uv: np.round(uv * [CHART_SIZE * 16, -CHART_SIZE * 16] + [0, CHART_SIZE * 16]).astype(np.int32)
    corners = fixed(topology.uv)[topology.quads]
    for quad, part in zip(corners, topology.part):
        cv2.fillConvexPoly(image, quad, PART_COLOURS[PARTS[part]], cv2.LINE_AA, 4)
    cv2.polylines(image, list(corners), True, (165, 158, 152), 1, cv2.LINE_AA, 4)
    for name, uv in layouts.items():
        radius = 5 if len(uv) > 100 else 8
        for index, point in enumerate(fixed(uv)):
            cv2.circle(image, point.tolist(), radius * 16, LAYOUT_COLOURS[name], -1, cv2.LINE_AA, 4)
            if radius == 8:
                cv2.putText(image, str(index), (point // 16 + [9, -7]).tolist(), cv2.FONT_HERSHEY_SIMPLEX, 0.55, LAYOUT_COLOURS[name], 1, cv2.LINE_AA)
    for row, (name, colour) in enumerate(LAYOUT_COLOURS.items()):
        cv2.putText(image, name, (24, CHART_SIZE - 24 - 34 * row), cv2.FONT_HERSHEY_SIMPLEX, 0.9, colour, 2, cv2.LINE_AA)
    return image


def write_glb(path: Path, positions: np.ndarray, uv: np.ndarray, quads: np.ndarray, texture: np.ndarray) -> None:
    """A textured mesh as binary glTF 2.0: positions [N, 3] m, uv [N, 2] v up, quads [M, 4], texture BGR."""
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]).astype(np.uint16)
    normals = np.zeros_like(positions)
    for k in range(3):
        np.add.at(normals, triangles[:, k], np.cross(positions[triangles[:, 1]] - positions[triangles[:, 0]], positions[triangles[:, 2]] - positions[triangles[:, 0]]))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    png = cv2.imencode(".png", texture, [cv2.IMWRITE_PNG_COMPRESSION, 9])[1].tobytes()
    chunks = [positions.astype("<f4").tobytes(), normals.astype("<f4").tobytes(), (uv * [1, -1] + [0, 1]).astype("<f4").tobytes(), triangles.astype("<u2").tobytes(), png]
    views, binary = [], b""
    for index, chunk in enumerate(chunks):
        views.append({"buffer": 0, "byteOffset": len(binary), "byteLength": len(chunk), **({"target": 34963 if index == 3 else 34962} if index < 4 else {})})
        binary += chunk + b"\0" * (-len(chunk) % 4)
    accessor = lambda view, kind, component, count, **more: {"bufferView": view, "type": kind, "componentType": component, "count": count, **more}
    bounds = {"min": positions.astype("<f4").min(0).tolist(), "max": positions.astype("<f4").max(0).tolist()}
    document = {
        "asset": {"version": "2.0", "generator": "MeshFromFaces"}, "scene": 0, "scenes": [{"nodes": [0]}], "nodes": [{"name": "Face", "mesh": 0}],
        "meshes": [{"name": "Face", "primitives": [{"attributes": {"POSITION": 0, "NORMAL": 1, "TEXCOORD_0": 2}, "indices": 3, "material": 0}]}],
        "materials": [{"name": "Chart", "pbrMetallicRoughness": {"baseColorTexture": {"index": 0}, "metallicFactor": 0, "roughnessFactor": 0.7}}],
        "textures": [{"source": 0, "sampler": 0}], "images": [{"bufferView": 4, "mimeType": "image/png"}], "samplers": [{"magFilter": 9729, "minFilter": 9987}],
        "accessors": [accessor(0, "VEC3", 5126, len(positions), **bounds), accessor(1, "VEC3", 5126, len(positions)),
                      accessor(2, "VEC2", 5126, len(uv)), accessor(3, "SCALAR", 5123, triangles.size)],
        "bufferViews": views, "buffers": [{"byteLength": len(binary)}],
    }
    text = json.dumps(document, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    path.write_bytes(struct.pack("<III", 0x46546C67, 2, 28 + len(text) + len(binary)) + struct.pack("<II", len(text), 0x4E4F534A) + text + struct.pack("<II", len(binary), 0x004E4942) + binary)


def write(folder: Path, canonical: Canonical, topology: Topology) -> None:
    layouts = {name: read_layout(name, folder / "layouts") for name in LAYOUT_COLOURS if (folder / "layouts" / f"{name}.json").exists()}
    chart = draw_chart(topology, layouts)
    cv2.imwrite(str(folder / "chart.png"), chart, [cv2.IMWRITE_PNG_COMPRESSION, 9])
    write_glb(folder / "canonical_face.glb", canonical.mean_points(topology.uv), topology.uv, topology.quads, cv2.resize(chart, (1024, 1024), interpolation=cv2.INTER_AREA))
