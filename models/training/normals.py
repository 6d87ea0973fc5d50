"""Normals of triangle meshes."""
import numpy as np
import scipy.sparse as sparse


def face_normals(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Of triangles [M, 3] of vertices [N, 3], counter-clockwise seen from outside: normals [M, 3] as long as twice the area."""
    a, b, c = vertices[triangles[:, 0]], vertices[triangles[:, 1]], vertices[triangles[:, 2]]
    (ux, uy, uz), (vx, vy, vz) = (b - a).T, (c - a).T
    return np.stack([uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx], 1)  # np.cross is several times slower


def incidence(triangles: np.ndarray, count: int) -> sparse.csr_matrix:
    """[count, M]: which triangles meet at each vertex."""
    rows = triangles.T.ravel()
    columns = np.tile(np.arange(len(triangles)), 3)
    return sparse.csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape=(count, len(triangles)))


def unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors [..., 3] at length 1; a zero stays zero."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)


class VertexNormals:
    """Vertices [N, 3] to their unit normals [N, 3], of the triangles around each by their areas; of one set of triangles, for many shapes."""

    def __init__(self, triangles: np.ndarray, count: int):
        self.triangles, self.incidence = triangles, incidence(triangles, count)

    def __call__(self, vertices: np.ndarray) -> np.ndarray:
        return unit(self.incidence @ face_normals(vertices, self.triangles))
