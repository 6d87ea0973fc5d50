"""The variants of the ablation differ in what they say they differ in."""
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from training.ablate import ENCODERS, FACE_SIZE, GRAPH, ROWS, Hourglass, Row, Variant, similarity, upright  # noqa: E402
from training.anchors import INNER  # noqa: E402
from training.export import write_graph  # noqa: E402

FACE = torch.rand(2, 3, FACE_SIZE, FACE_SIZE, generator=torch.Generator().manual_seed(0))
UV = torch.rand(2, 60, 2, generator=torch.Generator().manual_seed(1)) * 0.5 + 0.25
STYLES = torch.eye(2)


def answer(row):
    torch.manual_seed(3)
    network = Variant(row)
    with torch.no_grad():  # as training leaves them: no layer of zeros
        for layer in (network.predictor.deformer[-1], network.encoder.pose[-1]):
            layer.weight.normal_(0, 0.1)
    return network.read(FACE, UV, STYLES)


def test_each_row_trains():
    batch = {"face": FACE, "uv": UV, "style": STYLES, "points": torch.zeros(2, 60, 2), "anchors": torch.zeros(2, 128, 2), "present": torch.ones(2), "solid": torch.tensor([1.0, 0.0]),
             "position": torch.zeros(2, 60, 3), "rotation": torch.eye(3).expand(2, 3, 3), "distance": torch.ones(2)}
    for head in {row.head for row in ROWS}:
        network = Hourglass() if head == "hourglass" else Variant(Row(head, head=head))
        sum(network.loss(batch).values()).backward()
        assert max(float(p.grad.abs().max()) for p in network.parameters() if p.grad is not None) > 0


@pytest.mark.parametrize("row", ENCODERS, ids=lambda row: row.encoder)
def test_each_encoder_starts_with_the_mean_face_and_gives_a_graph(row, tmp_path):
    torch.manual_seed(3)
    network = Variant(row).eval()
    with torch.no_grad():
        position = network.read(FACE, UV, STYLES)["position"]
        assert torch.allclose(position, network.predictor.mean(network.predictor.deform(UV, STYLES)), atol=0.005)
    answers = write_graph(network, GRAPH, tmp_path / "f.onnx")
    assert (tmp_path / "f.onnx").stat().st_size > 1e6 and answers["features"].shape == (2, network.preset.features)


def test_a_flat_head_answers_in_the_image_and_a_fixed_one_at_60_mm():
    assert set(answer(Row("flat"))) == {"points", "log_sigma"}
    fixed, solid = (answer(Row(head, head=head)) for head in ("fixed", "solid"))
    assert torch.equal(fixed["focal_mm"], torch.full((2, 1), 60.0)) and (solid["focal_mm"] != 60).all()
    # Both keep the face's size: distance goes with the lens.
    assert torch.allclose(fixed["focal_mm"] / fixed["translation"][:, 2:], solid["focal_mm"] / solid["translation"][:, 2:], rtol=1e-4)


def test_only_a_deformer_tells_styles_apart():
    row = Row("D", deformer=True)
    assert (torch.diff(sames(row), dim=0).abs().max() > 1e-5) and (torch.diff(sames(replace(row, deformer=False)), dim=0).abs().max() == 0)


def sames(row):
    """The points of one face, for one style and the other."""
    torch.manual_seed(3)
    network = Variant(row)
    with torch.no_grad():
        network.predictor.deformer[-1].weight.normal_(0, 0.1)
        return network.read(FACE[:1].expand(2, -1, -1, -1), UV[:1].expand(2, -1, -1), STYLES)["points"]


def test_an_hourglass_points_into_the_image():
    points = Hourglass()(FACE)
    assert points.shape == (2, INNER, 2) and points.abs().max() < 1


def test_crops():
    theta = torch.tensor([[[0.5, -0.2, 0.1], [0.2, 0.5, 0.3]]])
    assert torch.allclose(similarity(theta), theta)
    sheared = theta + torch.tensor([[[0.1, 0.05, 0], [0.05, -0.1, 0]]])
    assert torch.allclose(similarity(sheared), theta, atol=1e-6)
    points = np.array([[0.1, 0.2], [0.3, 0.8], [-0.1, 0.4]])
    crop = upright(points)
    assert np.allclose(crop[:, 2], [0.1, 0.5]) and crop[0, 0] == crop[1, 1] and crop[0, 1] == 0
