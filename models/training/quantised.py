"""Layers that learn in full precision and answer in 8 bits: quantisation after training, by Jacob et al. 2018, "Quantization and
Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference".

Activations are rounded to 256 steps between two ends, which `calibrate` finds by what passes; each output channel of a weight
to its largest / 63: with a bit more, the sum of two products overflows the 16 bits that x86 processors without VNNI have for it.
Both are exported as QuantizeLinear and DequantizeLinear, between which ONNX Runtime computes in bytes.
"""
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn import functional

WEIGHT_STEPS = 63  # on either side of zero


class Quantiser(nn.Module):
    """Activations, rounded to 8 bits; in training, and until there are ends, as they are."""

    def __init__(self):
        super().__init__()
        self.register_buffer("ends", torch.zeros(2))

    @property
    def active(self) -> bool:
        return not self.training and bool(self.ends[1] > self.ends[0])

    def forward(self, x):
        if not self.active:
            return x
        low, high = self.ends.tolist()
        step = (high - low) / 255
        return torch.fake_quantize_per_tensor_affine(x, step, round(-low / step), 0, 255)

    def weight(self, weight):
        """A layer's weight [O, ...], rounded where its input is."""
        if not self.active:
            return weight
        step = weight.detach().flatten(1).abs().amax(1).clamp(min=1e-8) / WEIGHT_STEPS
        return torch.fake_quantize_per_channel_affine(weight, step, torch.zeros_like(step, dtype=torch.int32), 0, -128, 127)


class QuantisedConv2d(nn.Conv2d):
    """A convolution whose input and weight are rounded to 8 bits."""

    def __init__(self, *sizes, **options):
        super().__init__(*sizes, **options)
        self.input = Quantiser()

    def forward(self, x):
        return functional.conv2d(self.input(x), self.input.weight(self.weight), self.bias, self.stride, self.padding, self.dilation, self.groups)


def quantisers(network: nn.Module) -> list[Quantiser]:
    return [module for module in network.modules() if isinstance(module, Quantiser)]


def forget(network: nn.Module) -> None:
    """Back to full precision."""
    for quantiser in quantisers(network):
        quantiser.ends.zero_()


@contextmanager
def observed(network: nn.Module) -> Iterator[None]:
    """The network in full precision; then, with ends that hold what passed its quantisers meanwhile, and zero."""
    forget(network)
    lowest_highest = {}

    def look(quantiser, inputs):
        low, high = lowest_highest.get(quantiser, (0.0, 0.0))
        lowest_highest[quantiser] = min(low, float(inputs[0].min())), max(high, float(inputs[0].max()))

    hooks = [quantiser.register_forward_pre_hook(look) for quantiser in quantisers(network)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
    for quantiser, ends in lowest_highest.items():
        quantiser.ends.copy_(torch.tensor(ends))
