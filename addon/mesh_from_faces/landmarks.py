"""The points of a layout on a face's mesh, wherever the artist has taken its vertices since."""

from array import array

import bpy
from mathutils import Vector
from mathutils.bvhtree import BVHTree
from mathutils.interpolate import poly_3d_calc

from . import scene


def add_empties(face, layout, uvs):
    """An empty a landmark, child of the mesh, in a collection of the layout's name. Replaces those of an earlier time."""
    mesh = face.data
    parent = scene.collection_of(face)
    collection = next((each for each in parent.children if each.get(scene.LAYOUT) == layout), None)
    if collection is None:
        collection = bpy.data.collections.new(f"{parent.name} {layout}")
        collection[scene.LAYOUT] = layout
        parent.children.link(collection)
    scene.remove_ours(collection)
    for number, weights in enumerate(_weights(mesh, uvs)):
        empty = bpy.data.objects.new(f"{layout} {number:02}", None)
        empty.empty_display_type = "SPHERE"
        empty.empty_display_size = 0.0015
        empty.parent = face
        empty.location = sum((mesh.vertices[vertex].co * weight for vertex, weight in weights), Vector())
        empty[scene.TAG] = scene.LANDMARK
        empty["landmark"] = number
        collection.objects.link(empty)
    return collection


def add_vertices(face, layout, uvs):
    """A vertex group of the vertices nearest to the landmarks, and an integer attribute with each one's number, elsewhere -1."""
    mesh = face.data
    nearest = [max(weights, key=lambda pair: pair[1])[0] for weights in _weights(mesh, uvs)]
    if old := face.vertex_groups.get(layout):
        face.vertex_groups.remove(old)
    face.vertex_groups.new(name=layout).add(nearest, 1.0, "REPLACE")
    # Not the group's name: a mesh's attributes and its object's groups share one space of names.
    name = f"{layout}_landmark"
    if old := mesh.attributes.get(name):
        mesh.attributes.remove(old)
    numbers = [-1] * len(mesh.vertices)
    for number, vertex in enumerate(nearest):
        numbers[vertex] = number
    mesh.attributes.new(name=name, type="INT", domain="POINT").data.foreach_set("value", numbers)


def _weights(mesh, uvs):
    """Of each point of the UV chart, [(vertex, weight), ...] on the polygon it lies on."""
    corners, chart_uvs = array("i", bytes(4 * len(mesh.loops))), array("f", bytes(8 * len(mesh.loops)))
    mesh.loops.foreach_get("vertex_index", corners)
    mesh.uv_layers[0].data.foreach_get("uv", chart_uvs)
    chart = [(0, 0, 0)] * len(mesh.vertices)
    for corner, vertex in enumerate(corners):
        chart[vertex] = chart_uvs[2 * corner], chart_uvs[2 * corner + 1], 0
    starts = array("i", bytes(4 * len(mesh.polygons)))
    mesh.polygons.foreach_get("loop_start", starts)
    polygons = [corners[start:end].tolist() for start, end in zip(starts, [*starts[1:], len(corners)])]
    tree = BVHTree.FromPolygons(chart, polygons)
    for u, v in uvs:
        point, _, index, _ = tree.find_nearest((u, v, 0))
        polygon = polygons[index]
        yield list(zip(polygon, poly_3d_calc([Vector(chart[vertex]) for vertex in polygon], point)))
