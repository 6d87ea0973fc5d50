"""Mixed precision (Micikevicius et al. 2018): the convolutions of a network that learns, in bfloat16 where the machine has it. Weights,
sums and all else stay in full precision, and so does a network that only answers. torchvision's ConvNeXt, whose norms want one type,
is left alone."""
import functools
from collections.abc import Callable
from pathlib import Path

import torch

CPU_FLAGS = Path("/proc/cpuinfo")


def supported() -> bool:
    """Whether bfloat16 is faster here than full precision."""
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported()
    return CPU_FLAGS.exists() and "avx512_bf16" in CPU_FLAGS.read_text()


BFLOAT16 = supported()


def mixed(forward: Callable) -> Callable:
    """The method of a module, of a tensor to one or a tuple of them, in mixed precision while the module learns."""

    @functools.wraps(forward)
    def run(module, x):
        if not (BFLOAT16 and module.training):
            return forward(module, x)
        with torch.autocast(x.device.type, dtype=torch.bfloat16):
            answer = forward(module, x)
        return answer.float() if torch.is_tensor(answer) else tuple(part.float() for part in answer)

    return run
