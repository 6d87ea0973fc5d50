"""
Runs inside a Blender without a window, on a scene that the add-on made: writes down what is there, as JSON.

    blender --background FILE.blend --python scene_of.py -- seen.json
"""

import json
import sys

import bpy
from bpy_extras.object_utils import world_to_camera_view


def pixels(scene, camera, face):
    """[vertices, 2] where the camera sees the mesh, in pixels of the scene's own picture, y down."""
    width, height = scene.render.resolution_x, scene.render.resolution_y
    points = (world_to_camera_view(scene, camera, face.matrix_world @ vertex.co) for vertex in face.data.vertices)
    return [[point.x * width, (1 - point.y) * height] for point in points]


def seen_in(scene):
    seen = {"collections": {}, "images": {}}
    for collection in bpy.data.collections:
        seen["collections"][collection.name] = {each.name: each.type for each in collection.objects}
    for image in bpy.data.images:
        seen["images"][image.name] = {"size": list(image.size), "packed": image.packed_file is not None, "path": image.filepath}
    for face in (each for each in scene.objects if each.get("mesh_from_faces") == "face"):
        (material,) = face.data.materials
        shader = next(node for node in material.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
        (uv_layer,) = face.data.uv_layers
        seen[face.name] = {
            "sides": sorted({len(polygon.vertices) for polygon in face.data.polygons}),
            "polygons": len(face.data.polygons),
            "smooth": all(polygon.use_smooth for polygon in face.data.polygons),
            "broken": face.data.validate(),
            "vertices": [list(vertex.co) for vertex in face.data.vertices],
            "uvs": [list(uv.uv) for uv in uv_layer.data],
            "corners": [loop.vertex_index for loop in face.data.loops],
            "matrix": [list(row) for row in face.matrix_world],
            "groups": {
                group.name: sum(any(part.group == group.index for part in vertex.groups) for vertex in face.data.vertices)
                for group in face.vertex_groups
            },
            "texture": shader.inputs["Base Color"].links[0].from_node.image.name,
            "properties": {key: value.to_dict() if hasattr(value, "to_dict") else value for key, value in face.items()},
            "cameras": [],
        }
        for camera in (each for each in face.users_collection[0].objects if each.type == "CAMERA"):
            assert bpy.ops.mesh_from_faces.look_through(camera=camera.name) == {"FINISHED"}
            bpy.context.view_layer.update()
            (background,) = camera.data.background_images
            seen[face.name]["cameras"].append({
                "name": camera.name,
                "size": [scene.render.resolution_x, scene.render.resolution_y],
                "matrix": [list(row) for row in camera.matrix_world],
                "photo": bpy.path.abspath(background.image.filepath),
                "shown": camera.data.show_background_images,
                "sigma": camera["sigma_px"],
                "pixels": pixels(scene, camera, face),
            })
    return seen


if __name__ == "__main__":
    with open(sys.argv[-1], "w", encoding="utf-8") as file:
        json.dump(seen_in(bpy.context.scene), file)
