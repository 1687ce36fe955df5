"""The backbone: MCUNet-like inverted residual blocks, 64x64 RGB in, 160 features out.

Convolution, depthwise convolution, batch normalisation, ReLU6, addition, global average
pooling and one linear classifier; nothing else, so that a small inference engine runs it.
The layout of the blocks is that of MCUNet-5fps (MIT HAN Lab).
"""

import torch
from torch import nn

# kernel, stride, expanded channels (0: no expansion), output channels
BLOCKS = [
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
]
STEM = 16
FEATURES = BLOCKS[-1][3]


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

    def __init__(self, classes, blocks=BLOCKS):
        super().__init__()
        self.first_conv = ConvBN(3, STEM, 3, 2)
        channels, stages = STEM, []
        for kernel, stride, expanded, outputs in blocks:
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


def cost(model, size=64):
    """(parameters with folded batch normalisation, multiply-accumulates), without the classifier."""
    parameters = macs = 0
    side = size
    for _, layer in model.convolutions():
        conv = layer.conv
        side = (side + 2 * conv.padding[0] - conv.kernel_size[0]) // conv.stride[0] + 1
        parameters += conv.weight.numel() + conv.out_channels
        macs += conv.weight.numel() * side * side
    return parameters, macs


if __name__ == "__main__":
    print("%d parameters, %d MACs" % cost(Backbone(1)))
