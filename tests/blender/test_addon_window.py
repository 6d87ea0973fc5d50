"""The add-on in a Blender with a window (under Xvfb): what an artist sees, and that the window is never held up."""

import collections
import json
import os
import shutil
import subprocess

import cv2
import numpy as np
import pytest

from conftest import HERE, PORTRAIT, ROOT, SERVER, run_blender

pytestmark = pytest.mark.skipif(not shutil.which("Xvfb"), reason="needs xvfb")

PHOTOS = [ROOT / "examples" / "captures" / "synthetic" / f"{name}.jpg" for name in ("front", "left", "right", "above")]

# EXIF's orientation: how the upright picture is stored. cv2.ROTATE_... after a mirroring, or None.
STORED = {
    1: (False, None),
    2: (True, None),
    3: (False, cv2.ROTATE_180),
    6: (False, cv2.ROTATE_90_COUNTERCLOCKWISE),
    7: (True, cv2.ROTATE_90_CLOCKWISE),
    8: (False, cv2.ROTATE_90_CLOCKWISE),
}


def turned_photos(folder):
    """The portrait, cut to a lying or standing shape, stored in six ways that its EXIF puts right."""
    paths = []
    for orientation, (mirrored, turn) in STORED.items():
        picture = upright(orientation)
        picture = cv2.flip(picture, 1) if mirrored else picture
        picture = picture if turn is None else cv2.rotate(picture, turn)
        jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
        tiff = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01" + bytes([0, orientation, 0, 0]) + bytes(4)
        exif = b"Exif\0\0" + tiff
        paths.append(folder / f"exif-{orientation}.jpg")
        paths[-1].write_bytes(jpeg[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + jpeg[2:])
    return paths


def upright(orientation):
    portrait = cv2.imread(str(PORTRAIT))
    return portrait[:400] if orientation in (1, 6, 7) else portrait[:, 40:440]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where Blender left its screenshots."""
    folder = tmp_path_factory.mktemp("window")
    home = folder / "home"
    home.mkdir()
    subprocess.run(["/usr/bin/python3", ROOT / "addon" / "build.py", "--output", folder / "addon.zip"], check=True)
    install = f"import bpy; bpy.ops.preferences.addon_install(filepath='{folder}/addon.zip'); bpy.ops.preferences.addon_enable(module='mesh_from_faces'); bpy.ops.wm.save_userpref()"
    run_blender("--python-expr", install, home=home)
    number, told = os.pipe()
    with subprocess.Popen(["Xvfb", "-displayfd", str(told), "-screen", "0", "1600x1000x24", "-nolisten", "tcp"], pass_fds=[told]) as xvfb:
        try:
            os.close(told)
            display = os.read(number, 20).decode().strip()
            environment = {key: value for key, value in os.environ.items() if not key.startswith(("XDG_", "BLENDER_"))}
            environment |= {"HOME": str(home), "DISPLAY": f":{display}", "LIBGL_ALWAYS_SOFTWARE": "1"}
            command = ["blender", "--window-geometry", "0", "0", "1600", "1000", "--enable-event-simulate", "--python", HERE / "window.py", "--"]
            photos = [*PHOTOS, *turned_photos(folder)]
            done = subprocess.run(
                [*map(str, [*command, SERVER, folder, len(PHOTOS), *photos])], env=environment, capture_output=True, text=True, timeout=900
            )
            assert done.returncode == 0 and (folder / "seen.json").exists(), done.stdout + done.stderr
        finally:
            os.close(number)
            xvfb.terminate()
    return folder


@pytest.fixture(scope="module")
def seen(folder):
    return json.loads((folder / "seen.json").read_text())


def test_a_button_builds_the_face_while_a_bar_tells_how_far_it_is(seen):
    assert seen["said"] == ["", "", "", ""]
    assert seen["objects"] == {"Synthetic": "MESH", **{f"View {number}: {photo.name}": "CAMERA" for number, photo in enumerate(PHOTOS, start=1)}}
    texts = [text for text, _ in seen["progress"]]
    assert {"Finding faces", "Unwrapping photos"} & set(texts)
    assert len({round(progress) for _, progress in seen["progress"]}) >= 3


def test_no_call_into_the_addon_holds_the_window_up(seen):
    calls = collections.defaultdict(list)
    for label, wall, own in seen["calls"][: seen["calls_of_build"]]:
        calls[label].append((wall, own))
    for label, times in calls.items():
        walls, owns = zip(*times)
        print(f"{label}: {len(times)} calls, {np.median(walls):.2f} ms median, {max(walls):.1f} ms at most, {max(owns):.1f} ms without what other programs took")
    assert {"timer", "press Build", "draw Mesh from Faces", "draw list", "draw Views"} <= set(calls)
    # With every wait of its own, for a server, a disk or a lock; but how long other programs kept it off the processor is not its doing.
    assert max(own for times in calls.values() for _, own in times) < 20
    # While the server worked, the window went on.
    assert len(seen["progress"]) > 5


def test_the_screenshot_shows_the_face(folder):
    picture = cv2.imread(str(folder / "built.png"))
    # Blender's viewport is grey; skin is not.
    blue, _, red = (picture[..., channel].astype(int) for channel in range(3))
    assert (red - blue > 30)[:, : picture.shape[1] // 2].mean() > 0.05


def test_behind_a_camera_its_photo_stands_upright_whatever_its_exif_says(folder, seen):
    assert len(seen["turned"]) == len(STORED)
    for number, (orientation, (left, top, right, bottom)) in enumerate(zip(STORED, seen["turned"])):
        screen = cv2.imread(str(folder / f"turned-{number}.png"))
        shown = screen[round(top) : round(bottom), round(left) : round(right)]
        expected = cv2.resize(upright(orientation), shown.shape[1::-1], interpolation=cv2.INTER_AREA)
        inner = (slice(shown.shape[0] // 10, -shown.shape[0] // 10), slice(shown.shape[1] // 10, -shown.shape[1] // 10))
        alike = np.corrcoef(shown[inner].mean(axis=2).ravel(), expected[inner].mean(axis=2).ravel())[0, 1]
        print(f"EXIF orientation {orientation}: correlation {alike:.3f}")
        assert alike > 0.95, f"EXIF orientation {orientation}: correlation {alike:.3f}"
