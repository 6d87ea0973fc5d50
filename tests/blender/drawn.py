"""
Runs inside a Blender without a window, on a scene that the add-on made: renders the mesh's own edges, those it does not
hide itself, white on black through a view's camera, 1024 pixels the longer side.

    blender --background FILE.blend --python drawn.py -- CAMERA render.png
"""

import sys

import bpy

camera, render_path = sys.argv[-2:]
bpy.ops.mesh_from_faces.look_through(camera=camera)
scene = bpy.context.scene
face = next(each for each in scene.objects if each.get("mesh_from_faces") == "face")


def glowing(name, colour):
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    nodes, links = material.node_tree.nodes, material.node_tree.links
    emission = nodes.new("ShaderNodeEmission")
    emission.inputs["Color"].default_value = colour
    links.new(emission.outputs["Emission"], nodes["Material Output"].inputs["Surface"])
    return material


wires = face.copy()
wires.data = face.data.copy()
scene.collection.objects.link(wires)
wire = wires.modifiers.new("Edges", "WIREFRAME")
wire.thickness = 0.0002  # m
for each, colour in ((face, (0, 0, 0, 1)), (wires, (1, 1, 1, 1))):
    each.data.materials.clear()
    each.data.materials.append(glowing(each.name, colour))

scene.world = None
scene.render.engine = "CYCLES"
scene.render.resolution_percentage = round(100 * 1024 / max(scene.render.resolution_x, scene.render.resolution_y))
scene.cycles.device = "CPU"
scene.cycles.samples = 4
scene.cycles.max_bounces = 0
scene.cycles.use_denoising = False
scene.render.image_settings.file_format = "PNG"
scene.render.image_settings.color_mode = "BW"
scene.view_settings.view_transform = "Standard"
scene.render.filepath = render_path
bpy.ops.render.render(write_still=True)
