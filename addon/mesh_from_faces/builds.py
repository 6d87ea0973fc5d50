"""
What takes long, on a worker thread: photos to the server, its progress and results back. Knows no Blender; what it has to
say it puts on a queue, and the main thread takes it from there (session.py).
"""

import json
import os
import pathlib
import queue
import tempfile
import threading
import time
from dataclasses import dataclass

from . import glb
from .client import Refused, Unreachable, UnreadablePhoto
from .server_process import ServerFault

PHOTO_ENDINGS = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp")
FULL = 429


@dataclass(frozen=True)
class Capture:
    """Photos of one face at one moment, and what is to become of them."""

    name: str
    photos: tuple  # Paths.
    options: dict  # As POST /v1/jobs takes them.
    upright: bool = False  # Else it stands as the first photo shows it.
    glb: str = ""  # Write the GLB to this path and leave the scene alone.


@dataclass(frozen=True)
class Progress:
    text: str
    fraction: float


@dataclass(frozen=True)
class Connected:
    """What the server offers: layouts, topologies, styles."""

    model: dict


@dataclass(frozen=True)
class Built:
    capture: Capture
    face: glb.Face
    photos: dict  # The photo's path by the name it was sent by.
    sigmas: dict  # Mean sigma of the visible landmarks, pixels, by the same name.
    skipped: tuple  # Sentences about photos left out.


@dataclass(frozen=True)
class Written:
    capture: Capture
    skipped: tuple


@dataclass(frozen=True)
class Placed:
    """The points of a layout, canonical UVs."""

    layout: str
    uvs: list
    face: str  # Name of the object they are for.
    as_empties: bool


@dataclass(frozen=True)
class Failed:
    reason: str


@dataclass(frozen=True)
class Ended:
    cancelled: bool = False


class FailedJob(Exception):
    """The server could not make a mesh of the photos; the message says why."""


class Cancelled(Exception):
    pass


# What is not the add-on's fault and has words for the user.
FAULTS = (ServerFault, Unreachable, Refused, UnreadablePhoto, FailedJob, OSError)


class Worker(threading.Thread):
    """Runs one task; messages holds what it says, an Ended last, whatever happens."""

    def __init__(self, server, task):
        super().__init__(name="MeshFromFaces", daemon=True)
        self.messages = queue.SimpleQueue()
        self.server = server
        self.cancelled = threading.Event()
        self._task = task
        self._job = None  # (client, id) that is under way.

    def run(self):
        try:
            self._task(self)
        except Cancelled:
            pass
        except FAULTS as error:
            if not self.cancelled.is_set():  # Else it is what cancelling looks like from here.
                self.messages.put(Failed(str(error)))
        except Exception as error:
            self.messages.put(Failed(f"Something failed in the add-on ({type(error).__name__}: {error})."))
            raise
        finally:
            self.messages.put(Ended(self.cancelled.is_set()))

    def cancel(self):
        """Returns at once; the thread ends soon after."""
        self.cancelled.set()
        if job := self._job:
            threading.Thread(target=_drop, args=job, daemon=True).start()

    def watch(self, client, job):
        """While a job is watched, cancelling drops it at the server."""
        self._job = (client, job)
        self.check()

    def unwatch(self):
        self._job = None

    def check(self):
        if self.cancelled.is_set():
            if self._job:
                _drop(*self._job)
            raise Cancelled

    def say(self, text, fraction=0.0):
        self.messages.put(Progress(text, fraction))

    def connect(self):
        self.say("Starting the server")
        client = self.server.connect()
        self.check()
        return client


def greet(worker):
    """Starts the server, if need be, and asks what it offers."""
    worker.messages.put(Connected(worker.server.connect().model()))


def place(layout, face, as_empties):
    """Fetches the points of a layout."""
    return lambda worker: worker.messages.put(Placed(layout, worker.connect().layout(layout), face, as_empties))


def build(capture):
    return lambda worker: _build(worker, capture, "", lambda part: part)


