"""Runs inside Blender: imports a GLB, writes down what is there, and renders the face through the first view's camera.

    blender --background --python look.py -- face.glb seen.json render.png

Only Blender's own importer, camera and renderer judge here; nothing of our code is imported.
"""

import json
import sys

import bpy
import numpy
from bpy_extras.object_utils import world_to_camera_view

# Debian 12 pairs Blender 3.4, whose importer says numpy.bool, with a NumPy 1.24 that has dropped that alias of bool.
if "bool" not in vars(numpy):
    numpy.bool = bool

glb, seen_path, render_path = sys.argv[sys.argv.index("--") + 1 :]

bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.ops.import_scene.gltf(filepath=glb)

scene = bpy.context.scene
face = bpy.data.objects["Face"]
cameras = sorted((each for each in bpy.data.objects if each.type == "CAMERA"), key=lambda each: each.name)


def look_through(camera):
    """Makes the scene's frame the photo: its size, and the lens shift that glTF cameras have no field for."""
    width, height = camera["width"], camera["height"]
    # The GLB gives the shift in units of the longer side; Blender wants that of the side its importer fitted the sensor to.
    fitted = {"AUTO": max(width, height), "HORIZONTAL": width, "VERTICAL": height}[camera.data.sensor_fit]
    camera.data.shift_x = camera["shift_x"] * max(width, height) / fitted
    camera.data.shift_y = camera["shift_y"] * max(width, height) / fitted
    scene.camera = camera
    scene.render.resolution_x = width
    scene.render.resolution_y = height
    scene.render.resolution_percentage = 100
    bpy.context.view_layer.update()


def pixels(camera):
    """[vertices, 2] where Blender's camera sees the mesh's vertices, in photo pixels, y down."""
    look_through(camera)
    points = (world_to_camera_view(scene, camera, face.matrix_world @ vertex.co) for vertex in face.data.vertices)
    return [[point.x * camera["width"], (1 - point.y) * camera["height"]] for point in points]


def base_colour(material):
    """The image that feeds the material's base colour."""
    shader = next(node for node in material.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
    return shader.inputs["Base Color"].links[0].from_node.image


def glow(material):
    """Shows the texture as it is, without any light: the picture through the view's camera is then the photo again."""
    tree = material.node_tree
    output = next(node for node in tree.nodes if node.type == "OUTPUT_MATERIAL")
    texture = next(node for node in tree.nodes if node.type == "TEX_IMAGE")
    emission = tree.nodes.new("ShaderNodeEmission")
    tree.links.new(texture.outputs["Color"], emission.inputs["Color"])
    tree.links.new(emission.outputs["Emission"], output.inputs["Surface"])


(material,) = face.data.materials
image = base_colour(material)
(uv_layer,) = face.data.uv_layers
uvs = [tuple(loop.uv) for loop in uv_layer.data]

seen = {
    "objects": {each.name: each.type for each in bpy.data.objects},
    "vertices": [list(vertex.co) for vertex in face.data.vertices],  # Blender's axes: z up, -y out of the face
    "faceMatrix": [list(row) for row in face.matrix_world],
    "cameras": [
        {"name": each.name, "matrix": [list(row) for row in each.matrix_world], "pixels": pixels(each)} for each in cameras
    ],
    "texture": {"size": list(image.size), "packed": image.packed_file is not None, "colourSpace": image.colorspace_settings.name},
    "uvRange": [min(min(uv) for uv in uvs), max(max(uv) for uv in uvs)],
}
with open(seen_path, "w", encoding="utf-8") as file:
    json.dump(seen, file)

glow(material)
look_through(cameras[0])
scene.render.engine = "CYCLES"
scene.cycles.device = "CPU"
scene.cycles.samples = 8
scene.cycles.use_denoising = False
scene.render.film_transparent = True
scene.render.image_settings.file_format = "PNG"
scene.render.image_settings.color_mode = "RGBA"
scene.view_settings.view_transform = "Standard"
scene.render.filepath = render_path
bpy.ops.render.render(write_still=True)
