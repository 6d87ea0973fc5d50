"""
The main thread's side of a task: starts a worker and takes its messages off the queue, by a timer while there is a window,
in a loop for those who wait. What a panel shows of it stands in the window manager's properties, which neither undo nor
another file changes.
"""

import queue
import sys
import time
import traceback

import bpy
import bpy.utils.previews

from . import builds, landmarks, scene
from .server_process import Server

TICK = 0.1  # s between looks at the queues.
EVERY_VERTEX = "dense"  # A layout that has no points of its own: nothing to put on a mesh that is there.
BUDGET = 0.008  # s of work in one tick; a step that has begun is finished.

_server = None
_workers = []
_shown = None  # The worker whose progress the panel shows; another may be asking what the server offers.
_insertion = None  # A face on its way into the scene.
_inserted = 0  # Faces of the task that is shown.
_offers = {}
_thumbnails = None


def register(version, folder):
    global _server, _thumbnails
    _server = Server(folder, version)
    _thumbnails = bpy.utils.previews.new()


def unregister():
    """When the add-on is disabled, and when Blender quits."""
    global _server, _shown, _insertion, _thumbnails
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    for worker in _workers:
        worker.cancel()
    for worker in _workers:
        worker.join(timeout=2)
    _server.stop()
    bpy.utils.previews.remove(_thumbnails)
    _workers.clear()
    _server = _shown = _insertion = _thumbnails = None


def start(task):
    """Runs a task beside the window."""
    global _shown, _inserted
    _shown, _inserted = _work(task), 0
    status = bpy.context.window_manager.mesh_from_faces
    status.text, status.progress, status.error, status.note, status.written = "Starting", 0, "", "", 0


def run(task):
    """Runs a task to its end. Raises RuntimeError with what went wrong, in words for the user."""
    start(task)
    while _shown:
        if not _advance():
            time.sleep(0.02)
    if error := bpy.context.window_manager.mesh_from_faces.error:
        raise RuntimeError(error)


def greet():
    """Starts the server and asks what it offers, so that all is ready when the artist is."""
    if not _offers and not _workers:
        _work(builds.greet)


def cancel():
    if _shown:
        _shown.cancel()
        bpy.context.window_manager.mesh_from_faces.text = "Cancelling"


def is_busy():
    return _shown is not None


def offers(kind):
    """The names of the server's layouts, topologies or styles; none as long as it has not been asked."""
    return _offers.get(kind, ())


def thumbnail(path):
    """The number of a photo's icon. Blender reads the photo later, when it draws the icon."""
    path = bpy.path.abspath(path)
    if path not in _thumbnails:
        _thumbnails.load(path, path, "IMAGE")
    return _thumbnails[path].icon_id


def _work(task):
    addon = bpy.context.preferences.addons.get(__package__)  # None where a script has enabled it for this run only.
    _server.preferred = bpy.path.abspath(addon.preferences.server) if addon else ""
    worker = builds.Worker(_server, task)
    _workers.append(worker)
    worker.start()
    if not bpy.app.background and not bpy.app.timers.is_registered(_tick):
        bpy.app.timers.register(_tick, first_interval=TICK, persistent=True)
    return worker


def _tick():
    deadline = time.perf_counter() + BUDGET
    while _advance():
        if time.perf_counter() > deadline:
            return 0.001  # The window first, then the rest.
    return TICK if _workers else None


def _advance():
    """One step of what there is to do. False if there is nothing at the moment."""
    try:
        if _insertion:
            _insertion.step()
            return True
        for worker in _workers:
            try:
                message = worker.messages.get_nowait()
            except queue.Empty:
                continue
            HANDLERS[type(message)](worker, message)
            _redraw()
            return True
        return False
    except Exception as error:  # The one catch of the main thread's side: else the panel would wait for ever.
        traceback.print_exc(file=sys.stderr)
        _give_up(f"Something failed in the add-on ({type(error).__name__}: {error}). The console says more.")
        return False


class _Insertion:
    def __init__(self, built):
        self._built = built
        self._begin()

    def _begin(self):
        self._steps = scene.insert(self._built)
        self._result = None

    def step(self):
        global _insertion, _inserted
        try:
            self._result = next(self._steps)
        except ReferenceError:
            self._begin()  # Undo, or another file, took away what had been made so far.
        except StopIteration:
            _insertion = None
            _inserted += 1
            _select(self._result)
            bpy.ops.ed.undo_push(message=f"Build {self._built.capture.name}")


def _progressed(worker, message):
    if worker is _shown and not worker.cancelled.is_set():
        status = bpy.context.window_manager.mesh_from_faces
        status.text, status.progress = message.text, 100 * message.fraction


def _connected(_, message):
    for kind in ("layouts", "topologies", "styles"):
        _offers[kind] = tuple(name for name in message.model[kind] if name != EVERY_VERTEX)


def _built(_, message):
    global _insertion
    _insertion = _Insertion(message)
    _note(message.skipped)


def _written(_, message):
    bpy.context.window_manager.mesh_from_faces.written += 1
    _note(message.skipped)


def _placed(_, message):
    face = bpy.data.objects.get(message.face)
    if face is None:
        raise RuntimeError(f"'{message.face}' is not there any more.")
    face.update_from_editmode()
    add = landmarks.add_empties if message.as_empties else landmarks.add_vertices
    add(face, message.layout, message.uvs)
    bpy.ops.ed.undo_push(message=f"Landmarks {message.layout}")


def _failed(_, message):
    status = bpy.context.window_manager.mesh_from_faces
    status.error = f"{status.error}\n{message.reason}".strip()


def _ended(worker, _):
    global _shown
    _workers.remove(worker)
    if worker is _shown:
        _shown = None
        bpy.context.window_manager.mesh_from_faces.text = ""
        if _inserted == 1:
            _frame()


HANDLERS = {
    builds.Progress: _progressed,
    builds.Connected: _connected,
    builds.Built: _built,
    builds.Written: _written,
    builds.Placed: _placed,
    builds.Failed: _failed,
    builds.Ended: _ended,
}


def _give_up(reason):
    global _insertion
    _insertion = None
    for worker in _workers:
        worker.cancel()
    _failed(None, builds.Failed(reason))


def _note(lines):
    status = bpy.context.window_manager.mesh_from_faces
    status.note = "\n".join(filter(None, (status.note, *lines)))


def _select(face):
    """The new face is what the artist goes on with."""
    view_layer = bpy.context.view_layer
    if bpy.context.mode == "OBJECT" and face.name in view_layer.objects:
        for each in view_layer.objects.selected[:]:
            each.select_set(False)
        face.select_set(True)
        view_layer.objects.active = face


def _frame():
    """A face is small and a default cube is large: the viewports with our panel turn to the face, and show its texture."""
    for window, area in _viewports():
        view = area.spaces.active
        if view.show_region_ui and bpy.context.mode == "OBJECT":
            region = next(region for region in area.regions if region.type == "WINDOW")
            with bpy.context.temp_override(window=window, area=area, region=region):
                bpy.ops.view3d.view_selected()
            if view.shading.type == "SOLID" and view.shading.color_type == "MATERIAL":
                view.shading.color_type = "TEXTURE"


def _redraw():
    for _, area in _viewports():
        area.tag_redraw()


def _viewports():
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                yield window, area