def build_folder(folder, options, upright, glb_folder=""):
    """Builds every sub-folder of photos, one after the other; one that fails does not end the others."""

    def task(worker):
        captures = [
            Capture(name, photos, options, upright, os.path.join(glb_folder, name + ".glb") if glb_folder else "")
            for name, photos in captures_in(folder)
        ]
        if not captures:
            raise FileNotFoundError(f"'{folder}' has no folder of photos in it. Choose the folder that holds a folder for each capture.")
        for number, capture in enumerate(captures):
            try:
                prefix = f"{capture.name} ({number + 1} of {len(captures)}): "
                _build(worker, capture, prefix, lambda part, done=number: (done + part) / len(captures))
            except (Refused, UnreadablePhoto, FailedJob, OSError) as error:
                worker.check()
                worker.messages.put(Failed(f"{capture.name}: {error}"))

    return task


def captures_in(folder):
    """[(name, photos), ...] of the sub-folders that have photos, by name."""
    captures = []
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.is_dir() and not entry.name.startswith("."):
            photos = sorted(each.path for each in os.scandir(entry.path) if each.is_file() and each.name.lower().endswith(PHOTO_ENDINGS))
            if photos:
                captures.append((entry.name, tuple(photos)))
    return captures


def _build(worker, capture, prefix, overall):
    client = worker.connect()
    model = client.model()
    worker.messages.put(Connected(model))
    photos = dict(zip(distinct_names(capture.photos), capture.photos))
    client, record = _run(worker, client, photos, capture.options, prefix, overall)
    try:
        skipped = tuple(f"{each['image']}: {each['reason']}" for each in record["skipped"])
        content = client.file(record["id"], "face.glb")
        if capture.glb:
            write_whole(capture.glb, content)
            worker.messages.put(Written(capture, skipped))
        else:
            sigmas = _sigmas(json.loads(client.file(record["id"], "landmarks.json")))
            worker.messages.put(Built(capture, glb.read(content), photos, sigmas, skipped))
    finally:
        worker.unwatch()


def _run(worker, client, photos, options, prefix, overall):
    """A client and the record of the job that succeeded. If the server dies it is started again, once: the job outlives it."""
    job = None
    restarted = resent = False
    while True:
        try:
            if job is None:
                worker.say(f"{prefix}Sending {len(photos)} photo{'s' if len(photos) > 1 else ''}", overall(0))
                job = _submit(worker, client, photos, options, prefix, overall)
            worker.watch(client, job)
            for record in client.follow(job):
                worker.check()
                worker.say(prefix + (record["stage"] or "Waiting for its turn"), overall(record["progress"]))
            break
        except Refused as error:
            worker.check()
            if error.status != 404 or job is None or resent:
                raise
            job, resent = None, True  # A server that has not this job gets the photos anew.
        except Unreachable:
            worker.check()
            if restarted:
                raise
            restarted = True
            worker.say(f"{prefix}The server stopped; starting it again", overall(0))
            client = worker.server.connect()
    if record["state"] == "cancelled":
        worker.cancelled.set()
        raise Cancelled
    if record["state"] == "failed":
        raise FailedJob(record["error"])
    return client, record


def _submit(worker, client, photos, options, prefix, overall):
    while True:
        try:
            return client.submit(list(photos.items()), options)["id"]
        except Refused as error:
            if error.status != FULL:
                raise
            worker.say(f"{prefix}Waiting: the server has many jobs already", overall(0))
            for _ in range(10 * max(1, error.retry_after)):
                worker.check()
                time.sleep(0.1)


def _drop(client, job):
    try:
        client.cancel(job)
    except (Unreachable, Refused):
        pass  # Gone already, which is what was wanted.


def _sigmas(views):
    sigmas = {}
    for view in views:
        seen = [mark["sigma"] for mark in view["landmarks"] if mark["visible"]] or [mark["sigma"] for mark in view["landmarks"]]
        sigmas[view["image"]] = sum(seen) / len(seen)
    return sigmas


def distinct_names(paths):
    """A name a photo, by which the server's cameras and messages call it."""
    names = []
    for path in paths:
        # The server keeps 100 UTF-16 units, and takes what stands before a backslash for a folder.
        plain = "".join(filter(str.isprintable, os.path.basename(path))).replace("\\", "_")
        stem, ending = os.path.splitext(plain)
        name, number = stem[:40] + ending, 1
        while name in names:
            number += 1
            name = f"{stem[:40]} ({number}){ending}"
        names.append(name)
    return names


def write_whole(path, content):
    """So that nobody ever sees half of the file."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name + ".")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
