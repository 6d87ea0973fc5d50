"""The one UV chart of the canonical surface: symmetric, bijective, its area given to the features.

A Tutte embedding with Floater's mean value weights (2003) on a convex outline cannot flip or overlap a
triangle; Yoshizawa, Belyaev and Seidel's reweighting (2004) then evens the stretch without losing that,
here measured against a density that gives the eyes, nose and mouth more of the atlas.
"""
import numpy as np
import scipy.sparse as sparse
import scipy.sparse.linalg

from .ict import IctModel
from .surface import Surface

MARGIN = 0.012  # of the atlas, left free around the chart for dilation
SQUARENESS = 5.0  # exponent of the superellipse outline: 2 is a circle
ITERATIONS = 12
# Linear density of the atlas, relative to the cheeks: (landmark of iBUG 68, density, radius in metres).
FEATURES = ((37, 2.4, 0.016), (40, 2.4, 0.016), (43, 2.4, 0.016), (46, 2.4, 0.016), (33, 1.9, 0.016), (30, 1.6, 0.014),
            (48, 1.8, 0.014), (54, 1.8, 0.014), (51, 2.2, 0.016), (57, 2.2, 0.016))


def density(ict: IctModel, surface: Surface, shape: np.ndarray) -> np.ndarray:
    """Wanted linear density [N] of each vertex: over 1 at the features, under 1 on neck, ears and scalp."""
    landmarks = shape[ict.landmarks68]
    result = np.ones(len(shape))
    for landmark, peak, radius in FEATURES:
        distance = np.linalg.norm(shape - landmarks[landmark], axis=1)
        result = np.maximum(result, 1 + (peak - 1) * np.exp(-0.5 * (distance / radius) ** 2))
    depth = shape[:, 2]  # the face lies around z = 0.08, ears and sides of the neck around 0
    fade = np.clip((0.055 - depth) / 0.055, 0, 1)
    neck = np.clip((landmarks[8, 1] - shape[:, 1]) / 0.04, 0, 1)
    result *= 1 - 0.45 * np.maximum(fade, neck)
    return 0.5 * (result + result[surface.mirror])


def mean_value_weights(shape: np.ndarray, triangles: np.ndarray) -> sparse.csr_matrix:
    """Floater's mean value weights [N, N], rows not normalised."""
    rows, columns, values = [], [], []
    for k in range(3):
        i, j, l = triangles[:, k], triangles[:, (k + 1) % 3], triangles[:, (k + 2) % 3]
        ij, il = shape[j] - shape[i], shape[l] - shape[i]
        length_j, length_l = (np.maximum(np.linalg.norm(e, axis=1), 1e-6) for e in (ij, il))
        cosine = np.clip((ij * il).sum(1) / (length_j * length_l), -0.9999, 0.9999)
        tangent = np.sqrt((1 - cosine) / (1 + cosine))  # tan(angle / 2)
        rows += [i, i]
        columns += [j, l]
        values += [tangent / length_j, tangent / length_l]
    n = len(shape)
    return sparse.csr_matrix((np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), shape=(n, n))


