"""Blender as the oracle: a GLB that our program made goes into real Blender, and Blender says what it sees."""

import json
import os
import pathlib
import subprocess

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


@pytest.fixture(scope="session")
def capture(tmp_path_factory):
    """A capture of one public-domain portrait: the folder with face.glb, landmarks.json, overlay-1.jpg and textures."""
    folder = tmp_path_factory.mktemp("capture")
    mesh_from_faces("mesh", PORTRAIT, "--output", f"{folder}/", "--texture-size", 1024, "--layout", "dense", "--quiet")
    return folder


@pytest.fixture(scope="session")
def seen(capture):
    """What Blender sees after importing the GLB (see look.py), with a rendering in render.png beside the GLB."""
    blender("look.py", capture / "face.glb", capture / "seen.json", capture / "render.png")
    return json.loads((capture / "seen.json").read_text())
