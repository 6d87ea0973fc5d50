"""How the network learns: the optimisers' steps, convolutions' gradients, and mixed precision."""
import pytest

torch = pytest.importorskip("torch")

from training import mixed  # noqa: E402
from training.facemesh import Conv2dSame  # noqa: E402
from training.muon import Muon, orthogonalised  # noqa: E402
from training.network import InfiniteLandmarks  # noqa: E402
from training.train import optimisers, parameters  # noqa: E402


@pytest.mark.parametrize("shape", [(24, 24), (20, 90), (90, 20)])
def test_a_step_keeps_a_gradients_directions_and_evens_their_strength(shape):
    torch.manual_seed(2)
    rank = min(shape)
    left, right = (torch.linalg.qr(torch.randn(size, rank)).Q for size in shape)
    strength = torch.logspace(0, -1.5, rank)
    found = orthogonalised((left * strength) @ right.T)
    seen = left.T @ found @ right
    assert ((seen.diagonal() > 0.6) & (seen.diagonal() < 1.3)).all()
    assert (seen - seen.diagonal().diag()).abs().max() < 0.1
    assert (found - left @ seen @ right.T).abs().max() < 0.05


def test_weak_directions_are_learnt_where_gradient_descent_would_wait_for_them():
    torch.manual_seed(3)
    inputs = torch.randn(400, 24) * torch.logspace(0, -1.5, 24)
    wanted = torch.randn(24, 16)
    left = []
    for make in (lambda weight: Muon([{"params": [weight]}], lr=0.1), lambda weight: torch.optim.SGD([weight], lr=0.4)):
        weight = torch.nn.Parameter(torch.zeros(24, 16))
        optimiser = make(weight)
        for step in range(300):
            optimiser.zero_grad()
            (inputs @ (weight - wanted)).square().mean().backward()
            for group in optimiser.param_groups:
                group["lr"] = make(weight).defaults["lr"] * (1 - step / 300)
            optimiser.step()
        left.append(float((weight - wanted)[-8:].detach().square().mean()))
    assert left[0] < 0.01 * left[1]


@pytest.mark.parametrize("stage", ["transformer", "landmarks", "joint"])
def test_each_weight_has_one_optimiser_and_what_answers_is_adams(stage):
    network = InfiniteLandmarks("compact")
    held = lambda optimiser: [id(p) for group in optimiser.param_groups for p in group["params"]]
    muon, adam = optimisers(network, stage, 1e-3, muon=True)
    wanted = [id(p) for group in parameters(network, stage, 1e-3) for p in group["params"]]
    assert sorted(held(muon) + held(adam)) == sorted(wanted)
    names = {id(p): name for name, p in network.named_parameters()}
    matrices, others = ({names[p] for p in held(optimiser)} for optimiser in (muon, adam))
    assert any(name.endswith("pointwise.weight") for name in matrices)
    assert not any(name.endswith((".bias", "depthwise.weight", "heat.weight", "output.weight", "patch.weight", "codes", "move")) for name in matrices)
    assert all(p.ndim < 2 or min(p.flatten(1).shape) < 16 or name.endswith(("heat.weight", "output.weight", "patch.weight", "codes", "move", "depthwise.weight", "change.0.weight"))
               for name, p in network.named_parameters() if name in others)


@pytest.mark.parametrize("kernel", [3, 5])
def test_a_depthwise_convolutions_gradients_are_those_of_pytorch(kernel):
    torch.manual_seed(kernel)
    layer = Conv2dSame(6, 6, kernel, groups=6).double()
    x, gradient = torch.randn(2, 6, 7, 9, dtype=torch.float64, requires_grad=True), torch.randn(2, 6, 7, 9, dtype=torch.float64)
    found = torch.autograd.grad(layer(x), (x, layer.weight, layer.bias), gradient)
    wanted = torch.autograd.grad(torch.nn.functional.conv2d(x, layer.weight, layer.bias, padding=kernel // 2, groups=6), (x, layer.weight, layer.bias), gradient)
    for own, theirs in zip(found, wanted):
        assert torch.allclose(own, theirs)


def test_mixed_precision_is_for_learning_alone_and_its_gradients_point_as_they_should(monkeypatch):
    torch.manual_seed(4)
    network, face = InfiniteLandmarks("compact"), torch.nn.functional.interpolate(torch.rand(2, 3, 12, 12), (192, 192), mode="bilinear")
    answers = {}
    for enabled in (False, True):
        monkeypatch.setattr(mixed, "BFLOAT16", enabled)
        with torch.no_grad():
            answered = network.eval().encoder.trunk.maps(face)
        network.zero_grad()
        learnt = network.train().encoder.trunk.maps(face)
        sum(part.square().mean() for part in learnt).backward()
        gradient = torch.cat([p.grad.flatten() for p in network.parameters() if p.grad is not None])
        answers[enabled] = answered, learnt, gradient
    for exact, mixed_ in zip(answers[False][0], answers[True][0]):
        assert torch.equal(exact, mixed_)
    for exact, mixed_ in zip(answers[False][1], answers[True][1]):
        assert mixed_.dtype == torch.float32
        assert 0 < (mixed_ - exact).norm() < 0.03 * exact.norm()
    assert torch.cosine_similarity(answers[False][2], answers[True][2], dim=0) > 0.99


def test_styles_that_are_held_are_not_trained_while_the_rest_is():
    network = InfiniteLandmarks("compact")
    network.predictor.hold_styles()
    held = {id(p) for optimiser in optimisers(network, "landmarks", 1e-3, muon=True) for group in optimiser.param_groups for p in group["params"]}
    trained = {name for name, p in network.named_parameters() if id(p) in held}
    assert not any(name.startswith(("predictor.codes", "predictor.deformer")) for name in trained)
    assert {"predictor.encoding.0.weight", "predictor.from_features.weight", "encoder.trunk.heat.weight"} <= trained


def test_a_step_has_the_weights_shape_whichever_side_is_longer():
    for shape in ((16, 3, 4, 4), (96, 2, 4, 4), (64, 16)):
        weight = torch.nn.Parameter(torch.zeros(shape).to(memory_format=torch.channels_last) if len(shape) == 4 else torch.zeros(shape))
        weight.grad = torch.randn(shape)
        Muon([{"params": [weight]}], lr=1.0).step()
        assert torch.cosine_similarity(-weight.detach().flatten(), weight.grad.flatten(), dim=0) > 0.5
        assert weight.detach().square().mean().sqrt() == pytest.approx(0.2, rel=0.3)  # Adam's size
