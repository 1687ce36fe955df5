"""The backbones: inverted residual blocks, RGB in, a feature vector out.

Convolution, depthwise convolution, batch normalisation, ReLU6, addition, global average
pooling and one linear classifier; nothing else, so that a small inference engine runs it.
`NETWORKS` holds one description for each network that the package embeds.
"""

from dataclasses import dataclass
from itertools import groupby

import torch
from torch import nn


@dataclass(frozen=True)
class Network:
    """`size`: side of the input picture. `stem`: channels of the first convolution (3x3, stride 2).

    `blocks`: kernel, stride, expanded channels (0: no expansion), output channels.
    """

    size: int
    stem: int
    blocks: tuple

    @property
    def features(self):
        return self.blocks[-1][3]


NETWORKS = {
    # The layout of MCUNet-5fps (MIT HAN Lab).
    "default": Network(64, 16, (
        (3, 1, 0, 8),
        (3, 2, 32, 16),
        (3, 1, 48, 16),
        (7, 2, 48, 24),
        (3, 1, 120, 24),
        (3, 2, 120, 40),
        (7, 1, 160, 40),
        (5, 1, 160, 48),
        (3, 1, 144, 48),
        (3, 1, 192, 48),
        (7, 2, 240, 96),
        (5, 1, 384, 96),
        (5, 1, 384, 96),
        (3, 1, 576, 160),
    )),
    # Our own, for 256 KB of RAM with the weights in flash; README.md says why it looks like this.
    "small": Network(32, 16, (
        (3, 1, 0, 12),
        (3, 2, 40, 20),
        (3, 1, 80, 20),
        (3, 1, 80, 20),
        (3, 2, 80, 32),
        (3, 1, 128, 32),
        (3, 1, 160, 48),
        (3, 1, 144, 48),
        (3, 1, 144, 96),
    )),
}


class ConvBN(nn.Module):
    """Convolution without bias, batch normalisation, and ReLU6 unless `linear`."""

    def __init__(self, inputs, outputs, kernel=1, stride=1, groups=1, linear=False):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, (kernel - 1) // 2, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(outputs)
        self.linear = linear

    def forward(self, x):
        x = self.bn(self.conv(x))
        return x if self.linear else nn.functional.relu6(x, inplace=True)

    def folded(self):
        """Weight and bias with the batch normalisation folded in (float64 arithmetic)."""
        bn = self.bn
        scale = bn.weight.double() / (bn.running_var.double() + bn.eps).sqrt()
        weight = self.conv.weight.double() * scale.view(-1, 1, 1, 1)
        bias = bn.bias.double() - bn.running_mean.double() * scale
        return weight.detach().float(), bias.detach().float()


class Block(nn.Module):
    """Expansion `pw1`, depthwise `dw`, projection `pw2`; a residual addition where shapes allow."""

    def __init__(self, inputs, kernel, stride, expanded, outputs):
        super().__init__()
        self.pw1 = ConvBN(inputs, expanded) if expanded else None
        hidden = expanded or inputs
        self.dw = ConvBN(hidden, hidden, kernel, stride, groups=hidden)
        self.pw2 = ConvBN(hidden, outputs, linear=True)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x):
        y = x if self.pw1 is None else self.pw1(x)
        y = self.pw2(self.dw(y))
        return x + y if self.residual else y


class Backbone(nn.Module):
    """`features(x)` is the vector that prototypes are made of; `forward(x)` the logits."""

    def __init__(self, name, classes):
        super().__init__()
        self.name = name
        self.network = NETWORKS[name]
        self.first_conv = ConvBN(3, self.network.stem, 3, 2)
        channels, stages = self.network.stem, []
        for kernel, stride, expanded, outputs in self.network.blocks:
            stages.append(Block(channels, kernel, stride, expanded, outputs))
            channels = outputs
        self.blocks = nn.Sequential(*stages)
        self.classifier = nn.Linear(channels, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")
        nn.init.normal_(self.classifier.weight, std=0.01)
        nn.init.zeros_(self.classifier.bias)

    def features(self, x):
        return self.blocks(self.first_conv(x)).mean((2, 3))

    def forward(self, x):
        return self.classifier(self.features(x))

    def convolutions(self):
        """(name, ConvBN) in the order of execution; the names are those of the ONNX nodes."""
        yield "first_conv", self.first_conv
        for i, block in enumerate(self.blocks):
            for part in ("pw1", "dw", "pw2"):
                if getattr(block, part) is not None:
                    yield f"b{i}.{part}", getattr(block, part)


def load(path):
    """The averaged network of a checkpoint, ready for inference, and its classes."""
    saved = torch.load(path, weights_only=False, map_location="cpu")
    # Checkpoints from before there were several networks name none.
    model = Backbone(saved.get("network", "default"), len(saved["classes"]))
    model.load_state_dict(saved["averaged"])
    return model.eval(), saved["classes"]


def outputs(model):
    """(name, layer, side of its input, side of its output) for each convolution."""
    side = model.network.size
    for name, layer in model.convolutions():
        conv = layer.conv
        before = side
        side = (side + 2 * conv.padding[0] - conv.kernel_size[0]) // conv.stride[0] + 1
        yield name, layer, before, side


def cost(model):
    """(parameters with folded batch normalisation, multiply-accumulates), without the classifier."""
    parameters = macs = 0
    for _, layer, _, side in outputs(model):
        parameters += layer.conv.weight.numel() + layer.conv.out_channels
        macs += layer.conv.weight.numel() * side * side
    return parameters, macs


def peak(model):
    """Most bytes of float32 activations alive at once in inference: input and output of the layer that runs, and
    what the addition at the end of its block needs."""
    most = 0
    for name, layers in groupby(outputs(model), lambda row: row[0].partition(".")[0]):
        block = None if name == "first_conv" else model.blocks[int(name[1:])]
        source = 0
        for _, layer, before, side in layers:
            inputs = layer.conv.in_channels * before * before
            most = max(most, inputs + layer.conv.out_channels * side * side + source)
            if block is not None and block.residual:
                source = source or inputs
    return 4 * most


if __name__ == "__main__":
    for name, network in NETWORKS.items():
        model = Backbone(name, 1)
        parameters, macs = cost(model)
        print(f"{name}: {network.size}x{network.size}, {network.features} features, {parameters} parameters, "
              f"{macs} MACs, {peak(model)} bytes of activations at most in inference")