def outline(surface: Surface, shape: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Places the outer rim [n] on a superellipse in [-1, 1]^2 by weighted arc length, forehead up: [n, 2]."""
    rim = surface.rims["outer"]
    rim = np.roll(rim, -int(np.argmax(shape[rim, 1] - 10 * np.abs(shape[rim, 0]))))  # starts at the forehead's middle
    following = np.roll(rim, -1)
    length = np.linalg.norm(shape[following] - shape[rim], axis=1) * 0.5 * (weight[rim] + weight[following])
    position = np.concatenate([[0], np.cumsum(length)[:-1]]) / length.sum()
    turns = np.linspace(0, 2 * np.pi, 20001)
    sine, cosine = np.sin(turns), np.cos(turns)
    curve = np.stack([np.sign(sine) * np.abs(sine) ** (2 / SQUARENESS), np.sign(cosine) * np.abs(cosine) ** (2 / SQUARENESS)], 1)
    arc = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(curve, axis=0), axis=1))])
    direction = 1 if shape[rim[len(rim) // 4], 0] > 0 else -1  # u grows with +x
    points = np.stack([np.interp(position * arc[-1], arc, curve[:, 0]) * direction,
                       np.interp(position * arc[-1], arc, curve[:, 1])], 1)
    result = np.zeros((len(shape), 2))
    result[rim] = points
    mirrored = result[surface.mirror] * [-1, 1]
    return 0.5 * (result + mirrored)[surface.rims["outer"]]


def embed(weights: sparse.csr_matrix, rim: np.ndarray, rim_uv: np.ndarray) -> np.ndarray:
    """Every inner vertex at the weighted mean of its neighbours (Tutte): [N, 2]."""
    n = weights.shape[0]
    inner = np.setdiff1d(np.arange(n), rim)
    normalised = sparse.diags(1 / np.asarray(weights.sum(1)).ravel()) @ weights
    system = sparse.identity(len(inner)) - normalised[inner][:, inner]
    uv = np.zeros((n, 2))
    uv[rim] = rim_uv
    uv[inner] = scipy.sparse.linalg.splu(system.tocsc()).solve(normalised[inner][:, rim] @ rim_uv)
    return uv


def signed_areas(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    a, b, c = points[triangles].transpose(1, 0, 2)
    return 0.5 * ((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0])


def stretch(uv: np.ndarray, shape: np.ndarray, triangles: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Sander's L2 stretch [M] of the map uv -> shape, the shape's lengths scaled by the wanted density."""
    s, t = uv[:, 0], uv[:, 1]
    i, j, k = triangles.T
    q1, q2, q3 = shape[i], shape[j], shape[k]
    area = np.maximum(signed_areas(uv, triangles), 1e-12)[:, None] * 2
    ds = (q1 * (t[j] - t[k])[:, None] + q2 * (t[k] - t[i])[:, None] + q3 * (t[i] - t[j])[:, None]) / area
    dt = (q1 * (s[k] - s[j])[:, None] + q2 * (s[i] - s[k])[:, None] + q3 * (s[j] - s[i])[:, None]) / area
    return np.sqrt(0.5 * ((ds**2).sum(1) + (dt**2).sum(1))) * weight[triangles].mean(1)


def make_chart(ict: IctModel, surface: Surface) -> np.ndarray:
    """UVs [N, 2] in [0, 1], v up, symmetric about u = 0.5."""
    # The chart is made on an opened mouth, whose inner rim has an area to be flattened.
    expression = np.zeros((1, len(ict.expression_names)), np.float32)
    for name, amount in (("jawOpen", 0.45), ("eyeWide_L", 1), ("eyeWide_R", 1)):
        expression[0, ict.expression_names.index(name)] = amount
    skin = ict.vertices(np.zeros((1, 100), np.float32), expression)
    shape = surface.vertices(skin)[0].astype(np.float64)
    shape = 0.5 * (shape + shape[surface.mirror] * [-1, 1, 1])
    triangles, rim = surface.triangles, surface.rims["outer"]
    wanted = density(ict, surface, shape)
    rim_uv = outline(surface, shape, wanted)
    weights = mean_value_weights(shape, triangles)
    swap = sparse.csr_matrix((np.ones(len(shape)), (np.arange(len(shape)), surface.mirror)))
    weights = weights + swap @ weights @ swap.T

    area = np.linalg.norm(np.cross(shape[triangles[:, 1]] - shape[triangles[:, 0]], shape[triangles[:, 2]] - shape[triangles[:, 0]]), axis=1)
    incidence = sparse.csr_matrix((np.tile(area, 3), (triangles.T.ravel(), np.tile(np.arange(len(triangles)), 3))))
    best, best_cost = None, np.inf
    for _ in range(ITERATIONS):
        uv = embed(weights, rim, rim_uv)
        sigma = stretch(uv, shape, triangles, wanted)
        cost = np.sqrt((area * sigma**2).sum() / area.sum())
        if cost < best_cost:
            best, best_cost = uv, cost
        vertex_sigma = np.sqrt((incidence @ sigma**2) / np.asarray(incidence.sum(1)).ravel())
        weights = weights @ sparse.diags(vertex_sigma ** -0.5)
    best = 0.5 * (best + best[surface.mirror] * [-1, 1])
    if signed_areas(best, triangles).min() <= 0:
        raise ValueError("the chart has a flipped triangle")
    return (best * (0.5 - MARGIN) + 0.5).astype(np.float64)
