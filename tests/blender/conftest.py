"""Blender as the oracle: a GLB that our program made goes into real Blender, and Blender says what it sees."""

import json
import os
import pathlib
import subprocess
import sys

import cv2
import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = pathlib.Path(__file__).resolve().parent
PORTRAIT = ROOT / "examples" / "photos" / "astronaut.png"
ADDON = ROOT / "addon" / "mesh_from_faces"
SERVER = ROOT / "server" / "App" / "bin" / "Release" / "net10.0"

# Blender turns the glTF scene from y up to z up: (x, y, z) -> (x, -z, y).
TO_BLENDER = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]])

sys.path.insert(0, str(ADDON.parent))


@pytest.fixture(scope="session", autouse=True)
def built_server():
    """The Release build that the C# tests made, brought up to date if need be."""
    command = ["dotnet", "build", ROOT / "server" / "App", "--configuration", "Release", "--no-restore", "--nologo", "-v", "q"]
    subprocess.run([*map(str, command)], check=True, timeout=600)


def mesh_from_faces(*arguments):
    return subprocess.run([SERVER / "mesh-from-faces", *map(str, arguments)], check=True, timeout=300)


def blender(script, *arguments):
    """Runs a script of this folder in a Blender without window and without the user's settings; gives what it wrote as JSON."""
    run_blender("--factory-startup", "--python", HERE / script, "--", *arguments)


def run_blender(*arguments, home=None, folder=None):
    """What it printed. With a home of its own, Blender is as its user left it there, and the server on the PATH."""
    command = ["blender", "--background", "--python-exit-code", "1", *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "2"}
    if home:
        environment = {key: value for key, value in environment.items() if not key.startswith(("XDG_", "BLENDER_"))}
        environment |= {"HOME": str(home), "PATH": f"{SERVER}:{os.environ['PATH']}"}
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=900, env=environment, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def project(head, view):
    """[n, 2] photo pixels of head-space points by what landmarks.json says of the view (design.md, section 3)."""
    x, y, z = (head @ np.array(view["rotation"]).reshape(3, 3).T + view["translation"]).T
    scale = 2 * view["focalMm"] / 36  # a 36 mm sensor
    theta = np.array(view["theta"]).reshape(2, 3)
    photo = np.column_stack([scale * x / -z, -scale * y / -z]) @ theta[:, :2].T + theta[:, 2]
    size = np.array([view["width"], view["height"]])
    side = size.max()
    return (photo + 1) / 2 * side - (side - size) / 2


class Capture:
    """A capture's folder with all files of it, and what Blender sees in its GLB (look.py), rendered into render.png."""

    def __init__(self, folder, photos):
        self.folder = folder
        mesh_from_faces("mesh", *photos, "--output", f"{folder}/", "--texture-size", 1024, "--layout", "dense", "--quiet")
        blender("look.py", folder / "face.glb", folder / "seen.json", folder / "render.png")
        self.seen = json.loads((folder / "seen.json").read_text())
        self.views = json.loads((folder / "landmarks.json").read_text())


@pytest.fixture(scope="session")
def one_view(tmp_path_factory):
    """A public-domain portrait."""
    return Capture(tmp_path_factory.mktemp("one"), [PORTRAIT])


@pytest.fixture(scope="session")
def two_views(tmp_path_factory):
    """The portrait, and a turned and widened picture of it in another format: another theta and another pose."""
    folder = tmp_path_factory.mktemp("two")
    portrait = cv2.imread(str(PORTRAIT))
    height, width = portrait.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 3), 15, 0.9)
    turn[0, 2] += 64
    cv2.imwrite(str(folder / "turned.jpg"), cv2.warpAffine(portrait, turn, (width + 128, height), borderMode=cv2.BORDER_REPLICATE))
    return Capture(folder, [PORTRAIT, folder / "turned.jpg"])
