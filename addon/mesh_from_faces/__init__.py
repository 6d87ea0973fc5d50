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


def register():
    import pathlib

    import bpy

    from . import operators, panels, preferences, properties, session

    for module in (preferences, properties, operators, panels):
        for each in module.CLASSES:
            bpy.utils.register_class(each)
    session.register(bl_info["version"], pathlib.Path(__file__).parent)
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
