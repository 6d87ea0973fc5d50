"""
Makes the installable zip of the Blender add-on.

    python3 addon/build.py [--server FOLDER] [--output FILE.zip]

With --server, a published server goes into it (for this kind of machine only), and there is nothing else to install.
"""

import argparse
import pathlib
import re
import zipfile

ADDON = pathlib.Path(__file__).resolve().parent / "mesh_from_faces"
EPOCH = (1980, 1, 1, 0, 0, 0)  # The same content gives the same bytes.


def build(output, server=None):
    files = [(path, path.relative_to(ADDON.parent)) for path in ADDON.rglob("*") if path.suffix in (".py", ".toml")]
    if server:
        files += [(path, pathlib.Path(ADDON.name, "server", path.relative_to(server))) for path in server.rglob("*") if path.is_file()]
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, name in sorted(files, key=lambda file: file[1].as_posix()):
            entry = zipfile.ZipInfo(name.as_posix(), EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o755 if path.stat().st_mode & 0o100 else 0o644) << 16
            archive.writestr(entry, path.read_bytes())


def version():
    manifest = (ADDON / "blender_manifest.toml").read_text("utf-8")
    return re.search(r'^version = "(.+)"$', manifest, re.MULTILINE)[1]


def main():
    parser = argparse.ArgumentParser(description="Makes the installable zip of the Blender add-on.")
    parser.add_argument("--server", type=pathlib.Path, help="folder of a published server to put into it")
    parser.add_argument("--output", type=pathlib.Path, default=pathlib.Path(f"mesh_from_faces-{version()}.zip"), help="default: %(default)s")
    arguments = parser.parse_args()
    if arguments.server and not any((arguments.server / name).is_file() for name in ("mesh-from-faces", "mesh-from-faces.exe")):
        parser.error(f"'{arguments.server}' has no mesh-from-faces in it; make it with: dotnet publish -c Release server/App -o {arguments.server}")
    build(arguments.output, arguments.server)
    print(arguments.output)


if __name__ == "__main__":
    main()
