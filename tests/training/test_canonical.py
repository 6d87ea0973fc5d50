"""The canonical face as it is committed, and, where the head model is at hand, as it is made."""
import json
import os
from pathlib import Path

import numpy as np
import pytest

CANONICAL = Path(__file__).parents[2] / "models" / "canonical"


@pytest.fixture(scope="module")
def mesh():
    """positions [N, 3], uv [N, 2], quads {group: [M, 4]} of mid.obj."""
    positions, uv, quads, group = [], [], {}, None
    for line in (CANONICAL / "topologies" / "mid.obj").read_text().splitlines():
        kind, *values = line.split()
        if kind == "v":
            positions.append([float(x) for x in values])
        elif kind == "vt":
            uv.append([float(x) for x in values])
        elif kind == "g":
            group = values[0]
        elif kind == "f":
            quads.setdefault(group, []).append([int(x.split("/")[0]) - 1 for x in values])
    return np.array(positions), np.array(uv), {name: np.array(faces) for name, faces in quads.items()}


def corner_cross(uv, quads):
    corners = uv[quads]
    ahead, behind = np.roll(corners, -1, 1) - corners, np.roll(corners, 1, 1) - corners
    return ahead[..., 0] * behind[..., 1] - ahead[..., 1] * behind[..., 0]


def test_topology_has_its_parts_and_size(mesh):
    positions, uv, quads = mesh
    assert 5000 <= len(uv) <= 8000
    assert set(quads) == {"skin", "left_eye", "right_eye", "mouth"}


def test_no_quad_is_folded_and_the_chart_stays_in_the_square(mesh):
    _, uv, quads = mesh
    assert uv.min() > 0 and uv.max() < 1
    assert all((corner_cross(uv, faces) > 0).all() for faces in quads.values())


def test_topology_is_one_sheet_without_holes(mesh):
    _, uv, quads = mesh
    faces = np.concatenate(list(quads.values()))
    edges = np.sort(np.concatenate([faces[:, [k, (k + 1) % 4]] for k in range(4)]), axis=1)
    unique, count = np.unique(edges, axis=0, return_counts=True)
    assert count.max() == 2
    assert len(uv) - len(unique) + len(faces) == 1  # Euler characteristic of a disk


def test_topology_is_mirror_symmetric(mesh):
    positions, uv, _ = mesh
    order = np.lexsort(np.round(uv, 5).T)
    across = np.lexsort(np.round(uv * [-1, 1] + [1, 0], 5).T)
    assert np.allclose(uv[order], (uv * [-1, 1] + [1, 0])[across], atol=2e-5)
    assert np.abs(positions[order] - (positions * [-1, 1, 1])[across]).max() < 3e-4


def test_the_subjects_left_eye_is_on_its_left(mesh):
    positions, uv, quads = mesh
    assert positions[np.unique(quads["left_eye"])][:, 0].min() > 0.01
    assert uv[np.unique(quads["left_eye"])][:, 0].min() > 0.5


def test_position_map_agrees_with_the_topology(mesh):
    positions, uv, _ = mesh
    grid = np.load(CANONICAL / "position_map.npy")
    size = len(grid)
    texel = np.clip((uv * [size, -size] + [0, size]).astype(int), 0, size - 1)
    assert np.median(np.linalg.norm(grid[texel[:, 1], texel[:, 0]] - positions, axis=1)) < 0.0005


@pytest.mark.parametrize("name,count", (("ibug68", 68), ("ict68", 68), ("facemesh468", 468)))
def test_layouts_are_symmetric_and_on_the_chart(name, count):
    uv = np.array(json.loads((CANONICAL / "layouts" / f"{name}.json").read_text())["uv"])
    assert uv.shape == (count, 2) and uv.min() > 0 and uv.max() < 1
    across = uv * [-1, 1] + [1, 0]
    nearest = np.linalg.norm(uv[:, None] - across[None], axis=2).min(1)
    assert nearest.max() < 0.004


@pytest.mark.parametrize("eye, points", (("right_eye", (246, 161, 160, 159, 158, 157, 173, 7, 163, 144, 145, 153, 154, 155)),
                                         ("left_eye", (466, 388, 387, 386, 385, 384, 398, 249, 390, 373, 374, 380, 381, 382))))
def test_facemesh_lids_are_beside_the_eye_and_not_on_it(mesh, eye, points):
    """In photographs these points lie on the margins of the lids; on the eyeball they would teach lids that are too far open."""
    _, uv, quads = mesh
    lids = np.array(json.loads((CANONICAL / "layouts" / "facemesh468.json").read_text())["uv"])[list(points)]
    corners = uv[quads[eye]]  # [M, 4, 2]
    ahead, to_point = np.roll(corners, -1, 1) - corners, lids[:, None, None] - corners
    inside = (ahead[..., 0] * to_point[..., 1] - ahead[..., 1] * to_point[..., 0] > 0).all(2).any(1)
    assert not inside.any()
    assert np.linalg.norm(lids[:, None] - uv[np.unique(quads[eye])], axis=2).min(1).max() < 0.025  # the eye is 0.14 wide


@pytest.fixture(scope="module")
def built():
    data = os.environ.get("MFF_DATA")
    if not data:
        pytest.skip("MFF_DATA does not name the folder with ict-facekit")
    from training.canonical import Canonical

    return Canonical.build(Path(data) / "ict-facekit" / "ict_face_model.npz")


def test_chart_is_bijective(built):
    from training.chart import signed_areas

    areas = signed_areas(built.uv, built.surface.triangles)
    assert areas.min() > 0
    rim = built.uv[built.surface.rims["outer"]]
    following = np.roll(rim, -1, 0)
    outline = 0.5 * abs((rim[:, 0] * following[:, 1] - rim[:, 1] * following[:, 0]).sum())
    assert areas.sum() == pytest.approx(outline, rel=1e-6)  # no overlap: the triangles fill the outline once


def test_vertices_are_found_again_by_their_uv(built):
    random = np.random.default_rng(0)
    chosen = random.choice(len(built.uv), 500, replace=False)
    expected = built.surface.mean[chosen]
    assert np.abs(built.mean_points(built.uv[chosen]) - expected).max() < 1e-6


def test_closing_the_lids_narrows_the_eye_caps(built):
    expression = np.zeros((2, 57), np.float32)  # open, shut
    for name in ("eyeBlink_L", "eyeBlink_R"):
        expression[1, built.ict.expression_names.index(name)] = 1
    still, shut = built.surface.vertices(built.ict.vertices(np.zeros((2, 100), np.float32), expression))
    triangles = built.surface.triangles[built.surface.part == 1]
    area = lambda v: np.linalg.norm(np.cross(v[triangles[:, 1]] - v[triangles[:, 0]], v[triangles[:, 2]] - v[triangles[:, 0]]), axis=1).sum()
    assert area(shut) < 0.7 * area(still)
