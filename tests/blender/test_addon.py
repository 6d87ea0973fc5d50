"""
The add-on in real Blender, without a window. First the README's own commands, as a new user in a clean home follows them;
then, on that installation, what is in the scene and what building again, undo, folders, landmarks and export do.
"""

import json
import os
import re
import shlex
import subprocess

import cv2
import numpy as np
import pytest

from conftest import PORTRAIT, ROOT, SERVER, TO_BLENDER, project, run_blender

PHOTOS = [ROOT / "examples" / "captures" / "synthetic" / f"{name}.jpg" for name in ("front", "left", "right", "above")]


class NewUser:
    """A clean home, and a folder where the repository lies with the server published into out/."""

    def __init__(self, folder):
        self.home = folder / "home"
        self.folder = folder / "MeshFromFaces"
        self.home.mkdir()
        self.folder.mkdir()
        for name in ("addon", "examples"):
            (self.folder / name).symlink_to(ROOT / name)
        (self.folder / "out").symlink_to(SERVER)  # What the README's `dotnet publish` makes; the test has it built already.

    def blender(self, script, *arguments):
        """Runs lines of Python in this user's Blender; `answer` is what they give back."""
        (self.folder / "lines.py").write_text(f"import bpy, sys, json\nargv = sys.argv[sys.argv.index('--') + 1:]\nanswer = None\n{script}\nprint('ANSWER', json.dumps(answer))\n")
        printed = run_blender(*arguments, "--python", self.folder / "lines.py", "--", home=self.home, folder=self.folder)
        return json.loads(re.findall("^ANSWER (.*)$", printed, re.MULTILINE)[-1])

    def scene_of(self, blend):
        run_blender(blend, "--python", ROOT / "tests" / "blender" / "scene_of.py", "--", self.folder / "seen.json", home=self.home)
        return json.loads((self.folder / "seen.json").read_text())


def readme_commands():
    """The lines of the README's section on Blender that are run in a shell, but for the publishing of the server."""
    section = (ROOT / "README.md").read_text("utf-8").split("### In Blender")[1].split("\n### ")[0]
    return [line.strip() for line in re.findall(r"^    (.+)$", section, re.MULTILINE) if not line.startswith("dotnet")]


@pytest.fixture(scope="module")
def user(tmp_path_factory):
    user = NewUser(tmp_path_factory.mktemp("user"))
    commands = readme_commands()
    assert any(command.startswith("python3 addon/build.py") for command in commands) and any("examples/blender" in command for command in commands)
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("XDG_", "BLENDER_"))} | {"HOME": str(user.home)}
    for command in commands:
        done = subprocess.run(command, shell=True, cwd=user.folder, env=environment, capture_output=True, text=True, timeout=900)
        assert done.returncode == 0 and "Error" not in done.stderr, f"{shlex.quote(command)}\n{done.stdout}{done.stderr}"
    return user


@pytest.fixture(scope="module")
def capture(user):
    """What the saved file holds when it is opened again."""
    return user.scene_of(user.folder / "face.blend")


@pytest.fixture(scope="module")
def truth(user, tmp_path_factory):
    """The same capture by the command line, with all vertices as landmarks."""
    folder = tmp_path_factory.mktemp("truth")
    command = [SERVER / "mesh-from-faces", "mesh", *PHOTOS, "--output", f"{folder}/", "--layout", "dense", "--quiet"]
    subprocess.run([*map(str, command)], check=True, timeout=600)
    return folder


def test_the_readmes_way_leaves_a_blend_and_no_server_behind(user):
    assert (user.folder / "face.blend").stat().st_size > 100_000
    data = user.home / ".local" / "share" / "MeshFromFaces"
    assert data.is_dir() and not (data / "server.json").exists()
    assert not list(user.folder.glob("*.glb"))


def test_a_capture_is_a_collection_of_the_mesh_and_a_camera_a_view(capture):
    cameras = {f"View {number}: {photo.name}": "CAMERA" for number, photo in enumerate(PHOTOS, start=1)}
    assert capture["collections"] == {"Face": {"Face": "MESH", **cameras}}


def test_the_mesh_is_quads_smooth_and_whole(capture):
    face = capture["Face"]
    assert (face["sides"], face["polygons"], face["smooth"], face["broken"]) == ([4], 5440, True, False)
    assert len(face["vertices"]) == 5577
    groups = face["groups"]
    assert set(groups) == {"skin", "left_eye", "right_eye", "mouth"} and groups["skin"] > 4000
    assert sum(groups.values()) >= 5577 and min(groups.values()) > 20


