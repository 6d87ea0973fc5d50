"""Layers in 8 bits: against integer arithmetic, and what becomes of the network's answers."""
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from training import mixed  # noqa: E402
from training.export import halved, write_graph  # noqa: E402
from training.network import InfiniteLandmarks  # noqa: E402
from training.quantised import QuantisedConv2d, Quantiser, forget, observed, quantisers  # noqa: E402

ROUNDING = b"\x22\x0eQuantizeLinear"  # a node's type in ONNX: its fourth field, of 14 bytes


@pytest.fixture
def network():
    torch.manual_seed(5)
    network = InfiniteLandmarks("compact")
    for block in (*network.encoder.trunk.middle, *network.encoder.trunk.fine):
        torch.nn.init.normal_(block.change[3].weight, std=0.02)  # zero until trained
    return network.eval()


def test_values_between_the_ends_move_by_half_a_step_at_most_those_beyond_to_the_ends():
    quantiser = Quantiser().eval()
    values = torch.linspace(-3, 6, 1001)
    assert torch.equal(quantiser(values), values)
    quantiser.ends.copy_(torch.tensor([-1.0, 4.0]))
    rounded, step = quantiser(values), 5 / 255
    inside = (values >= -1) & (values <= 4)
    assert (rounded - values)[inside].abs().max() <= step / 2 + 1e-6
    assert (rounded - values.clamp(-1, 4))[~inside].abs().max() <= step / 2 + 1e-6
    assert len(rounded.unique()) == 256
    assert (rounded == 0).any()
    assert torch.equal(quantiser.train()(values), values)


def test_a_convolution_is_that_of_integers():
    torch.manual_seed(1)
    layer, values = QuantisedConv2d(6, 5, 1).eval(), torch.randn(2, 6, 3, 3)
    with observed(layer), torch.no_grad():
        whole = layer(values)
    low, high = layer.input.ends.numpy().astype(np.float64)
    assert (low, high) == pytest.approx((values.min(), values.max()))

    step, zero = (high - low) / 255, round(-low / ((high - low) / 255))
    bytes_in = np.clip(np.rint(values.numpy() / step) + zero, 0, 255).astype(np.int64)
    weight = layer.weight.detach().numpy()[:, :, 0, 0].astype(np.float64)
    steps = np.abs(weight).max(1) / 63
    bytes_of_weight = np.rint(weight / steps[:, None]).astype(np.int64)
    assert np.abs(bytes_of_weight).max() * 255 * 2 < 2**15  # what two products are summed in
    sums = np.einsum("oi,bihw->bohw", bytes_of_weight, bytes_in - zero)
    expected = sums * (steps * step)[:, None, None] + layer.bias.detach().numpy()[:, None, None]
    with torch.no_grad():
        answer = layer(values).numpy()
    assert np.allclose(answer, expected, atol=1e-5)
    assert 0 < np.abs(answer - whole.numpy()).max() < 0.1


def test_the_network_answers_nearly_the_same_and_learns_without_rounding(network, monkeypatch):
    monkeypatch.setattr(mixed, "BFLOAT16", False)
    face = torch.nn.functional.interpolate(torch.rand(4, 3, 12, 12), (192, 192), mode="bilinear")
    with torch.inference_mode():
        exact = network.encoder.encode(face)
        with observed(network):
            network.encoder.encode(face)
        rounded = network.encoder.encode(face)
        assert all(quantiser.active for quantiser in quantisers(network))
        assert 0 < (rounded.anchors - exact.anchors).abs().max() < 0.02
        learning = network.train().encoder.encode(face)
        assert torch.allclose(learning.anchors, exact.anchors, atol=1e-6)
        forget(network)
        assert torch.allclose(network.eval().encoder.encode(face).features, exact.features, atol=1e-6)


def test_the_graph_computes_in_8_bits_once_the_ends_are_known(network, tmp_path):
    face = torch.rand(1, 3, 192, 192)
    graph = tmp_path / "face_encoder.onnx"
    write_graph(halved(network), graph.name, graph)
    assert ROUNDING not in graph.read_bytes()
    with observed(network), torch.inference_mode():
        network.encoder.encode(face)
    write_graph(halved(network), graph.name, graph)
    weights = sum(isinstance(module, QuantisedConv2d) for module in network.modules()) + 1  # and that of `readings`
    assert graph.read_bytes().count(ROUNDING) == len(quantisers(network)) + weights
