"""A built face becomes a collection: the mesh with its texture, a camera a view with its photo behind it."""

import math

import bpy
from mathutils import Matrix, Quaternion

TAG = "mesh_from_faces"  # Custom property of what the add-on made; of a collection, the capture's name.
FACE, VIEW, LANDMARK = "face", "view", "landmark"
LAYOUT = "mesh_from_faces_layout"  # Of a collection of landmarks inside a capture's.

# glTF's y-up to Blender's z-up.
Z_UP = Matrix.Rotation(math.pi / 2, 4, "X")

# EXIF's orientation as Blender's background image turns: mirrored first, then turned clockwise.
TURNS = {1: (False, 0), 2: (True, 0), 3: (False, 180), 4: (True, 180), 5: (True, 270), 6: (False, 90), 7: (True, 90), 8: (False, 270)}


def insert(built):
    """
    Puts a face into the scene, and gives its mesh object at the end. A generator: between two steps, none of which takes
    long, the window may draw. Until the last step nothing is to be seen, so that undo knows no half of it.
    """
    face, capture = built.face, built.capture
    image = _image(capture.name, face.texture)
    yield
    mesh = bpy.data.meshes.new(capture.name)
    _set_polygons(mesh, face)
    yield
    _set_uvs(mesh, face)
    material = _material(capture.name, image)
    mesh.materials.append(material)
    mesh.update(calc_edges=True)
    yield
    head = _pose(face)
    # Upright, the head is the world's, and the cameras stand around it.
    world = Z_UP @ head.inverted() if capture.upright else Z_UP
    result = bpy.data.objects.new(capture.name, mesh)
    result.matrix_world = world @ head @ Z_UP.inverted()
    for name, vertices in face.parts.items():
        result.vertex_groups.new(name=name).add(vertices, 1.0, "REPLACE")
    _describe(result, built)
    yield
    cameras = []
    for view in face.views:
        cameras.append(_camera(view, world, built))
        yield
    collection = _collection(capture.name)
    # An earlier build's names are free again; anybody else's are not to be taken from him.
    _name(image, capture.name, bpy.data.images)
    _name(material, capture.name, bpy.data.materials)
    _name(mesh, capture.name, bpy.data.meshes)
    _name(result, capture.name, bpy.data.objects)
    for camera, view in zip(cameras, face.views):
        _name(camera.data, view.name, bpy.data.cameras)
        _name(camera, view.name, bpy.data.objects)
    for each in (result, *cameras):
        collection.objects.link(each)
    yield result


def collections():
    """Those of the add-on, by capture."""
    return sorted((each for each in bpy.data.collections if TAG in each), key=lambda each: each.name)


def collection_of(target):
    """The capture's collection that an object belongs to, or None."""
    return next((each for each in target.users_collection if TAG in each), None) if target else None


def face_in(collection):
    """The mesh of a capture's collection, or None."""
    return next((each for each in collection.objects if each.get(TAG) == FACE and each.type == "MESH"), None)


def views_in(collection):
    return [each for each in collection.objects if each.get(TAG) == VIEW and each.type == "CAMERA"]


def look_through(scene, camera):
    """Makes the photo the picture: its camera, its size. The lens and its shift fit no other shape of picture."""
    scene.camera = camera
    scene.render.resolution_x = camera["width"]
    scene.render.resolution_y = camera["height"]
    scene.render.resolution_percentage = 100
    scene.render.pixel_aspect_x = scene.render.pixel_aspect_y = 1


def remove_ours(collection):
    """Removes what the add-on made in it, and of that data what nobody else uses. What an artist put there stays."""
    targets = [each for each in collection.objects if TAG in each]
    data = [each.data for each in targets if each.data]
    materials = [slot.material for each in targets for slot in each.material_slots if slot.material]
    backgrounds = [slot.image for each in data if isinstance(each, bpy.types.Camera) for slot in each.background_images if slot.image]
    textures = [node.image for each in materials if each.node_tree for node in each.node_tree.nodes if getattr(node, "image", None)]
    # Each once: an artist's copies share what they show.
    for each in dict.fromkeys((*targets, *data, *materials, *textures, *backgrounds)):
        if isinstance(each, bpy.types.Object) or each.users == 0:
            bpy.data.batch_remove([each])


