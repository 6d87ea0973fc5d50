"""Trains the MeshFromFaces model and makes the canonical face (see models/training/README.md)."""
