"""What the buttons do: an operator reads properties, starts a task or changes the scene, and reports."""

import os

import bpy
from bpy.props import CollectionProperty, EnumProperty, StringProperty

from . import builds, scene, session


class AddPhotos(bpy.types.Operator):
    """Add photos of one face at one moment, from one or several sides"""

    bl_idname = "mesh_from_faces.add_photos"
    bl_label = "Add Photos"
    bl_options = {"REGISTER", "UNDO"}

    directory: StringProperty(subtype="DIR_PATH", options={"HIDDEN", "SKIP_SAVE"})
    files: CollectionProperty(type=bpy.types.OperatorFileListElement, options={"HIDDEN", "SKIP_SAVE"})
    filter_glob: StringProperty(default=";".join("*" + ending for ending in builds.PHOTO_ENDINGS), options={"HIDDEN"})

    def invoke(self, context, _):
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context):
        settings = context.scene.mesh_from_faces
        known = {bpy.path.abspath(photo.path) for photo in settings.photos}
        for file in self.files:
            path = os.path.join(self.directory, file.name)
            if file.name and path not in known:
                photo = settings.photos.add()
                photo.name, photo.path = file.name, path
        settings.active_photo = max(0, len(settings.photos) - 1)
        if not bpy.app.background:
            session.greet()
        return {"FINISHED"}


class RemovePhoto(bpy.types.Operator):
    """Take the photo off the list"""

    bl_idname = "mesh_from_faces.remove_photo"
    bl_label = "Remove Photo"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context):
        return bool(context.scene.mesh_from_faces.photos)

    def execute(self, context):
        settings = context.scene.mesh_from_faces
        settings.photos.remove(settings.active_photo)
        settings.active_photo = min(settings.active_photo, max(0, len(settings.photos) - 1))
        return {"FINISHED"}


class ClearPhotos(bpy.types.Operator):
    """Take all photos off the list"""

    bl_idname = "mesh_from_faces.clear_photos"
    bl_label = "Remove All Photos"
    bl_options = {"REGISTER", "UNDO"}

    poll = RemovePhoto.poll

    def execute(self, context):
        context.scene.mesh_from_faces.photos.clear()
        return {"FINISHED"}


class MovePhoto(bpy.types.Operator):
    """Move the photo in the list; as the first one shows it, the face stands in the scene"""

    bl_idname = "mesh_from_faces.move_photo"
    bl_label = "Move Photo"
    bl_options = {"REGISTER", "UNDO"}

    direction: EnumProperty(items=[("UP", "Up", ""), ("DOWN", "Down", "")])

    @classmethod
    def poll(cls, context):
        return len(context.scene.mesh_from_faces.photos) > 1

    def execute(self, context):
        settings = context.scene.mesh_from_faces
        target = settings.active_photo + (-1 if self.direction == "UP" else 1)
        if not 0 <= target < len(settings.photos):
            return {"CANCELLED"}
        settings.photos.move(settings.active_photo, target)
        settings.active_photo = target
        return {"FINISHED"}


class Task:
    """An operator whose work is a task: a button starts it beside the window, a script waits for its end."""

    bl_options = {"REGISTER"}  # The task itself says when there is something to undo.

    @classmethod
    def poll(cls, _):
        return not session.is_busy()

    def invoke(self, context, _):
        try:
            session.start(self.task(context))
        except ValueError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}

    def execute(self, context):
        try:
            session.run(self.task(context))
        except (ValueError, RuntimeError) as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}


class Build(Task, bpy.types.Operator):
    """Make the textured face from the photos"""

    bl_idname = "mesh_from_faces.build"
    bl_label = "Build"

    @classmethod
    def poll(cls, context):
        return not session.is_busy() and bool(context.scene.mesh_from_faces.photos)

    def task(self, context):
        settings = context.scene.mesh_from_faces
        if not settings.capture:
            raise ValueError("The capture has no name. Give it one.")
        photos = tuple(bpy.path.abspath(photo.path) for photo in settings.photos)
        return builds.build(builds.Capture(settings.capture, photos, settings.options(), settings.placement == "UPRIGHT"))


