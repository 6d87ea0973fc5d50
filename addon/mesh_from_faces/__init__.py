"""Photos of a face in, a posed, textured mesh in the scene: drives a MeshFromFaces server on this machine."""

bl_info = {
    "name": "Mesh from Faces",
    "description": "Photos of a face in, a posed, textured mesh out",
    "author": "MeshFromFaces developers",
    "version": (0, 1, 0),
    "blender": (3, 4, 0),
    "location": "3D Viewport > Sidebar > Mesh from Faces",
    "category": "Import-Export",
}
VERSION = bl_info["version"]  # Blender 4.2 and newer take bl_info away from an extension before it is registered.


def register():
    import pathlib

    import bpy

    from . import operators, panels, preferences, properties, session

    for module in (preferences, properties, operators, panels):
        for each in module.CLASSES:
            bpy.utils.register_class(each)
    session.register(VERSION, pathlib.Path(__file__).parent)
    properties.register()
    operators.register()


def unregister():
    import bpy

    from . import operators, panels, preferences, properties, session

    session.unregister()
    operators.unregister()
    properties.unregister()
    for module in (panels, operators, properties, preferences):
        for each in reversed(module.CLASSES):
            bpy.utils.unregister_class(each)