def _collection(name):
    """The capture's collection without what an earlier build put into it."""
    found = next((each for each in collections() if each[TAG] == name), None)
    if found is None:
        found = bpy.data.collections.new(name)
        found[TAG] = name
    for landmarks in [each for each in found.children if LAYOUT in each]:
        remove_ours(landmarks)
        if not landmarks.objects:
            bpy.data.collections.remove(landmarks)
    remove_ours(found)
    scene = bpy.context.scene
    if found not in scene.collection.children_recursive:
        scene.collection.children.link(found)
    return found


def _name(target, wanted, known):
    if wanted not in known:
        target.name = wanted


def _image(name, content):
    image = bpy.data.images.new(name, 8, 8)
    image.pack(data=content, data_len=len(content))
    image.source = "FILE"  # From now on its pixels are the packed file's.
    return image


def _material(name, image):
    material = bpy.data.materials.new(name)
    if material.node_tree is None:  # Newer Blenders give every material one.
        material.use_nodes = True
    nodes, links = material.node_tree.nodes, material.node_tree.links
    nodes.clear()
    texture, shader, output = (nodes.new(kind) for kind in ("ShaderNodeTexImage", "ShaderNodeBsdfPrincipled", "ShaderNodeOutputMaterial"))
    texture.location, output.location = (-320, 0), (320, 0)
    texture.image = image
    texture.extension = "EXTEND"
    shader.inputs["Roughness"].default_value = 0.6  # As in the GLB: skin between matte and moist.
    links.new(texture.outputs["Color"], shader.inputs["Base Color"])
    links.new(shader.outputs["BSDF"], output.inputs["Surface"])
    return material


def _set_polygons(mesh, face):
    mesh.vertices.add(len(face.positions) // 3)
    mesh.loops.add(len(face.corners))
    mesh.polygons.add(len(face.sizes))
    mesh.vertices.foreach_set("co", face.positions)
    mesh.polygons.foreach_set("loop_start", face.starts)
    # Newer Blenders know a polygon's size by where the next one starts.
    if not bpy.types.MeshPolygon.bl_rna.properties["loop_total"].is_readonly:
        mesh.polygons.foreach_set("loop_total", face.sizes)
    mesh.loops.foreach_set("vertex_index", face.corners)
    mesh.polygons.foreach_set("use_smooth", [True] * len(face.sizes))


def _set_uvs(mesh, face):
    mesh.uv_layers.new(name="UVMap").data.foreach_set("uv", face.uvs)


def _pose(node):
    """Of a node of the GLB, in glTF's axes."""
    return Matrix.Translation(node.translation) @ Quaternion(node.rotation).to_matrix().to_4x4()


def _camera(view, world, built):
    data = bpy.data.cameras.new(view.name)
    # Fitted to the longer side, whatever the shape of the render.
    data.sensor_fit = "HORIZONTAL" if view.width >= view.height else "VERTICAL"
    data.sensor_width = data.sensor_height = view.sensor_mm
    data.lens = view.lens_mm
    data.shift_x, data.shift_y = view.shift_x, view.shift_y
    data.clip_start, data.clip_end = 0.01, 100
    data.display_size = 0.1
    _set_background(data, view, built.photos[view.image])
    camera = bpy.data.objects.new(view.name, data)
    camera.matrix_world = world @ _pose(view)
    camera[TAG] = VIEW
    camera["image"] = view.image
    camera["width"], camera["height"] = view.width, view.height
    camera["sigma_px"] = built.sigmas[view.image]
    return camera


def _set_background(data, view, photo):
    background = data.background_images.new()
    background.image = bpy.data.images.load(photo, check_existing=True)
    background.frame_method = "CROP"
    background.display_depth = "BACK"
    background.alpha = 1
    data.show_background_images = True
    mirrored, clockwise = TURNS[view.orientation]
    background.use_flip_x = mirrored
    background.rotation = math.radians(clockwise)
    if clockwise % 180:
        # Blender fits the file's lying picture into the frame before it turns it.
        background.scale = min(view.width, view.height) / max(view.width, view.height)


def _describe(result, built):
    extras = built.face.extras
    result[TAG] = FACE
    result["model"] = f"{extras['model']['name']} {extras['model']['version']}"
    result["model_hash"] = extras["model"]["hash"]
    result["tool_version"] = extras["version"]
    result["topology"] = built.face.topology
    result["options"] = {name: "" if value is None else value for name, value in extras["options"].items()}
    result["sigma_px"] = sum(built.sigmas.values()) / len(built.sigmas)
