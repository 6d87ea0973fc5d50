"""Blender as the oracle: a GLB that our program made goes into real Blender, and Blender says what it sees."""

import json
import os
import pathlib
import subprocess

import cv2
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = pathlib.Path(__file__).resolve().parent
PORTRAIT = ROOT / "examples" / "photos" / "astronaut.png"


def mesh_from_faces(*arguments):
    """Runs the built program; the Release build that the C# tests made is brought up to date if need be."""
    command = ["dotnet", "run", "--project", ROOT / "server" / "App", "--configuration", "Release", "--no-restore", "--"]
    return subprocess.run([*map(str, command), *map(str, arguments)], check=True, timeout=300)


def blender(script, *arguments):
    """Runs a script of this folder in a Blender without window and without the user's settings; gives what it wrote as JSON."""
    command = ["blender", "--background", "--factory-startup", "--python-exit-code", "1", "--python", HERE / script, "--"]
    environment = {**os.environ, "OMP_NUM_THREADS": "2"}
    done = subprocess.run(
        [*map(str, command), *map(str, arguments)], capture_output=True, text=True, timeout=600, env=environment
    )
    assert done.returncode == 0, done.stdout + done.stderr


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
