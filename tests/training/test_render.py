"""The render dataset's labels agree with its pixels. Needs MFF_DATA, the folder with ict-facekit."""
import os
from dataclasses import replace

import cv2
import numpy as np
import pytest

pytest.importorskip("moderngl")
ICT = os.environ.get("MFF_DATA") and os.path.join(os.environ["MFF_DATA"], "ict-facekit", "ict_face_model.npz")
pytestmark = pytest.mark.skipif(not ICT, reason="set MFF_DATA to the folder with ict-facekit")

from training import render  # noqa: E402
from training.canonical import Canonical, read_layout  # noqa: E402
from training.data import Renders  # noqa: E402
from training.heads import FACE_CENTRE, HeadSampler, project, turn  # noqa: E402
from training.raster import Renderer, Scene, render_unlit  # noqa: E402
from training.skin import ATLAS_SIZE, Skin, SkinLibrary, Unwrapper, paint_skin, push_pull, texel_points, to_linear  # noqa: E402
from training.surface import PARTS  # noqa: E402
from training.shapes import capsule  # noqa: E402
from training.surroundings import Backgrounds  # noqa: E402
from training.wardrobe import Wardrobe  # noqa: E402

SIZE = 288
TONE = np.array([0.4, 0.25, 0.18])


@pytest.fixture(scope="module")
def canonical():
    return Canonical.build(ICT)


@pytest.fixture(scope="module")
def renderer(canonical):
    return Renderer(canonical, SIZE)


def posed(canonical, yaw_degrees, seed=5, distance=0.7, focal=60.0):
    head = HeadSampler(canonical.ict).sample(np.random.default_rng(seed))
    rotation = turn(1, np.radians(yaw_degrees))
    return replace(head, rotation=rotation, translation=np.array([0.01, -0.02, -distance]) - rotation @ FACE_CENTRE, focal_mm=focal)


def uv_atlas(size):
    """An atlas whose colour is its own uv: red u, green v."""
    centre = (np.arange(size) + 0.5) / size
    u, v = np.meshgrid(centre, 1 - centre)
    return np.round(np.stack([u, v, np.full_like(u, 0.5)], -1) * 255).astype(np.uint8)


@pytest.mark.parametrize("yaw", [0, -35, 70])
def test_pixels_show_the_uv_that_the_labels_say(canonical, renderer, yaw):
    head = posed(canonical, yaw)
    scene = Scene(paint_skin(canonical.ict, canonical.uv, np.random.default_rng(0)), TONE)
    rendering = renderer.render(head, scene)
    triangles = canonical.surface.triangles
    image, covered = render_unlit(renderer, rendering.vertices, triangles, canonical.uv[triangles], uv_atlas(1024),
                                  head.rotation, head.translation, head.focal_mm, 576)
    uv = canonical.sample(1500, 3)
    triangle, barycentric = canonical.locate(uv)
    seen = renderer.visible(rendering, head, triangle, barycentric) & (canonical.surface.part[triangle] == 0)
    points = canonical.points(rendering.vertices[None], triangle, barycentric)[0]
    pixel = ((project(points, head.rotation, head.translation, head.focal_mm) + 1) / 2 * 576).astype(int)[seen]
    assert len(pixel) > 400
    found = image[pixel[:, 1], pixel[:, 0], :2] / 255
    error = np.abs(found - uv[seen]).max(1)
    assert (covered[pixel[:, 1], pixel[:, 0]] > 0).mean() > 0.995  # the outline's own pixels are covered in part
    assert np.median(error) < 0.006  # half a pixel of the picture is about that much uv
    assert (error < 0.03).mean() > 0.97


def test_frontal_face_shows_the_nose_and_both_eyes(canonical, renderer):
    seen = visible_landmarks(canonical, renderer, posed(canonical, 0))
    assert seen[27:31].all() and seen[[36, 39, 42, 45]].sum() >= 3


def test_profile_hides_the_far_side(canonical, renderer):
    # Turned to the subject's left, the subject's left side is away from the camera.
    head = posed(canonical, 85)
    mean = canonical.surface.mean
    left_ear = np.flatnonzero((mean[:, 0] > 0.075) & (np.abs(mean[:, 1]) < 0.03))
    right_ear = np.flatnonzero((mean[:, 0] < -0.075) & (np.abs(mean[:, 1]) < 0.03))
    rendering = renderer.render(head, Scene(paint_skin(canonical.ict, canonical.uv, np.random.default_rng(0)), TONE))
    share = [renderer.visible(rendering, head, *canonical.locate(canonical.uv[ear])).mean() for ear in (left_ear, right_ear)]
    assert share[0] < 0.02 and share[1] > 0.25