def test_its_uvs_are_the_canonical_ones_and_the_atlas_is_packed(capture):
    face = capture["Face"]
    obj = (ROOT / "models" / "canonical" / "topologies" / "mid.obj").read_text().splitlines()
    told = np.array(list(dict.fromkeys(tuple(map(float, line.split()[1:3])) for line in obj if line.startswith("vt "))))
    assert np.allclose(face["uvs"], told[face["corners"]], atol=1e-6)
    atlas = capture["images"][face["texture"]]
    assert atlas["packed"] and atlas["size"] == [2048, 2048]
    assert "/tmp" not in atlas["path"]


def test_custom_properties_tell_model_options_and_sigma(capture):
    properties = capture["Face"]["properties"]
    card = json.loads((ROOT / "models" / "compact" / "model.json").read_text())
    assert properties["model"] == f"{card['name']} {card['version']}" and re.fullmatch("[0-9a-f]{64}", properties["model_hash"])
    assert properties["options"]["textureSize"] == 2048 and properties["topology"] == "mid"
    sigmas = [camera["sigma"] for camera in capture["Face"]["cameras"]]
    assert all(0 < sigma < 100 for sigma in sigmas) and np.isclose(properties["sigma_px"], np.mean(sigmas))


def test_upright_the_head_is_the_worlds(capture):
    assert np.allclose(capture["Face"]["matrix"], np.eye(4), atol=1e-5)
    x, y, z = np.array(capture["Face"]["vertices"]).T
    nose = np.argmin(y)
    assert abs(x[nose]) < 0.02 and z.min() < z[nose] < z.max() and np.ptp(z) > np.ptp(y)


def test_each_camera_has_its_photo_and_sees_every_vertex_where_the_server_does(capture, truth):
    views = json.loads((truth / "landmarks.json").read_text())
    for camera, view, photo in zip(capture["Face"]["cameras"], views, PHOTOS, strict=True):
        assert camera["photo"] == str(photo.resolve()) or os.path.samefile(camera["photo"], photo)
        assert camera["shown"] and camera["size"] == [view["width"], view["height"]]
        # The mesh of several views is their mean, so it is projected as landmarks.json says of the camera.
        told = project(np.array(capture["Face"]["vertices"]) @ TO_BLENDER, view)
        distance = np.linalg.norm(np.array(camera["pixels"]) - told, axis=1) * 1024 / max(camera["size"])
        print(f"{camera['name']}: mean {distance.mean():.3f} px, worst {distance.max():.3f} px at 1024 px")
        # A camera of Blender's cannot shear, as theta may a little.
        assert distance.mean() <= 1.0


BUILD = f"""
def build(name, *photos, **settings):
    chosen = bpy.context.scene.mesh_from_faces
    bpy.ops.mesh_from_faces.clear_photos() if chosen.photos else None
    for photo in photos:
        folder, _, file = photo.rpartition("/")
        bpy.ops.mesh_from_faces.add_photos(directory=folder, files=[dict(name=file)])
    chosen.capture, chosen.texture_size = name, "512"
    for key, value in settings.items():
        setattr(chosen, key, value)
    return bpy.ops.mesh_from_faces.build()

PORTRAIT = {str(PORTRAIT)!r}
bpy.ops.wm.read_homefile()
"""


@pytest.mark.parametrize("photo", PHOTOS[:2], ids=lambda photo: photo.stem)
def test_rendered_through_its_camera_the_mesh_lies_on_the_servers_overlay(user, photo, tmp_path):
    # Of one photo: the mesh of several is the mean of what their overlays show.
    subprocess.run([*map(str, [SERVER / "mesh-from-faces", "mesh", photo, "--output", f"{tmp_path}/", "--texture-size", "512", "--quiet"])], check=True, timeout=600)
    blend, rendered = user.folder / f"{photo.stem}.blend", user.folder / f"edges-{photo.stem}.png"
    alone = f"bpy.ops.wm.read_homefile(use_empty=True)\nanswer = [*build('Alone', {str(photo)!r}), *bpy.ops.wm.save_as_mainfile(filepath={str(blend)!r})]"
    assert user.blender(BUILD + alone) == ["FINISHED"] * 2
    run_blender(blend, "--python", ROOT / "tests" / "blender" / "drawn.py", "--", f"View 1: {photo.name}", rendered, home=user.home)
    lines = cv2.imread(str(rendered), cv2.IMREAD_GRAYSCALE) > 48
    overlay, picture = (
        cv2.resize(cv2.imread(str(path)), lines.shape[::-1], interpolation=cv2.INTER_AREA).astype(np.int16) for path in (tmp_path / "overlay-1.jpg", photo)
    )
    assert max(lines.shape) == 1024
    # The overlay is the photo with bluish lines on it: of a line at least its middle stands out from JPEG's noise.
    drawn = (overlay - picture)[..., 0] > 24
    assert drawn.sum() > 10_000 and lines.sum() > 10_000
    apart = mean_distance(drawn, lines), mean_distance(lines, drawn)
    print(f"{photo.name}: overlay to render {apart[0]:.2f} px, render to overlay {apart[1]:.2f} px at 1024 px")
    assert max(apart) <= 0.5


