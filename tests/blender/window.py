"""
Runs inside a Blender with a window: builds faces from its sidebar as an artist would, takes screenshots, and writes down
how long each call into the add-on took.

    blender --enable-event-simulate --python window.py -- SERVER_FOLDER FOLDER NUMBER PHOTO...

FOLDER gets seen.json and the screenshots. The first NUMBER photos are a capture, the others one whose files lie on their sides.
"""

import json
import sys
import time
import traceback

import bpy
from bpy_extras.view3d_utils import location_3d_to_region_2d

import mesh_from_faces.operators
import mesh_from_faces.panels
import mesh_from_faces.session

server, folder, number, *photos = sys.argv[sys.argv.index("--") + 1 :]
photos, turned = photos[: int(number)], photos[int(number) :]

bpy.context.preferences.view.show_splash = False
bpy.context.preferences.addons["mesh_from_faces"].preferences.server = server

seen = {"calls": [], "progress": [], "said": []}


def waited():
    """Seconds that this thread has been ready to run and other programs had the processors."""
    with open("/proc/thread-self/schedstat", encoding="ascii") as file:
        return int(file.read().split()[1]) / 1e9


def noted(label, call):
    """Calls, and notes how long it took: [label, wall ms, ms of that which are not other programs' doing]."""
    others, wall = waited(), time.perf_counter()
    try:
        return call()
    finally:
        wall = time.perf_counter() - wall
        seen["calls"].append([label, 1000 * wall, 1000 * (wall - (waited() - others))])


def watch_calls():
    """Wraps what Blender calls of the add-on. It counts a function's parameters, so each wrapper has the original's."""
    session, operators = mesh_from_faces.session, mesh_from_faces.operators
    advance, invoke = session._tick, operators.Build.invoke
    session._tick = lambda: noted("timer", advance)
    operators.Build.invoke = lambda self, context, event: noted("press Build", lambda: invoke(self, context, event))
    for panel in mesh_from_faces.panels.CLASSES:
        watch_draw(panel)


def watch_draw(panel):
    inner = panel.draw_item if issubclass(panel, bpy.types.UIList) else panel.draw

    def draw_item(self, context, layout, data, item, icon, active, name, index):
        return noted("draw list", lambda: inner(self, context, layout, data, item, icon, active, name, index))

    def draw(self, context):
        return noted(f"draw {panel.bl_label}", lambda: inner(self, context))

    if issubclass(panel, bpy.types.UIList):
        panel.draw_item = draw_item
    else:
        panel.draw = draw


watch_calls()


def viewport():
    window = bpy.context.window_manager.windows[0]
    area = next(area for area in window.screen.areas if area.type == "VIEW_3D")
    return window, area, {region.type: region for region in area.regions}


def open_sidebar():
    window, area, _ = viewport()
    area.spaces.active.show_region_ui = True
    area.tag_redraw()
    yield 1
    region = viewport()[2]["UI"]
    # The tabs stand one below the other at its right edge; ours is open when its panel is drawn.
    x = region.x + region.width - 10
    for y in range(region.y + region.height - 80, region.y, -30):
        click(window, x, y)
        yield 0.3
        if any(label == "draw Mesh from Faces" for label, *_ in seen["calls"]):
            return
    raise RuntimeError("The tab is not there.")


def click(window, x, y):
    window.event_simulate("MOUSEMOVE", "NOTHING", x=x, y=y)
    window.event_simulate("LEFTMOUSE", "PRESS", x=x, y=y)
    window.event_simulate("LEFTMOUSE", "RELEASE", x=x, y=y)


def screenshot(name):
    window, area, _ = viewport()
    with bpy.context.temp_override(window=window, screen=window.screen, area=area):
        bpy.ops.screen.screenshot(filepath=f"{folder}/{name}.png")


def in_viewport(operator, *arguments, region="WINDOW", **keywords):
    window, area, regions = viewport()
    with bpy.context.temp_override(window=window, area=area, region=regions[region]):
        return operator(*arguments, **keywords)


def frame_of(camera):
    """The camera's picture in the screenshot: left, top, right, bottom in pixels, from the top left corner."""
    window, area, regions = viewport()
    region, view = regions["WINDOW"], area.spaces.active.region_3d
    corners = [
        location_3d_to_region_2d(region, view, camera.matrix_world @ corner) for corner in camera.data.view_frame(scene=bpy.context.scene)
    ]
    xs, ys = [region.x + x for x, _ in corners], [window.height - region.y - y for _, y in corners]
    return min(xs), min(ys), max(xs), max(ys)


def choose(name, *photos, **settings):
    chosen = bpy.context.scene.mesh_from_faces
    chosen.photos.clear()
    for photo in photos:
        directory, _, file = photo.rpartition("/")
        bpy.ops.mesh_from_faces.add_photos(directory=directory, files=[{"name": file}])
    chosen.capture, chosen.active_photo = name, 0
    for key, value in settings.items():
        setattr(chosen, key, value)


def build(shot=None):
    in_viewport(bpy.ops.mesh_from_faces.build, "INVOKE_DEFAULT", region="UI")
    status = bpy.context.window_manager.mesh_from_faces
    while mesh_from_faces.session.is_busy():
        seen["progress"].append([status.text, status.progress])
        if shot and status.progress > 40:
            screenshot(shot)
            shot = None
        yield 0.05
    seen["said"] += [status.error, status.note]


def artist():
    """Yields how many seconds to wait before the next step."""
    yield 2
    yield from open_sidebar()
    for each in list(bpy.data.objects):
        bpy.data.objects.remove(each)
    choose("Synthetic", *photos, placement="UPRIGHT")
    yield 2
    yield from build(shot="building")
    in_viewport(bpy.ops.view3d.view_axis, type="FRONT")
    for _ in range(2):
        in_viewport(bpy.ops.view3d.view_orbit, type="ORBITLEFT")
    in_viewport(bpy.ops.view3d.view_selected)
    yield 3
    screenshot("built")
    in_viewport(bpy.ops.mesh_from_faces.look_through, camera="View 2: left.jpg")
    yield 3
    screenshot("through")
    seen["through"] = frame_of(bpy.context.scene.camera)
    seen["objects"] = {each.name: each.type for each in bpy.data.objects}
    # A camera's photo behind it, however its file lies: with nothing else in the picture.
    seen["calls_of_build"] = len(seen["calls"])
    choose("Turned", *turned, texture_size="512", placement="PHOTOGRAPHED")
    yield from build()
    for each in bpy.data.objects:
        each.hide_viewport = each.type == "MESH"
    seen["turned"] = []
    for camera in bpy.data.collections["Turned"].objects:
        if camera.type == "CAMERA":
            in_viewport(bpy.ops.mesh_from_faces.look_through, camera=camera.name)
            viewport()[1].spaces.active.overlay.show_extras = False
            yield 3
            screenshot(f"turned-{len(seen['turned'])}")
            seen["turned"].append(frame_of(camera))


steps = artist()


def play():
    try:
        return next(steps)
    except StopIteration:
        pass
    except BaseException:
        seen["said"].append(traceback.format_exc())
    with open(f"{folder}/seen.json", "w", encoding="utf-8") as file:
        json.dump(seen, file)
    bpy.ops.wm.quit_blender()


bpy.app.timers.register(play, first_interval=1)