def test_what_leaves_the_frame_is_not_visible(canonical, renderer):
    head = posed(canonical, 0)
    aside = replace(head, translation=head.translation + [5, 0, 0])
    assert not visible_landmarks(canonical, renderer, aside).any()


def test_glass_hides_nothing_and_a_finger_does(canonical, renderer):
    head = posed(canonical, 0)
    vertices = renderer.vertices(head.identity[None], head.expression[None])[0]
    wardrobe = Wardrobe(renderer)
    scene = Scene(paint_skin(canonical.ict, canonical.uv, np.random.default_rng(0)), TONE)
    bare = visible_landmarks(canonical, renderer, head, scene)
    wardrobe._glasses(np.random.default_rng(1), scene, vertices[:11248].astype(float))
    lenses = replace(scene, solids=[])
    assert (visible_landmarks(canonical, renderer, head, lenses) == bare).all()
    nose = vertices[canonical.ict.landmarks68[30]]
    finger = replace(scene, solids=[capsule(nose + [-0.1, 0, 0.03], nose + [0.1, 0, 0.03], 0.01, TONE)], lenses=[])
    assert bare[30] and not visible_landmarks(canonical, renderer, head, finger)[30]


def test_open_eyes_are_seen_whatever_the_head(canonical, renderer):
    # The caps follow the lids, the eyeballs their own shape: one may lie well before the other.
    random = np.random.default_rng(5)
    uv = canonical.sample(4096, 3)
    triangle, barycentric = canonical.locate(uv)
    eyes = np.isin(canonical.surface.part[triangle], [PARTS.index("left_eye"), PARTS.index("right_eye")]) & (barycentric.min(1) > 0.05)
    scene = Scene(paint_skin(canonical.ict, canonical.uv, random), TONE)
    for _ in range(6):
        head = replace(posed(canonical, 0), identity=random.normal(0, 1, 100).astype(np.float32))
        seen = renderer.visible(renderer.render(head, scene), head, triangle[eyes], barycentric[eyes])
        assert seen.mean() > 0.8
    profile = posed(canonical, 85)
    seen = renderer.visible(renderer.render(profile, scene), profile, triangle[eyes], barycentric[eyes])
    assert seen[uv[eyes, 0] > 0.5].mean() < 0.05


def test_an_iris_is_seen_between_the_lids_alone_and_lashes_hide_nothing(canonical, renderer):
    random = np.random.default_rng(6)
    names = canonical.ict.expression_names
    green = Scene(paint_skin(canonical.ict, canonical.uv, random), TONE, iris=np.array([0, 0.5, 0]), lash_density=np.zeros(2))
    shown = 0
    for blink in (0, 0.5, 0.7, 0.8, 0.9, 1):
        head = replace(posed(canonical, 0, distance=0.35), identity=random.normal(0, 1, 100).astype(np.float32), gaze=np.zeros(2))
        head.expression[:] = 0
        head.expression[[names.index("eyeBlink_L"), names.index("eyeBlink_R")]] = blink
        rendering = renderer.render(head, green)
        image, opening = rendering.image.astype(int), np.zeros((SIZE, SIZE), np.uint8)
        for eye in ("left_eye", "right_eye"):
            rim = project(rendering.vertices[canonical.surface.rims[eye]], head.rotation, head.translation, head.focal_mm)
            cv2.fillPoly(opening, [np.round((rim + 1) / 2 * SIZE - 0.5).astype(np.int32)], 1)
        iris = image[..., 1] > image[..., [0, 2]].max(2) + 30
        shown += iris.sum()
        assert not iris[cv2.dilate(opening, np.ones((3, 3), np.uint8)) == 0].any()
    assert shown > 100
    dense = replace(green, lash_density=np.ones(2))
    assert renderer.render(head, dense).image.mean() < renderer.render(head, green).image.mean()
    assert (visible_landmarks(canonical, renderer, head, dense) == visible_landmarks(canonical, renderer, head, green)).all()


def test_a_sample_depends_on_its_seed_alone(canonical, renderer):
    def picture(seed):
        rng = np.random.default_rng(seed)
        head = HeadSampler(canonical.ict).sample(rng)
        vertices = renderer.vertices(head.identity[None], head.expression[None])[0]
        scene = Wardrobe(renderer).dress(rng, vertices, paint_skin(canonical.ict, canonical.uv, rng), Backgrounds(SIZE, []).sample(rng))
        return renderer.render(head, scene, vertices).image

    first, other, again = picture(3), picture(4), picture(3)
    assert (first == again).all()
    assert np.abs(first.astype(int) - other).mean() > 5