def mean_distance(points, lines):
    """Pixels from a point to the nearest line."""
    return cv2.distanceTransform((~lines).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[points].mean()


def test_building_again_replaces_its_own_collection_only_and_undo_takes_it_back(user):
    answer = user.blender(f"""{BUILD}
def state():
    data = {{kind: sorted(each.name for each in getattr(bpy.data, kind)) for kind in ("meshes", "materials", "cameras", "images")}}
    return {{**{{each.name: sorted(child.name for child in each.objects) for each in bpy.data.collections}}, "data": data}}

bpy.ops.ed.undo_push(message="before")
build("Anna", PORTRAIT)
build("Bert", PORTRAIT)
note = bpy.data.objects.new("Artist's own", None)
bpy.data.collections["Anna"].objects.link(note)
bpy.data.objects["Bert"].location.x = 7
bpy.ops.mesh_from_faces.add_landmarks()
bpy.ops.ed.undo_push(message="edited")
twice = state()
build("Anna", PORTRAIT)
again = state()
moved = bpy.data.objects["Bert"].location.x
bpy.ops.ed.undo()
undone = state()
for _ in range(4):
    bpy.ops.ed.undo()
answer = dict(twice=twice, again=again, undone=undone, first=state(), moved=moved)
""")
    # Blender gives a name once: the second capture's camera is "View 1: astronaut.png.001".
    assert list(answer["twice"]) == ["Anna", "Bert", "Bert ibug68", "Collection", "data"]
    assert answer["twice"]["Anna"] == ["Anna", "Artist's own", "View 1: astronaut.png"]
    assert len(answer["twice"]["Bert ibug68"]) == 68
    assert answer["again"] == answer["twice"] and answer["moved"] == 7
    assert answer["undone"] == answer["twice"]
    assert list(answer["first"]) == ["Collection", "data"] and "Anna" not in answer["first"]["data"]["meshes"]


def test_a_face_that_is_being_edited_or_was_copied_is_replaced_whole(user):
    answer = user.blender(f"""{BUILD}
def data():
    names = {{kind: {{each.name for each in getattr(bpy.data, kind)}} for kind in ("objects", "meshes", "materials", "cameras")}}
    return {{**names, "images": {{each.name for each in bpy.data.images if each.source == "FILE"}}}}

before = data()
build("Anna", PORTRAIT)
face, camera = bpy.data.objects["Anna"], bpy.data.objects["View 1: astronaut.png"]
for each in (face, face, camera):
    copy = each.copy()  # Alt-D: the copy shares mesh, material and photo.
    bpy.data.collections["Anna"].objects.link(copy)
bpy.ops.object.mode_set(mode="EDIT")
build("Anna", PORTRAIT)
answer = {{kind: sorted(names - before[kind]) for kind, names in data().items()}}
""")
    view = "View 1: astronaut.png"
    assert answer == {"objects": ["Anna", view], "meshes": ["Anna"], "materials": ["Anna"], "cameras": [view], "images": ["Anna", "astronaut.png"]}


def test_as_an_extension_it_is_registered_without_bl_info(user):
    """Blender 4.2 and newer delete it from the module between import and register (addon_utils.enable)."""
    assert user.blender("""
import mesh_from_faces
from mesh_from_faces import session
mesh_from_faces.unregister()
del mesh_from_faces.bl_info
mesh_from_faces.register()
answer = [hasattr(bpy.types, "VIEW3D_PT_mesh_from_faces"), list(session._server._version)]
""") == [True, [0, 1, 0]]


def test_what_there_is_to_choose_is_known_once_the_server_was_asked(user):
    answer = user.blender("""
chosen = bpy.context.scene.mesh_from_faces

def can_be_chosen(menu, name):
    try:
        setattr(chosen, menu, name)
        return True
    except TypeError:
        return False

def menus():
    return [can_be_chosen(*each) for each in (("layout_menu", "ibug68"), ("layout_menu", "facemesh468"), ("style_menu", "render"), ("layout_menu", "dense"))]

answer = [menus(), bpy.ops.mesh_from_faces.ask_server() == {"FINISHED"}, menus()]
""")
    assert answer == [[True, False, False, False], True, [True, True, True, False]]


def test_undo_or_another_file_while_the_face_comes_in_harms_nothing(user):
    answer = user.blender(f"""{BUILD}
from mesh_from_faces import builds, session

def disturbed_by(disturb):
    session.start(builds.build(builds.Capture("Face", (PORTRAIT,), dict(textureSize=512))))
    steps = 0
    while session.is_busy():
        session._advance()
        if session._insertion:
            steps += 1
            if steps == 4:
                disturb()
    status = bpy.context.window_manager.mesh_from_faces
    return status.error, steps, sorted(each.name for each in bpy.data.collections["Face"].objects), len(bpy.data.objects["Face"].data.polygons)

bpy.ops.ed.undo_push(message="one")
bpy.context.scene.frame_end = 7
bpy.ops.ed.undo_push(message="two")
answer = [disturbed_by(bpy.ops.ed.undo), disturbed_by(bpy.ops.wm.read_homefile)]
""")
    for error, steps, objects, polygons in answer:
        assert error == "" and steps > 8  # More than an insertion takes: it began anew.
        assert objects == ["Face", "View 1: astronaut.png"] and polygons == 5440


def test_as_photographed_the_first_camera_stands_at_the_origin(user):
    answer = user.blender(f"""{BUILD}
build("Face", PORTRAIT, placement="PHOTOGRAPHED")
camera = bpy.data.objects["View 1: astronaut.png"]
face = bpy.data.objects["Face"]
answer = dict(eye=list(camera.matrix_world.translation), ahead=list(camera.matrix_world.to_3x3() @ __import__("mathutils").Vector((0, 0, -1))), face=list(face.location))
""")
    assert np.allclose(answer["eye"], 0, atol=1e-6) and np.allclose(answer["ahead"], [0, 1, 0], atol=1e-6)
    assert answer["face"][1] > 0.2


def test_landmarks_lie_on_the_mesh_where_the_layout_says(user):
    answer = user.blender(f"""{BUILD}
build("Face", PORTRAIT, placement="PHOTOGRAPHED")
chosen = bpy.context.scene.mesh_from_faces
bpy.ops.mesh_from_faces.look_through(camera="View 1: astronaut.png")
bpy.ops.mesh_from_faces.add_landmarks()
bpy.ops.mesh_from_faces.add_landmarks()  # Again: in place of the first.
bpy.context.view_layer.update()
from bpy_extras.object_utils import world_to_camera_view
empties = sorted(bpy.data.collections["Face ibug68"].objects, key=lambda each: each["landmark"])
points = [world_to_camera_view(bpy.context.scene, bpy.context.scene.camera, each.matrix_world.translation) for each in empties]
chosen.landmarks_as = "VERTICES"
bpy.ops.mesh_from_faces.add_landmarks()
face = bpy.data.objects["Face"]
numbers = [each.value for each in face.data.attributes["ibug68_landmark"].data]
group = face.vertex_groups["ibug68"].index
chosen.layout_menu = "facemesh468"
bpy.ops.mesh_from_faces.add_landmarks()
answer = dict(
    pixels=[[512 * point.x, 512 * (1 - point.y)] for point in points],
    numbers=numbers,
    members=[index for index, vertex in enumerate(face.data.vertices) if any(part.group == group for part in vertex.groups)],
    parents=[each.parent.name for each in empties],
    groups=[each.name for each in face.vertex_groups],
)
""")
    command = [SERVER / "mesh-from-faces", "landmarks", PORTRAIT, "--layout", "ibug68", "--quiet", "--output", user.folder / "landmarks.json"]
    subprocess.run([*map(str, command)], check=True, timeout=300)
    (view,) = json.loads((user.folder / "landmarks.json").read_text())
    told = np.array([[mark["x"], mark["y"]] for mark in view["landmarks"]])
    distance = np.linalg.norm(np.array(answer["pixels"]) - told, axis=1)
    # Between vertices the mesh is flat and the face is not; no more than that.
    assert len(distance) == 68 and distance.mean() < 0.5 and distance.max() < 2
    assert set(answer["parents"]) == {"Face"}
    numbered = {index: number for index, number in enumerate(answer["numbers"]) if number >= 0}
    assert sorted(numbered) == answer["members"] and len(set(numbered.values())) == len(numbered) >= 66
    assert answer["groups"] == ["skin", "left_eye", "right_eye", "mouth", "ibug68", "facemesh468"]


def test_a_folder_is_built_into_the_scene_or_to_files_and_all_faces_are_exported(user, tmp_path):
    for name in ("anna", "bert", "carl"):
        (tmp_path / "night" / name).mkdir(parents=True)
        (tmp_path / "night" / name / "front.png").write_bytes(PORTRAIT.read_bytes() if name != "bert" else b"no picture")
    answer = user.blender(f"""{BUILD}
chosen = bpy.context.scene.mesh_from_faces
chosen.texture_size, chosen.batch_folder, chosen.batch_result = "512", {str(tmp_path / "night")!r}, "GLB"
errors = []
for chosen.batch_result in ("GLB", "IMPORT"):
    try:
        bpy.ops.mesh_from_faces.build_folder()
    except RuntimeError as error:
        errors.append(str(error))
faces = sorted(each.name for each in bpy.data.objects if each.get("mesh_from_faces") == "face")
bpy.data.objects["anna"].location.x = 3
bpy.ops.mesh_from_faces.export(directory={str(tmp_path / "export")!r})
answer = dict(faces=faces, errors=errors, selected=[each.name for each in bpy.context.selected_objects])
bpy.data.objects["carl"].hide_set(True)
bpy.ops.mesh_from_faces.export(directory={str(tmp_path / "visible")!r})
""")
    assert answer["faces"] == ["anna", "carl"] and answer["selected"] == ["carl"]
    assert len(answer["errors"]) == 2 and all("bert: 'front.png' is a text" in error for error in answer["errors"])
    assert sorted(path.name for path in (tmp_path / "night").glob("*.glb")) == ["anna.glb", "carl.glb"]
    assert sorted(path.name for path in (tmp_path / "export").iterdir()) == ["anna.glb", "carl.glb"]
    assert [path.name for path in (tmp_path / "visible").iterdir()] == ["anna.glb"]
    length = int.from_bytes((tmp_path / "export" / "anna.glb").read_bytes()[12:16], "little")
    document = json.loads((tmp_path / "export" / "anna.glb").read_bytes()[20 : 20 + length])
    face = next(node for node in document["nodes"] if node["name"] == "anna")
    assert face["translation"][0] == 3 and any("camera" in node for node in document["nodes"])


def test_what_is_wrong_is_said_in_words(user, tmp_path):
    (tmp_path / "notes.jpg").write_text("no picture")
    answer = user.blender(f"""{BUILD}
def error_of(call):
    try:
        return str(call())
    except RuntimeError as error:
        return str(error)

preferences = bpy.context.preferences.addons["mesh_from_faces"].preferences
preferences.server = "/nowhere"
answer = [error_of(lambda: build("Face", PORTRAIT)), bpy.context.window_manager.mesh_from_faces.error]
preferences.server = ""
answer += [error_of(lambda: build("Face", {str(tmp_path / "notes.jpg")!r}))]
bpy.context.scene.mesh_from_faces.photos.clear()
answer += [bpy.ops.mesh_from_faces.build.poll()]
""")
    assert "preferences name '/nowhere' as the server" in answer[0] and answer[1] in answer[0]
    assert "'notes.jpg' is a text; a JPEG, PNG, TIFF or WebP photo is needed" in answer[2]
    assert answer[3] is False


def test_photos_are_listed_once_moved_and_removed(user):
    answer = user.blender("""
bpy.ops.wm.read_homefile()
chosen = bpy.context.scene.mesh_from_faces
names = lambda: [photo.name for photo in chosen.photos]
add = lambda *files: bpy.ops.mesh_from_faces.add_photos(directory="/photos", files=[dict(name=file) for file in files])
answer = []
add("a.jpg", "b.jpg"), add("b.jpg", "c.jpg"); answer.append(names())
bpy.ops.mesh_from_faces.move_photo(direction="UP"); answer.append(names())
answer.append(bpy.ops.mesh_from_faces.move_photo(direction="UP") == {"FINISHED"} and names())
answer.append(bpy.ops.mesh_from_faces.move_photo(direction="UP") == {"CANCELLED"})
bpy.ops.mesh_from_faces.remove_photo(); answer.append(names())
bpy.ops.mesh_from_faces.clear_photos(); answer.append(names())
""")
    assert answer == [["a.jpg", "b.jpg", "c.jpg"], ["a.jpg", "c.jpg", "b.jpg"], ["c.jpg", "a.jpg", "b.jpg"], True, ["a.jpg", "b.jpg"], []]
