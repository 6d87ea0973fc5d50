"""The sidebar: photos, options, Build; the views of a result; landmarks; folders of captures."""

import textwrap

import bpy

from . import operators, scene, session

CATEGORY = "Mesh from Faces"
MOST = 5  # Paragraphs of errors, or of notes.


class PHOTO_UL_mesh_from_faces(bpy.types.UIList):
    def draw_item(self, _context, layout, _data, item, _icon, _active_data, _active_property, _index):
        layout.label(text=item.name, icon_value=session.thumbnail(item.path))


class Panel:
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = CATEGORY


class MainPanel(Panel, bpy.types.Panel):
    bl_idname = "VIEW3D_PT_mesh_from_faces"
    bl_label = "Mesh from Faces"

    def draw(self, context):
        layout = self.layout
        settings = context.scene.mesh_from_faces
        _draw_photos(layout, settings)

        options = layout.column()
        options.use_property_split = True
        options.use_property_decorate = False
        options.enabled = not session.is_busy()
        options.prop(settings, "capture")
        _draw_menu(options, settings, "topology_menu", "topologies")
        options.prop(settings, "texture_size")
        _draw_menu(options, settings, "style_menu", "styles")
        options.prop(settings, "placement")
        options.prop(settings, "face")
        layout.prop(settings, "skip_bad_views")

        status = context.window_manager.mesh_from_faces
        if session.is_busy():
            layout.label(text=status.text)
            row = layout.row(align=True)
            bar = row.row(align=True)
            bar.enabled = False
            bar.prop(status, "progress", text="", slider=True)
            row.operator(operators.Cancel.bl_idname, text="", icon="CANCEL")
        else:
            build = layout.column()
            build.scale_y = 1.5
            build.operator(operators.Build.bl_idname, icon="USER")
        _draw_text(context, layout, status.error, "ERROR")
        _draw_text(context, layout, status.note, "INFO")
        if status.written:
            _draw_text(context, layout, f"{status.written} GLB file{'s' if status.written > 1 else ''} written", "INFO")


class FolderPanel(Panel, bpy.types.Panel):
    bl_idname = "VIEW3D_PT_mesh_from_faces_folder"
    bl_label = "Folder of Captures"
    bl_parent_id = MainPanel.bl_idname
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context):
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        settings = context.scene.mesh_from_faces
        layout.prop(settings, "batch_folder")
        layout.prop(settings, "batch_result")
        layout.operator(operators.BuildFolder.bl_idname)


class LandmarksPanel(Panel, bpy.types.Panel):
    bl_idname = "VIEW3D_PT_mesh_from_faces_landmarks"
    bl_label = "Landmarks"

    def draw(self, context):
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        settings = context.scene.mesh_from_faces
        _draw_menu(layout, settings, "layout_menu", "layouts")
        layout.prop(settings, "landmarks_as")
        layout.operator(operators.AddLandmarks.bl_idname)
        if not session.is_busy() and not operators.AddLandmarks.poll(context):
            layout.label(text="Select a face to add landmarks to", icon="INFO")


class ViewsPanel(Panel, bpy.types.Panel):
    bl_idname = "VIEW3D_PT_mesh_from_faces_views"
    bl_label = "Views"

    @classmethod
    def poll(cls, context):
        return scene.collection_of(context.object) is not None

    def draw(self, context):
        layout = self.layout
        for camera in scene.views_in(scene.collection_of(context.object)):
            row = layout.row()
            row.operator(operators.LookThrough.bl_idname, text=camera["image"], icon="CAMERA_DATA").camera = camera.name
            row.label(text=f"± {camera['sigma_px']:.1f} px")


def _draw_photos(layout, settings):
    row = layout.row()
    row.template_list(
        PHOTO_UL_mesh_from_faces.__name__, "", settings, "photos", settings, "active_photo", rows=4, sort_lock=True
    )
    buttons = row.column(align=True)
    buttons.operator(operators.AddPhotos.bl_idname, text="", icon="ADD")
    buttons.operator(operators.RemovePhoto.bl_idname, text="", icon="REMOVE")
    buttons.operator(operators.ClearPhotos.bl_idname, text="", icon="X")
    buttons.separator()
    buttons.operator(operators.MovePhoto.bl_idname, text="", icon="TRIA_UP").direction = "UP"
    buttons.operator(operators.MovePhoto.bl_idname, text="", icon="TRIA_DOWN").direction = "DOWN"
    if not settings.photos:
        layout.operator(operators.AddPhotos.bl_idname, icon="IMAGE_DATA")
    elif settings.active_photo < len(settings.photos):
        layout.template_icon(session.thumbnail(settings.photos[settings.active_photo].path), scale=6)


def _draw_menu(layout, settings, name, kind):
    """A menu of what the server offers. In a file that was just opened, it may not have been asked yet."""
    row = layout.row(align=True)
    row.prop(settings, name)
    if not session.offers(kind):
        row.operator(operators.AskServer.bl_idname, text="", icon="FILE_REFRESH")


def _draw_text(context, layout, text, icon):
    if not text:
        return
    # About 7 pixels a character at a scale of 1, and room for the icon.
    width = max(20, int(context.region.width / (7 * context.preferences.system.ui_scale)) - 8)
    column = layout.box().column(align=True)
    first, rest = text.split("\n")[:MOST], text.split("\n")[MOST:]
    for paragraph in first + ([f"and {len(rest)} more"] if rest else []):
        for number, line in enumerate(textwrap.wrap(paragraph, width)):
            column.label(text=line, icon="BLANK1" if number else icon)


CLASSES = (PHOTO_UL_mesh_from_faces, MainPanel, FolderPanel, ViewsPanel, LandmarksPanel)
