"""The add-on as a package: what its zip holds, that its two manifests agree, and who imports what."""

import ast
import re
import subprocess
import sys
import tomllib
import zipfile

import pytest

from conftest import ADDON, ROOT

MANIFEST = tomllib.loads((ADDON / "blender_manifest.toml").read_text("utf-8"))

# Blender's own packages, which come with bpy.
WITH_BPY = {"bpy", "bpy_extras", "mathutils"}
ON_WORKERS = {"client.py", "server_process.py", "glb.py", "builds.py"}


def bl_info():
    tree = ast.parse((ADDON / "__init__.py").read_text("utf-8"))
    return next(ast.literal_eval(node.value) for node in tree.body if isinstance(node, ast.Assign) and node.targets[0].id == "bl_info")


def test_bl_info_and_manifest_say_the_same():
    info = bl_info()
    assert MANIFEST["name"] == info["name"]
    assert MANIFEST["version"] == ".".join(map(str, info["version"]))
    assert MANIFEST["tagline"] == info["description"]
    assert MANIFEST["maintainer"] == info["author"]
    assert info["category"] in MANIFEST["tags"]
    assert MANIFEST["id"] == ADDON.name


def test_the_version_is_the_servers():
    (version,) = re.findall("<Version>(.+)</Version>", (ROOT / "Directory.Build.props").read_text("utf-8"))
    assert MANIFEST["version"] == version


def test_the_manifest_keeps_blenders_rules():
    assert MANIFEST["schema_version"] == "1.0.0" and MANIFEST["type"] == "add-on"
    assert MANIFEST["blender_version_min"] == "4.2.0"  # The first that reads manifests.
    assert MANIFEST["license"] == ["SPDX:MIT"]
    assert set(MANIFEST["permissions"]) == {"files", "network"}
    for sentence in (MANIFEST["tagline"], *MANIFEST["permissions"].values()):
        assert 0 < len(sentence) <= 64 and sentence[-1].isalnum()


def test_the_zip_is_one_folder_with_all_of_it_and_the_same_each_time(tmp_path):
    for name in ("a.zip", "b.zip"):
        subprocess.run([sys.executable, ROOT / "addon" / "build.py", "--output", tmp_path / name], check=True)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        sources = {path.name for path in ADDON.glob("*.py")} | {"blender_manifest.toml"}
        assert set(archive.namelist()) == {f"mesh_from_faces/{name}" for name in sources}


def test_a_server_goes_into_the_zip(tmp_path):
    (tmp_path / "out" / "models").mkdir(parents=True)
    (tmp_path / "out" / "mesh-from-faces").write_text("#!/bin/sh")
    (tmp_path / "out" / "models" / "model.json").write_text("{}")
    build = [sys.executable, ROOT / "addon" / "build.py", "--output", tmp_path / "a.zip", "--server"]
    subprocess.run([*build, tmp_path / "out"], check=True)
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert {"mesh_from_faces/server/mesh-from-faces", "mesh_from_faces/server/models/model.json"} <= set(archive.namelist())
    wrong = subprocess.run([*build, tmp_path], capture_output=True, text=True)
    assert wrong.returncode == 2 and "dotnet publish" in wrong.stderr


@pytest.mark.parametrize("path", sorted(ADDON.glob("*.py")), ids=lambda path: path.name)
def test_it_imports_the_standard_library_and_bpy_alone(path):
    imported = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            imported.add(node.module.split(".")[0])
    assert imported <= sys.stdlib_module_names | WITH_BPY
    if path.name in ON_WORKERS:
        assert not imported & WITH_BPY, "What runs on a worker thread must not know bpy."


def test_importing_it_does_nothing_and_the_workers_modules_need_no_blender():
    code = "import sys, threading, mesh_from_faces; assert 'bpy' not in sys.modules and len(sys.modules) - before <= 1"
    modules = "from mesh_from_faces import builds; assert 'bpy' not in sys.modules and threading.active_count() == 1"
    command = f"import sys, threading; before = len(sys.modules); {code}; {modules}"
    subprocess.run([sys.executable, "-c", command], cwd=ROOT / "addon", check=True)
