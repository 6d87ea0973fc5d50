"""Muon (Jordan et al. 2024): steps of momentum whose matrices are made near orthogonal, so that every direction of a layer is
learnt and not only the few strongest ones. Their size is that of Adam's (Liu et al. 2025, "Muon is Scalable for LLM Training"),
so that both take one rate."""
import torch
from torch import nn

from .mixed import BFLOAT16

MOMENTUM = 0.95
QUINTIC = (3.4445, -4.7750, 2.0315)  # of the first: a p + b p^3 + c p^5 brings singular values p in (0, 1] near 1 in STEPS
STEPS = 5
ADAM_SIZE = 0.2  # root mean square of the steps that Adam takes, in rates
SMALLEST = 16  # a side of what counts as a matrix
LAST = ("heat.weight", "output.weight")  # layers whose answers are taken as they are
SLIGHT = ("patch.weight",)  # what the anchors are moved by: a small signal, which steps of one size in all directions drown


def orthogonalised(matrix: torch.Tensor) -> torch.Tensor:
    """Of matrix [M, N] = U S V^T near U V^T: singular values within about 0.7 to 1.2, by Newton-Schulz iterations."""
    wide = matrix if len(matrix) <= matrix.shape[1] else matrix.T
    x = (wide / (wide.norm() + 1e-12)).to(torch.bfloat16 if BFLOAT16 else torch.float32)
    a, b, c = QUINTIC
    for _ in range(STEPS):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x if wide is matrix else x.T).to(matrix.dtype)


class Muon(torch.optim.Optimizer):
    """Of weights [M, ...], each a matrix [M, N]."""

    def __init__(self, groups, lr: float, weight_decay: float = 0.0):
        super().__init__(groups, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                momentum = self.state[weight].setdefault("momentum", torch.zeros_like(weight))
                momentum.lerp_(weight.grad, 1 - MOMENTUM)
                step = orthogonalised(weight.grad.lerp(momentum, MOMENTUM).flatten(1)).reshape(weight.shape)
                size = ADAM_SIZE * max(len(weight), weight[0].numel()) ** 0.5
                weight.mul_(1 - group["lr"] * group["weight_decay"]).add_(step, alpha=-group["lr"] * size)


def matrices(network: nn.Module) -> set[nn.Parameter]:
    """The weights that Muon is for: of layers whose outputs each see every input, and are read by other layers."""
    layers = [module for module in network.modules() if isinstance(module, nn.Linear) or isinstance(module, nn.Conv2d) and module.groups == 1]
    others = {weight for name, weight in network.named_parameters() if name.endswith(LAST + SLIGHT)}
    return {layer.weight for layer in layers if min(layer.weight.flatten(1).shape) >= SMALLEST} - others