def test_a_closed_eye_and_an_open_jaw_move_what_they_should(canonical, renderer):
    names = canonical.ict.expression_names
    head = posed(canonical, 0)
    closed, opened = (np.zeros_like(head.expression) for _ in range(2))
    closed[[names.index("eyeBlink_L"), names.index("eyeBlink_R")]] = 1
    opened[names.index("jawOpen")] = 1

    def pixels(expression):
        shape = renderer.vertices(head.identity[None], expression[None])[0][canonical.ict.landmarks68]
        return project(shape, head.rotation, head.translation, head.focal_mm)

    neutral = pixels(np.zeros_like(closed))
    assert np.abs(pixels(closed)[37, 1] - pixels(closed)[41, 1]) < 0.35 * np.abs(neutral[37, 1] - neutral[41, 1])
    assert pixels(opened)[8, 1] > neutral[8, 1] + 0.05  # the chin goes down: v grows


def test_recolouring_brings_the_mean_to_the_tone():
    atlas = np.full((448, 448, 3), (200, 150, 120), np.uint8)
    skin = Skin(atlas, to_linear(np.array([200, 150, 120]) / 255), grey=False)
    found = (skin.recoloured(TONE, np.ones(3), 1.0)[0, 0] / 255.0) ** 2
    assert np.allclose(found, TONE, rtol=0.02)


def visible_landmarks(canonical, renderer, head, scene=None):
    scene = scene or Scene(paint_skin(canonical.ict, canonical.uv, np.random.default_rng(0)), TONE)
    return renderer.visible(renderer.render(head, scene), head, *canonical.locate(canonical.ibug68))


# Skins

def test_a_portrait_unwraps_to_the_atlas_it_was_made_with(canonical, renderer):
    facemesh = read_layout("facemesh468")
    head = replace(posed(canonical, 4), expression=np.zeros(57, np.float32))
    vertices = canonical.surface.vertices(renderer.vertices(head.identity[None], head.expression[None]))[0]
    photo, _ = render_unlit(renderer, vertices, canonical.surface.triangles, canonical.uv[canonical.surface.triangles], uv_atlas(1024),
                            head.rotation, head.translation, head.focal_mm, 400)
    points = canonical.points(vertices[None], *canonical.locate(facemesh))[0]
    landmarks = (project(points, head.rotation, head.translation, head.focal_mm) + 1) / 2 * 400
    unwrapper = Unwrapper(canonical.ict, canonical.uv, facemesh)
    found = unwrapper.sampled(photo, landmarks)
    true = uv_atlas(ATLAS_SIZE).astype(float)
    error = np.abs(found - true)[unwrapper.distance > 0.06].max(1) / 255
    assert np.median(error) < 0.008  # of the atlas; the points are 468 and the face is curved between them
    assert np.quantile(error, 0.95) < 0.03


def test_glasses_and_hatching_are_told_from_bare_skin(canonical):
    unwrapper = Unwrapper(canonical.ict, canonical.uv, read_layout("facemesh468"))
    rng = np.random.default_rng(0)
    bare = paint_skin(canonical.ict, canonical.uv, rng)
    glasses = bare.atlas.copy()
    for eye in (36, 42):
        centre = (texel_points(canonical.uv[canonical.ict.landmarks68[eye:eye + 6]]).mean(0) + [0, 8]).astype(int)
        cv2.ellipse(glasses, tuple(centre.tolist()), (70, 46), 0, 0, 360, (20, 15, 15), 7)
    assert unwrapper.lines(replace(bare, atlas=glasses)) > 1.3 * unwrapper.lines(bare)


def test_filling_keeps_what_is_known_and_reaches_everywhere():
    random = np.random.default_rng(2)
    image = random.uniform(50, 200, (65, 47, 3)).astype(np.float32)
    known = np.zeros((65, 47), np.float32)
    known[20:40, 10:30] = 1
    filled = push_pull(image, known)
    assert np.allclose(filled[20:40, 10:30], image[20:40, 10:30])
    assert filled.min() >= 49.9 and filled.max() <= 200.1


def painted_studio(canonical, renderer, uv):
    """A studio of painted skins and plain backgrounds, its pool the queries uv."""
    studio = render.Studio.__new__(render.Studio)
    studio.renderer, studio.split = renderer, 2
    studio.heads, studio.wardrobe, studio.backgrounds = HeadSampler(canonical.ict), Wardrobe(renderer), Backgrounds(SIZE, [])
    studio.skins = type("Painted", (), {"sample": lambda self, rng: paint_skin(canonical.ict, canonical.uv, rng)})()
    studio.triangle, studio.barycentric = canonical.locate(uv)
    return studio


