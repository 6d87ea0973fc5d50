"""Points spread over C as a mesh of their own, and which way it faces."""
import numpy as np
from scipy.spatial import Delaunay

LONGEST_EDGE = 0.08  # in uv; longer edges of a triangulated pool bridge the chart's outline


def pool_triangles(uv: np.ndarray) -> np.ndarray:
    """Queries [K, 2] as a mesh: triangles [M, 3], counter-clockwise seen from outside."""
    triangles = Delaunay(uv).simplices
    edges = np.linalg.norm(uv[triangles] - uv[np.roll(triangles, 1, 1)], axis=2)
    triangles = triangles[edges.max(1) < LONGEST_EDGE]
    (x1, y1), (x2, y2) = ((uv[triangles[:, k]] - uv[triangles[:, 0]]).T for k in (1, 2))
    return np.where((x1 * y2 > y1 * x2)[:, None], triangles, triangles[:, ::-1])


def facing(positions: np.ndarray, triangles: np.ndarray, pose: tuple) -> np.ndarray:
    """Cosine [K] of the angle between the surface's normal at each of its points [K, 3] and the direction to the camera."""
    a, b, c = (positions[triangles[:, k]] for k in range(3))
    flat, corners = np.cross(b - a, c - a), triangles.T.ravel()
    normals = np.stack([np.bincount(corners, np.tile(axis, 3), len(positions)) for axis in flat.T], 1)
    rotation, translation, _ = pose
    camera = positions @ rotation.T + translation
    lengths = np.linalg.norm(normals, axis=1) * np.linalg.norm(camera, axis=1)
    return -(normals @ rotation.T * camera).sum(1) / np.maximum(lengths, 1e-12)
