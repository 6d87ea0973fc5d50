"""Reads TensorFlow.js graph models (model.json and its .bin shards) into NumPy arrays."""

import json
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np

# The dtypes of the format that we can read: name -> element type in the file.
DTYPES = {"float32": "<f4", "float16": "<f2", "int32": "<i4", "uint16": "<u2", "uint8": "u1", "bool": "?"}


class GraphModel(NamedTuple):
    weights: dict   # weight name -> ndarray in TensorFlow's layout, dequantised to its original dtype
    nodes: list     # the graph's nodes as the file has them: {'name', 'op', 'input', 'attr'}


def read(path):
    """The weights and nodes of the graph model whose model.json is `path`.

    A quantised weight is stored as uint8 or uint16 and means `stored * scale + min`; one stored as
    float16 is widened. Raises ValueError for anything that is not such a model.
    """
    path = Path(path)
    try:
        model = json.loads(path.read_text())
        nodes, manifest = model["modelTopology"]["node"], model["weightsManifest"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"'{path.name}' is not a TensorFlow.js graph model; one with modelTopology.node "
                         f"and weightsManifest is needed.") from error
    weights = {}
    for group in manifest:
        data = b"".join(_shard(path.parent, name) for name in group["paths"])
        offset = 0
        for entry in group["weights"]:
            weights[entry["name"]], offset = _array(entry, data, offset, path.name)
        if offset != len(data):
            raise ValueError(f"The weights of '{path.name}' take {offset} bytes, but {group['paths']} hold "
                             f"{len(data)}; fetch model and shards together again.")
    return GraphModel(weights, nodes)


def _shard(folder, name):
    shard = (folder / name).resolve()
    if folder.resolve() not in shard.parents:
        raise ValueError(f"Shard '{name}' lies outside the model's folder; shards must stand beside model.json.")
    return shard.read_bytes()


def _array(entry, data, offset, file):
    quantisation = entry.get("quantization", {})
    stored = quantisation.get("dtype", entry["dtype"])
    if stored not in DTYPES:
        raise ValueError(f"Weight '{entry['name']}' of '{file}' has dtype {stored}; one of {', '.join(DTYPES)} is needed.")
    dtype, count = np.dtype(DTYPES[stored]), math.prod(entry["shape"])
    end = offset + count * dtype.itemsize
    if end > len(data):
        raise ValueError(f"'{file}' is cut short: weight '{entry['name']}' ends at byte {end} of {len(data)}; "
                         f"fetch the shards again.")
    array = np.frombuffer(data, dtype, count, offset).reshape(entry["shape"])
    if "scale" in quantisation:
        array = array * np.float32(quantisation["scale"]) + np.float32(quantisation["min"])
        if entry["dtype"] == "int32":
            array = np.round(array)
    return array.astype(entry["dtype"]), end
