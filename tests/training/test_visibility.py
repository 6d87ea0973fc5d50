"""The z-buffer that judges visibility, against a pixel-by-pixel one and against scenes whose answer is known."""
import numpy as np

from training.normals import VertexNormals
from training.visibility import facing, pool_triangles, rasterise, seen


def slow(points, inverse, triangles, width, height):
    buffer = np.zeros((height, width))
    for corners in triangles:
        matrix = np.concatenate([points[corners].T, np.ones((1, 3))])
        if abs(np.linalg.det(matrix)) < 1e-12:
            continue
        for y in range(height):
            for x in range(width):
                weights = np.linalg.solve(matrix, [x + 0.5, y + 0.5, 1])
                if weights.min() >= -1e-4:
                    buffer[y, x] = max(buffer[y, x], weights @ inverse[corners])
    return buffer


def test_the_z_buffer_is_the_slow_one():
    random = np.random.default_rng(0)
    points, inverse = random.uniform(-4, 24, (30, 2)), random.uniform(0.5, 3, 30)
    triangles = random.integers(0, 30, (25, 3))
    fast = rasterise(points, inverse, triangles, 20, 16)
    assert fast.shape == (16, 20) and (fast > 0).mean() > 0.5
    assert np.allclose(fast, slow(points, inverse, triangles, 20, 16))


def test_small_triangles_leave_no_seam():
    side = np.linspace(2.3, 37.7, 60)
    points = np.stack(np.meshgrid(side, side), -1).reshape(-1, 2)
    cell = (np.arange(59)[:, None] * 60 + np.arange(59)).reshape(-1, 1)
    triangles = np.concatenate([cell + [0, 1, 61], cell + [0, 61, 60]])
    assert (rasterise(points, np.ones(3600), triangles, 40, 40)[3:37, 3:37] > 0.999).all()


def test_a_wall_hides_what_is_behind_it():
    # A square of 10 cm, 5 cm before the origin, seen from 0.5 m away: 60 mm on 36 mm.
    wall = np.array([[-0.05, -0.05, 0.05], [0.05, -0.05, 0.05], [0.05, 0.05, 0.05], [-0.05, 0.05, 0.05]])
    triangles = np.array([[0, 1, 2], [0, 2, 3]])
    queries = np.array([[0, 0, 0.05], [0, 0, 0.047], [0, 0, 0.0], [0.02, -0.03, 0.06], [0.07, 0, 0.0], [0.3, 0, 0]])
    pose = np.eye(3), np.array([0, 0, -0.5]), 60.0
    image = np.zeros((300, 400, 3), np.uint8)
    expected = [True, True, False, True, True, False]  # on it, just under it, behind, before, beside, out of the picture
    assert seen(queries, wall, triangles, pose, np.eye(2, 3), image).tolist() == expected
    turned = np.array([[0, -1.0, 0], [1, 0, 0]])
    assert seen(queries, wall, triangles, pose, turned, image).tolist()[:4] == expected[:4]


def test_a_ball_faces_the_camera_with_its_near_side():
    side = np.linspace(0.45, 0.55, 20)
    uv = np.stack(np.meshgrid(side, side), -1).reshape(-1, 2)
    x, y = ((uv - 0.5) * 20).T  # -1..1
    angle = np.hypot(x, y) * 1.3
    around = np.stack([np.sinc(angle / np.pi) * x * 1.3, np.sinc(angle / np.pi) * y * 1.3, np.cos(angle)], 1)  # on the unit ball
    cosine = facing(0.1 * around, VertexNormals(pool_triangles(uv), len(uv))(0.1 * around), (np.eye(3), np.array([0, 0, -100.0]), 60.0))
    assert np.abs(cosine - around[:, 2])[np.abs(uv - 0.5).max(1) < 0.045].max() < 0.04  # of a coarse mesh
