"""What the artist chooses, kept in the scene, and what a task tells, kept in the window manager."""

import bpy
from bpy.props import BoolProperty, CollectionProperty, EnumProperty, FloatProperty, IntProperty, PointerProperty, StringProperty

from . import session

_menus = {}  # Blender keeps no reference to the words of a menu made on the fly.


def _menu(kind, name, title, description):
    """A menu of what the server offers, over a text property: a file keeps the name, whatever a server offers later."""

    def items(settings, _):
        names = dict.fromkeys((*session.offers(kind), getattr(settings, name)))
        _menus[kind] = [(each, each, "", number) for number, each in enumerate(names)]
        return _menus[kind]

    def get(settings):
        return next(item[3] for item in items(settings, None) if item[0] == getattr(settings, name))

    def choose(settings, number):
        setattr(settings, name, items(settings, None)[number][0])

    return EnumProperty(name=title, description=description, items=items, get=get, set=choose)


class Photo(bpy.types.PropertyGroup):
    path: StringProperty(subtype="FILE_PATH")


class Settings(bpy.types.PropertyGroup):
    photos: CollectionProperty(type=Photo)
    active_photo: IntProperty(name="Photo")
    capture: StringProperty(
        name="Name", default="Face", description="The result's collection; building again under the same name replaces what it holds"
    )
    topology: StringProperty(default="mid")
    topology_menu: _menu("topologies", "topology", "Topology", "The mesh to make")
    texture_size: EnumProperty(
        name="Texture",
        description="Side of the square texture in pixels",
        items=[(str(size), f"{size} px", "") for size in (512, 1024, 2048, 4096, 8192)],
        default="2048",
    )
    style: StringProperty(default="photo")
    style_menu: _menu("styles", "style", "Style", "Whose way of placing points to follow")
    placement: EnumProperty(
        name="Place",
        description="How the face stands in the scene",
        items=[
            ("PHOTOGRAPHED", "As Photographed", "The first photo's camera stands at the world's origin, and the face before it"),
            ("UPRIGHT", "Upright", "The head stands upright at the world's origin, and the cameras around it"),
        ],
    )
    face: IntProperty(
        name="Face",
        description="Which face, where a photo shows several: 1 is the largest. 0 takes the one a quick look finds",
        min=0,
        max=99,
    )
    skip_bad_views: BoolProperty(
        name="Leave Out Bad Photos", description="Go on without photos in which no face is found, instead of giving up"
    )
    batch_folder: StringProperty(name="Folder", subtype="DIR_PATH", description="A folder with a folder of photos for each capture")
    batch_result: EnumProperty(
        name="Result",
        items=[
            ("IMPORT", "Into the Scene", "A collection for each capture"),
            ("GLB", "GLB Files", "A .glb for each capture, beside its folder of photos; the scene stays as it is"),
        ],
    )
    layout: StringProperty(default="ibug68")
    layout_menu: _menu("layouts", "layout", "Layout", "The list of points")
    landmarks_as: EnumProperty(
        name="As",
        items=[
            ("EMPTIES", "Empties", "An empty at each landmark, child of the face"),
            ("VERTICES", "Vertex Group", "The nearest vertices as a group, and each one's landmark as an attribute"),
        ],
    )

    def options(self):
        """As POST /v1/jobs takes them."""
        options = {
            "textureSize": int(self.texture_size),
            "topology": self.topology,
            "style": self.style,
            "skipBadViews": self.skip_bad_views,
        }
        return {**options, "face": self.face} if self.face else options


class Status(bpy.types.PropertyGroup):
    text: StringProperty()  # What is being done.
    progress: FloatProperty(subtype="PERCENTAGE", min=0, max=100, precision=0)
    error: StringProperty()
    note: StringProperty()
    written: IntProperty()  # GLB files.


CLASSES = (Photo, Settings, Status)


def register():
    bpy.types.Scene.mesh_from_faces = PointerProperty(type=Settings)
    bpy.types.WindowManager.mesh_from_faces = PointerProperty(type=Status)


def unregister():
    del bpy.types.WindowManager.mesh_from_faces
    del bpy.types.Scene.mesh_from_faces
