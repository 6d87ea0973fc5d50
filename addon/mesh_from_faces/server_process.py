"""Finds the one server of this user, starts it when there is none, stops what it started. Knows no Blender."""

import json
import os
import pathlib
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
import time

from .client import Client, Refused, Unreachable

EXECUTABLE = "mesh-from-faces.exe" if sys.platform == "win32" else "mesh-from-faces"
IDLE_MINUTES = 10  # What is left running stops by itself.
START_PATIENCE = 60  # s until it listens.
HANDSHAKE_PATIENCE = 4  # s for another's, once the own server is gone.
LOAD_PATIENCE = 300  # s until its model is loaded.


class ServerFault(Exception):
    """There is no server to be had; the message says why and what to do."""


def data_folder():
    """Where the server keeps its jobs and its handshake file: .NET's LocalApplicationData, as `serve` has it by default."""
    home = pathlib.Path.home()
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = home / "Library" / "Application Support"
    else:
        base = os.environ.get("XDG_DATA_HOME") or home / ".local" / "share"
    return pathlib.Path(base) / "MeshFromFaces"


def find_executable(preferred, addon_folder):
    """The path in the preferences, the server inside the add-on's folder, the one beside it, or the one on the PATH."""
    if preferred:
        path = pathlib.Path(preferred)
        path = path / EXECUTABLE if path.is_dir() else path
        if not path.is_file():
            raise ServerFault(f"The add-on's preferences name '{preferred}' as the server, and it is not there. Correct the path, or leave it empty.")
        return path
    addon_folder = pathlib.Path(addon_folder)
    for folder in (addon_folder / "server", addon_folder.parent / "mesh-from-faces"):
        if (folder / EXECUTABLE).is_file():
            return folder / EXECUTABLE
    if found := shutil.which("mesh-from-faces"):
        return pathlib.Path(found)
    raise ServerFault("The program mesh-from-faces was not found. Name its folder in the add-on's preferences (Edit > Preferences > Add-ons).")


class Server:
    """This user's server, whoever started it. Thread-safe."""

    def __init__(self, addon_folder, version, data=None):
        """version: the add-on's, (major, minor, patch); the server's major and minor must be the same."""
        self.preferred = ""  # Path of the executable or its folder; empty looks for it.
        self._addon_folder = addon_folder
        self._version = version
        self._data = pathlib.Path(data or data_folder())
        self._lock = threading.Lock()
        self._process = None

    def connect(self):
        """A client of a server that is ready, which is started if none runs. Blocks. Raises ServerFault."""
        with self._lock:
            client = self._running() or self._start()
            self._await_model(client)
            return client

    def stop(self):
        """Stops the server if it was started here, unless somebody's job needs it; then it stops when it is idle."""
        if self._process is None or self._process.poll() is not None:
            return
        try:
            client = self._running(patience=2)
            busy = client and any(job["state"] in ("queued", "running") for job in client.jobs())
        except (ServerFault, Unreachable, Refused):
            busy = False
        if not busy:
            self._process.terminate()

    def _running(self, patience=None):
        """A client of the server that the handshake file names, if it answers."""
        try:
            handshake = json.loads((self._data / "server.json").read_text("utf-8"))
            url, token, pid = handshake["url"], handshake["token"], handshake["pid"]
            version = Client(url, token, patience=2).health()["version"]
            client = Client(url, token, patience) if patience else Client(url, token)
        except (OSError, ValueError, KeyError, TypeError, Unreachable, Refused):
            return None  # No file, a stale one, or somebody else at that port.
        if not self._fits(version):
            needed = ".".join(map(str, self._version[:2]))
            raise ServerFault(
                f"A MeshFromFaces server {version} is running (process {pid}), and this add-on needs {needed}. Stop it, or wait until it stops by itself, and install both from one release."
            )
        return client

    def _fits(self, version):
        return version.split(".")[:2] == [str(part) for part in self._version[:2]]

    def _start(self):
        path = find_executable(self.preferred, self._addon_folder)
        _make_executable(path)
        self._data.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile() as errors:
            # A server that is just stopping holds the folder a little longer: a second start comes after it.
            for _ in range(2):
                self._process = self._launch(path, errors)
                try:
                    client = self._await_handshake()
                except ServerFault:
                    self._process.terminate()  # If it is the one that does not fit: nobody else would stop it.
                    raise
                if client:
                    return client
                if self._process.poll() is None:
                    break
            errors.seek(0)
            said = errors.read().decode("utf-8", "replace").strip().splitlines()
            why = f": {said[-1]}" if said else "."
            raise ServerFault(f"The server '{path}' did not start{why}")

    def _launch(self, path, errors):
        command = [path, "serve", "--data", self._data, "--idle-exit", IDLE_MINUTES, "--quiet"]
        try:
            return subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                # Ctrl-C in the terminal that Blender was started from is not meant for the server.
                start_new_session=sys.platform != "win32",
                creationflags=subprocess.CREATE_NO_WINDOW if sys.platform == "win32" else 0,
            )
        except OSError as error:
            raise ServerFault(f"'{path}' cannot be started: {error.strerror}. Check the path in the add-on's preferences.") from error

    def _await_handshake(self):
        """None when there is nothing to wait for any more."""
        deadline = time.monotonic() + START_PATIENCE
        gone = None
        while time.monotonic() < deadline:
            if client := self._running():
                return client
            if self._process.poll() is not None:
                # Another Blender's server may have been quicker and hold the folder: then its handshake comes soon.
                gone = gone or time.monotonic()
                if time.monotonic() - gone > HANDSHAKE_PATIENCE:
                    return None
            time.sleep(0.1)
        return None

    @staticmethod
    def _await_model(client):
        deadline = time.monotonic() + LOAD_PATIENCE
        while time.monotonic() < deadline:
            try:
                health = client.health()
            except (Unreachable, Refused) as error:
                raise ServerFault(f"The server stopped while it was loading its model. {error}") from error
            if health["status"] == "ready":
                return
            if health["status"] != "loading":
                raise ServerFault(health.get("reason") or "The server cannot load its model; its log says why.")
            time.sleep(0.1)
        raise ServerFault("The server is still loading its model after five minutes. Look at its log.")


def _make_executable(path):
    # Blender unpacks an add-on's zip without the files' modes.
    if sys.platform != "win32" and not os.access(path, os.X_OK):
        try:
            path.chmod(path.stat().st_mode | stat.S_IXUSR)
        except OSError as error:
            raise ServerFault(f"'{path}' may not be run as a program: {error.strerror}.") from error