def test_four_views_show_one_head(canonical, renderer):
    studio = painted_studio(canonical, renderer, canonical.sample(300, 0))
    views = list(studio.views(7))
    assert len(views) == 4 and all(view["head"] == 7 and view["present"] for view in views)
    for name in ("identity", "expression", "gaze", "position"):
        assert all((view[name] == views[0][name]).all() for view in views)
    yaw = [abs(np.degrees(np.arctan2(view["rotation"][0, 2], view["rotation"][2, 2]))) for view in views]
    assert yaw[0] < 40 and yaw[3] > 55  # pitch, roll and the place in the frame add to the range asked for
    assert (views[0]["image"] != views[1]["image"]).any()
    dressed, bare = (np.stack([np.unpackbits(view[name]) for view in views]).astype(bool) for name in ("visible", "visible_bare"))
    assert bare.sum() > dressed.sum() and (dressed & ~bare).mean() < 0.01  # nothing comes into sight by dressing
    again = list(studio.views(7))
    assert all((a["image"] == b["image"]).all() for a, b in zip(views, again))


def test_a_film_moves_smoothly(canonical, renderer):
    studio = painted_studio(canonical, renderer, canonical.ibug68)
    film = list(studio.film(1, 24))
    assert len(film) == 24 and all((frame["identity"] == film[0]["identity"]).all() for frame in film)
    pixels = np.stack([project(f["position"].astype(float), f["rotation"], f["translation"], f["focal_mm"]) for f in film]) * 48
    eyes = np.linalg.norm(pixels[:, 36] - pixels[:, 45], axis=1).mean()
    step, bend = (np.linalg.norm(np.diff(pixels, n, axis=0), axis=2).mean() / eyes for n in (1, 2))
    assert 0.002 < step < 0.1 and bend < 0.35 * step
    apart = [np.abs(a["image"].astype(int) - b["image"]).mean() for a, b in zip(film, film[1:])]
    assert max(apart) < 12  # the dress stays on


# Shards

# From here on another renderer's context is the current one: no test after this draws with `renderer`.
def test_shards_resume_and_hold_what_their_queries_say(canonical, tmp_path):
    empty = {"names": (0,), "landmarks": (0, 468, 3), "std": (0, 468), "interocular": (0,), "grey": (0,), "yaw": (0,), "faces": (0,)}
    labels = {name: np.zeros(shape) for name, shape in empty.items()} | {"validation": np.zeros(0, bool)}
    studio = render.Studio(canonical, SkinLibrary(canonical.ict, canonical.uv, None, labels, tmp_path, False), "training", negatives=0.3)
    render.produce(studio, tmp_path, range(0, 2), samples=6)
    first = (tmp_path / "shard-0000.npz").stat().st_mtime_ns
    (tmp_path / "shard-0001.npz").unlink()
    render.produce(studio, tmp_path, range(0, 2), samples=6)
    assert (tmp_path / "shard-0000.npz").stat().st_mtime_ns == first
    shards = [dict(np.load(tmp_path / f"shard-000{n}.npz")) for n in range(2)]
    queries = np.load(tmp_path / "queries.npz")
    assert sorted(seed for shard in shards for seed in shard["seed"]) == list(range(12))
    assert 0 < sum((~shard["present"]).sum() for shard in shards) < 12
    pictures = np.concatenate([np.load(tmp_path / f"shard-000{n}.npy") for n in range(2)])
    present = np.concatenate([shard["present"] for shard in shards])
    read = Renders(tmp_path)
    assert all((read.source(i).image == picture).all() for i, picture in enumerate(pictures[present]))
    assert all((read.faceless(i).image == picture).all() for i, picture in enumerate(pictures[~present]))
    for shard in shards:
        shape = canonical.ict.vertices(shard["identity"], shard["expression"])
        truth = canonical.points(canonical.surface.vertices(shape), queries["triangle"], queries["barycentric"])
        assert np.abs(truth - shard["position"]).max() < 2e-4  # float16
        assert (np.unpackbits(shard["visible"], axis=1)[shard["present"], :4096].mean(1) > 0.05).all()
        assert np.allclose(shard["rotation"] @ shard["rotation"].transpose(0, 2, 1), np.eye(3), atol=1e-5)


def test_validation_and_training_draw_different_heads(canonical):
    draw = lambda split: HeadSampler(canonical.ict).sample(np.random.default_rng([render.SPLITS[split], 0])).identity
    assert not np.allclose(draw("training"), draw("validation"))
