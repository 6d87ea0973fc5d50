"""
Builds a face in a Blender without a window, with the add-on Mesh from Faces, and saves the scene:

    blender --background --python examples/blender/build.py -- PHOTO... FILE.blend
"""

import os
import sys

import bpy

*photos, blend = map(os.path.abspath, sys.argv[sys.argv.index("--") + 1 :])

bpy.ops.wm.read_homefile(use_empty=True)
for photo in photos:
    bpy.ops.mesh_from_faces.add_photos(directory=os.path.dirname(photo), files=[{"name": os.path.basename(photo)}])
settings = bpy.context.scene.mesh_from_faces
settings.capture = "Face"
settings.placement = "UPRIGHT"
bpy.ops.mesh_from_faces.build()  # Called from a script, it waits until the face is there.
bpy.ops.wm.save_as_mainfile(filepath=blend)
