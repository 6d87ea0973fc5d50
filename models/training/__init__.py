"""Trains the MeshFromFaces model and makes the canonical face (see models/training/README.md)."""
import os

# Read by OpenMP when torch is first imported. Threads that spin at a barrier while another process holds
# their core made a training step ten times slower here; sleeping threads do not.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