class BuildFolder(Task, bpy.types.Operator):
    """Make a face of every folder of photos in the folder"""

    bl_idname = "mesh_from_faces.build_folder"
    bl_label = "Build All"

    def task(self, context):
        settings = context.scene.mesh_from_faces
        if not settings.batch_folder:
            raise ValueError("No folder is chosen. Choose the one that holds a folder of photos for each capture.")
        folder = os.path.normpath(bpy.path.abspath(settings.batch_folder))
        return builds.build_folder(
            folder, settings.options(), settings.placement == "UPRIGHT", folder if settings.batch_result == "GLB" else ""
        )


class AskServer(Task, bpy.types.Operator):
    """Ask the server what there is to choose; starts it, if need be"""

    bl_idname = "mesh_from_faces.ask_server"
    bl_label = "Ask the Server"

    def task(self, _):
        return builds.greet


class Cancel(bpy.types.Operator):
    """Stop what is being done"""

    bl_idname = "mesh_from_faces.cancel"
    bl_label = "Cancel"

    def execute(self, _):
        session.cancel()
        return {"FINISHED"}


class AddLandmarks(Task, bpy.types.Operator):
    """Put the layout's landmarks on the face"""

    bl_idname = "mesh_from_faces.add_landmarks"
    bl_label = "Add Landmarks"

    @classmethod
    def poll(cls, context):
        return not session.is_busy() and _active_face(context) is not None

    def task(self, context):
        settings = context.scene.mesh_from_faces
        return builds.place(settings.layout, _active_face(context).name, settings.landmarks_as == "EMPTIES")


class LookThrough(bpy.types.Operator):
    """Look at the face through this photo's camera, and make the photo's size the render's"""

    bl_idname = "mesh_from_faces.look_through"
    bl_label = "Look Through"
    bl_options = {"REGISTER", "UNDO"}

    camera: StringProperty()

    def execute(self, context):
        camera = context.scene.objects.get(self.camera)
        if camera is None or camera.get(scene.TAG) != scene.VIEW:
            self.report({"ERROR"}, f"'{self.camera}' is no camera of a view.")
            return {"CANCELLED"}
        scene.look_through(context.scene, camera)
        if context.space_data and context.space_data.type == "VIEW_3D":
            context.space_data.region_3d.view_perspective = "CAMERA"
        return {"FINISHED"}


class ExportFaces(bpy.types.Operator):
    """Write each face with its cameras, as it is in the scene now, to a GLB named like its collection"""

    bl_idname = "mesh_from_faces.export"
    bl_label = "Export Faces"

    directory: StringProperty(subtype="DIR_PATH")

    @classmethod
    def poll(cls, context):
        return context.mode == "OBJECT" and bool(scene.collections())

    def invoke(self, context, _):
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context):
        folder = bpy.path.abspath(self.directory)
        selected, active = context.selected_objects, context.view_layer.objects.active
        written, left_out = 0, []
        try:
            os.makedirs(folder, exist_ok=True)
            for collection in scene.collections():
                bpy.ops.object.select_all(action="DESELECT")
                for each in collection.all_objects:
                    if each.name in context.view_layer.objects:
                        each.select_set(True)
                face = scene.face_in(collection)
                if face is None or not face.select_get():  # What is hidden cannot be selected.
                    left_out.append(collection.name)
                else:
                    name = bpy.path.clean_name(collection.name) + ".glb"
                    bpy.ops.export_scene.gltf(
                        filepath=os.path.join(folder, name), export_format="GLB", use_selection=True, export_cameras=True, export_extras=True
                    )
                    written += 1
        except (RuntimeError, OSError) as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        finally:
            bpy.ops.object.select_all(action="DESELECT")
            for each in selected:
                each.select_set(True)
            context.view_layer.objects.active = active
        if left_out:
            self.report({"WARNING"}, f"{written} written to {folder}. Left out, for their faces are hidden or gone: {', '.join(left_out)}")
        else:
            self.report({"INFO"}, f"{written} written to {folder}")
        return {"FINISHED"}


def _active_face(context):
    collection = scene.collection_of(context.object)
    return scene.face_in(collection) if collection else None


def _draw_export(self, _):
    self.layout.operator(ExportFaces.bl_idname, text="Faces of MeshFromFaces (.glb)")


CLASSES = (AddPhotos, RemovePhoto, ClearPhotos, MovePhoto, Build, BuildFolder, AskServer, Cancel, AddLandmarks, LookThrough, ExportFaces)


def register():
    bpy.types.TOPBAR_MT_file_export.append(_draw_export)


def unregister():
    bpy.types.TOPBAR_MT_file_export.remove(_draw_export)
