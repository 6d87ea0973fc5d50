import bpy


class Preferences(bpy.types.AddonPreferences):
    bl_idname = __package__

    server: bpy.props.StringProperty(
        name="Server",
        subtype="FILE_PATH",
        description="The program mesh-from-faces, or its folder. Empty: the one inside the add-on's folder, beside it, or on the PATH",
    )

    def draw(self, _):
        self.layout.prop(self, "server")


CLASSES = (Preferences,)
