"""A network of network.json and weights.bin (network.mjs) as a PyTorch module."""

import json
import os

import numpy as np
import torch
import torch.nn.functional as F


def read(folder):
    """What network.json says, and the pictures: [n][channels][height][width]."""
    with open(os.path.join(folder, "network.json")) as file:
        network = json.load(file)
    network["values"] = np.fromfile(os.path.join(folder, "weights.bin"), dtype=np.float32)
    pictures = np.fromfile(os.path.join(folder, "pictures.bin"), dtype=np.float32)
    return network, torch.from_numpy(pictures.reshape(-1, *network["input"]).transpose(0, 3, 1, 2).copy())


def weights_of(o, values):
    """The weights as PyTorch has them: [out][in][height][width], depthwise [channels][1][height][width]."""
    at, count = o["weights"]
    w = values[at : at + count]
    (kh, kw), in_c, out_c = o["kernel"], o["in"][2], o["out"][2]
    if o["op"] == "linear":
        w = w.reshape(out_c, in_c)
    elif o["op"] == "depthwise":
        w = w.reshape(kh, kw, in_c).transpose(2, 0, 1).reshape(in_c, 1, kh, kw)
    else:
        w = w.reshape(out_c, kh, kw, in_c).transpose(0, 3, 1, 2)
    return torch.from_numpy(w.copy())


class Network(torch.nn.Module):
    """The network; its layers from operator `trained` on have gradients."""

    def __init__(self, network, trained, memory_format):
        super().__init__()
        self.operators, values = network["operators"], network["values"]
        self.weights = torch.nn.ParameterList()
        self.biases = torch.nn.ParameterList()
        self.layer = {}
        for i, o in enumerate(self.operators):
            if o["weights"] is None:
                continue
            w, (at, count) = weights_of(o, values), o["bias"]
            if w.dim() == 4:
                w = w.contiguous(memory_format=memory_format)
            self.layer[i] = len(self.weights)
            self.weights.append(torch.nn.Parameter(w, requires_grad=i >= trained))
            self.biases.append(
                torch.nn.Parameter(torch.from_numpy(values[at : at + count].copy()), requires_grad=i >= trained)
            )

    def forward(self, x):
        kept = [x]
        for i, o in enumerate(self.operators):
            x = kept[o["input"]]
            if o["op"] == "addition":
                x = x + kept[o["second"]]
            elif o["op"] == "globalAveragePooling":
                x = x.mean((2, 3), keepdim=True)
            else:
                w, b = self.weights[self.layer[i]], self.biases[self.layer[i]]
                if o["op"] == "linear":
                    x = F.linear(x.flatten(1), w, b)
                else:
                    groups = o["in"][2] if o["op"] == "depthwise" else 1
                    top, left, bottom, right = o["padding"]
                    if (top, left) != (bottom, right):
                        x, top, left = F.pad(x, (left, right, top, bottom)), 0, 0
                    x = F.conv2d(x, w, b, stride=o["stride"], padding=(top, left), groups=groups)
            if o["limit"] is not None:
                # In place: nothing else reads the sum before it.
                x = F.hardtanh(x, 0.0, o["limit"], inplace=True)
            kept.append(x)
        return x


FORMATS = {"contiguous": torch.contiguous_format, "channels last": torch.channels_last}
