"""What the engine must compute, by PyTorch's autograd in double precision (test/engine/golden.ts).

    python test/reference/engine_reference.py      writes test/golden/engine.json and test/golden/engine.bin
    TINYTRAIN_DATA=DIR python test/reference/engine_reference.py --mcunet
                                                   writes test/golden/engine_mcunet.json

engine.bin holds little-endian float32 arrays one after another; engine.json says where each begins and how long it is,
in floats. Images are NHWC and weights as in a .ttm file. For two small networks and a support set of three classes, with
the support samples themselves as pseudo-queries, it holds:

  features     of every sample
  delta        Fisher information of every channel of every layer (equation 1 of the paper), the potential P of
               every layer (2) and its score s (3)
  runs         loss of each iteration, exact through the prototypes (4), and the values of what is trained after one and
               after five iterations, in the order of a patch, for some optimisers and selections
"""

import json
import os
import pathlib
import sys

import numpy as np
import torch
import torch.nn.functional as F

GOLDEN = pathlib.Path(__file__).parent.parent / "golden"
INF = float("inf")
TEMPERATURE = 10.0
ITERATIONS = 5
LR = {
    "mobile": {"sgd": 0.02, "momentum": 0.01, "adam": 0.003},
    "residual": {"sgd": 0.5, "momentum": 0.3, "adam": 0.003},
}
LABELS = [0, 1, 0, 2, 2, 1, 2, 0]

# name, operator, value that is the input (an addition: two), output channels, kernel, stride,
# padding (top, left, bottom, right), limit of the ReLU or None; an average pooling's last field: divides by the whole window
MOBILE = {
    "name": "mobile",
    "input": (13, 11, 3),
    "operators": [
        ("stem", "convolution", 0, 8, (3, 3), (2, 2), (1, 1, 1, 1), 6.0),
        ("stem.depthwise", "depthwise", 1, 8, (3, 3), (1, 1), (1, 1, 1, 1), 6.0),
        ("stem.project", "convolution", 2, 6, (1, 1), (1, 1), (0, 0, 0, 0), None),
        ("block.expand", "convolution", 3, 11, (1, 1), (1, 1), (0, 0, 0, 0), 6.0),
        ("block.depthwise", "depthwise", 4, 11, (3, 3), (1, 1), (1, 1, 1, 1), 6.0),
        ("block.project", "convolution", 5, 6, (1, 1), (1, 1), (0, 0, 0, 0), None),
        ("block.sum", "addition", (3, 6), 6, (1, 1), (1, 1), (0, 0, 0, 0), INF),
        ("down.expand", "convolution", 7, 9, (1, 1), (1, 1), (0, 0, 0, 0), INF),
        ("down.depthwise", "depthwise", 8, 9, (5, 5), (2, 2), (2, 1, 2, 3), 6.0),
        ("down.max", "maxPooling", 9, 9, (3, 2), (1, 1), (1, 0, 1, 1), None),
        ("down.average", "averagePooling", 10, 9, (2, 3), (1, 2), (0, 1, 1, 0), None, False),
        ("tail", "convolution", 11, 10, (2, 2), (1, 1), (0, 0, 0, 1), INF),
        ("out", "linear", 12, 7, (1, 1), (1, 1), (0, 0, 0, 0), None),
    ],
}
RESIDUAL = {
    "name": "residual",
    "input": (9, 10, 2),
    "operators": [
        ("stem", "convolution", 0, 5, (3, 4), (1, 2), (0, 2, 2, 1), INF),
        ("a.first", "convolution", 1, 5, (3, 3), (1, 1), (1, 1, 1, 1), 6.0),
        ("a.second", "convolution", 2, 5, (3, 3), (1, 1), (1, 1, 1, 1), None),
        ("a.sum", "addition", (3, 1), 5, (1, 1), (1, 1), (0, 0, 0, 0), 6.0),
        ("pool", "averagePooling", 4, 5, (3, 3), (2, 1), (1, 1, 1, 1), INF, True),
        ("b.depthwise", "depthwise", 5, 5, (3, 3), (1, 1), (1, 1, 1, 1), None),
        ("b.sum", "addition", (5, 6), 5, (1, 1), (1, 1), (0, 0, 0, 0), None),
        ("b.sum2", "addition", (7, 6), 5, (1, 1), (1, 1), (0, 0, 0, 0), INF),
        ("max", "maxPooling", 8, 5, (2, 2), (2, 2), (0, 1, 0, 1), None),
        ("wide", "convolution", 9, 8, (1, 1), (1, 1), (0, 0, 0, 0), INF),
        ("mean", "globalAveragePooling", 10, 8, None, (1, 1), (0, 0, 0, 0), None),
    ],
}

# What is trained: every layer, the biases, or a list of channels.
SELECTIONS = {
    "mobile": {
        "everything": "all",
        "biases": "bias",
        "channels": {
            "stem": [1, 2, 6],
            "stem.depthwise": [0, 7],
            "block.expand": "bias",
            "block.depthwise": [2, 3, 4, 5, 9, 10],
            "block.project": [4],
            "down.depthwise": "all",
            "tail": [0, 3, 4, 8, 9],
            "out": [2, 5],
        },
        "late": {"down.expand": [0, 1, 2, 5, 8], "out": "all"},
    },
    "residual": {
        "everything": "all",
        "channels": {"a.second": [0, 4], "b.depthwise": [1, 3], "wide": [2, 3, 7]},
    },
}
OPTIMIZERS = {"everything": ["sgd", "momentum", "adam"], "biases": ["sgd", "adam"], "channels": ["momentum", "adam"], "late": ["sgd"]}


def shapes(network):
    """The operators with the sizes of their inputs and outputs filled in."""
    sizes = [network["input"]]
    result = []
    for name, op, inputs, channels, kernel, stride, padding, limit, *whole in network["operators"]:
        first, second = inputs if isinstance(inputs, tuple) else (inputs, None)
        h, w, c = sizes[first]
        kernel = kernel or (h, w)
        top, left, bottom, right = padding
        out = ((h + top + bottom - kernel[0]) // stride[0] + 1, (w + left + right - kernel[1]) // stride[1] + 1, channels)
        if op == "linear":
            out = (1, 1, channels)
        sizes.append(out)
        result.append({
            "name": name, "op": op, "input": first, "second": second, "in": (h, w, c), "out": out, "kernel": kernel,
            "stride": stride, "padding": padding, "limit": limit, "wholeWindow": bool(whole and whole[0]),
        })
    return result


def weight_shape(operator):
    c, (kh, kw), o = operator["in"][2], operator["kernel"], operator["out"][2]
    h, w, _ = operator["in"]
    return {"convolution": (o, kh, kw, c), "depthwise": (kh, kw, c), "linear": (o, h, w, c)}.get(operator["op"])


def forward(operators, weights, images):
    """All values of a batch, channels first; what a layer gives is its output after the activation."""
    values = [images]
    for i, operator in enumerate(operators):
        x = values[operator["input"]]
        top, left, bottom, right = operator["padding"]
        op, stride = operator["op"], operator["stride"]
        padded = lambda fill: F.pad(x, (left, right, top, bottom), value=fill)
        if op == "convolution":
            y = F.conv2d(padded(0.0), weights[i][0].permute(0, 3, 1, 2), weights[i][1], stride)
        elif op == "depthwise":
            kernel = weights[i][0].permute(2, 0, 1)[:, None]
            y = F.conv2d(padded(0.0), kernel, weights[i][1], stride, groups=x.shape[1])
        elif op == "linear":
            y = torch.einsum("ohwc,nchw->no", weights[i][0], x) + weights[i][1]
            y = y[:, :, None, None]
        elif op == "addition":
            y = x + values[operator["second"]]
        elif op == "maxPooling":
            y = F.max_pool2d(padded(-INF), operator["kernel"], stride)
        else:
            kernel = torch.ones(1, 1, *operator["kernel"], dtype=x.dtype)
            taps = padded(0.0) if operator["wholeWindow"] else x
            total = F.conv2d(padded(0.0), kernel.expand(x.shape[1], 1, *operator["kernel"]), None, stride, groups=x.shape[1])
            inside = F.conv2d(F.pad(torch.ones_like(x[:1, :1]), (left, right, top, bottom)), kernel, None, stride)
            y = total / (kernel.sum() if operator["wholeWindow"] else inside)
        if operator["limit"] is not None:
            y = y.relu() if operator["limit"] == INF else y.clamp(0, operator["limit"])
        values.append(y)
    return values


def loss_of(features, prototypes, labels):
    """Cross-entropy of every sample over the cosines with the prototypes."""
    cosines = F.normalize(features, dim=1) @ F.normalize(prototypes, dim=1).T
    return F.cross_entropy(TEMPERATURE * cosines, labels, reduction="none")


def prototypes_of(features, labels):
    return torch.stack([features[labels == k].mean(0) for k in range(int(labels.max()) + 1)])


def fisher(values, layers, labels, parameters, macs):
    """Δ, P and s of the layers, whose outputs are values[layers]."""
    features = values[-1].flatten(1)
    prototypes = prototypes_of(features, labels).detach()
    gradients = torch.autograd.grad(loss_of(features, prototypes, labels).sum(), [values[v] for v in layers])
    deltas = [
        ((values[v] * g).sum((2, 3)) ** 2).sum(0).detach() / (2 * len(labels)) for v, g in zip(layers, gradients)
    ]
    potentials = [float(d.sum()) for d in deltas]
    scores = [p / ((w / max(parameters)) * (m / max(macs))) for p, w, m in zip(potentials, parameters, macs)]
    return deltas, potentials, scores


class Trained:
    """What a selection trains of a layer: the listed channels of the bias and perhaps of the weights."""

    def __init__(self, operator, weight, bias, choice):
        self.weight, self.bias = weight, bias
        self.depthwise = operator["op"] == "depthwise"
        every = list(range(operator["out"][2]))
        self.channels = every if choice in ("all", "bias") else choice
        self.parts = [bias] if choice == "bias" else [bias, weight]

    def rows(self, tensor):
        """The listed channels of a tensor or of its gradient, channels first."""
        if tensor.dim() == 1:
            return tensor[self.channels]
        return (tensor.permute(2, 0, 1) if self.depthwise else tensor)[self.channels]

    def step(self, tensor, change):
        with torch.no_grad():
            view = tensor.permute(2, 0, 1) if self.depthwise and tensor.dim() > 1 else tensor
            view[self.channels] -= change


def train(operators, weights, images, labels, selection, optimizer, lr):
    """Losses, and the values of what is trained after one and after all iterations, in the order of a patch."""
    weights = {i: [t.clone().requires_grad_() for t in pair] for i, pair in weights.items()}
    trained = []
    for i, pair in weights.items():
        choice = selection if isinstance(selection, str) else selection.get(operators[i]["name"])
        if choice is not None:
            trained.append(Trained(operators[i], *pair, choice))
    state = {}
    losses, snapshots = [], []
    for t in range(1, ITERATIONS + 1):
        features = forward(operators, weights, images)[-1].flatten(1)
        loss = loss_of(features, prototypes_of(features, labels), labels).mean()
        losses.append(loss.item())
        tensors = [tensor for layer in trained for tensor in layer.parts]
        gradients = iter(torch.autograd.grad(loss, tensors))
        for layer in trained:
            for tensor in layer.parts:
                g = layer.rows(next(gradients))
                m, v = state.get(id(tensor), (torch.zeros_like(g), torch.zeros_like(g)))
                if optimizer == "sgd":
                    change = lr * g
                elif optimizer == "momentum":
                    m = 0.9 * m + g
                    change = lr * m
                else:
                    m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
                    change = lr * (m / (1 - 0.9**t)) / ((v / (1 - 0.999**t)).sqrt() + 1e-8)
                state[id(tensor)] = (m, v)
                layer.step(tensor, change)
        if t in (1, ITERATIONS):
            snapshots.append(torch.cat([layer.rows(p).detach().flatten() for layer in trained for p in layer.parts]))
    return losses, snapshots


class File:
    """Arrays one after another, and where each lies."""

    def __init__(self):
        self.data, self.at = [], 0

    def put(self, tensor):
        values = tensor.detach().contiguous().numpy().astype("<f4").ravel()
        self.data.append(values)
        self.at += values.size
        return [self.at - values.size, values.size]


def random_weights(operators, generator):
    """Weights that keep the values at a scale of a few units, so that activations meet both of their limits."""
    weights = {}
    for i, operator in enumerate(operators):
        shape = weight_shape(operator)
        if shape is None:
            continue
        fan = np.prod(shape) / operator["out"][2]
        scale = 3.0 / fan**0.5
        w = (torch.rand(shape, generator=generator) * 2 - 1) * scale
        b = torch.rand(operator["out"][2], generator=generator) * 1.5 - 0.25
        weights[i] = [w.double(), b.double()]
    return weights


def small(network, file, generator):
    operators = shapes(network)
    weights = random_weights(operators, generator)
    h, w, c = network["input"]
    labels = torch.tensor(LABELS)
    # Samples of a class share a pattern, so that there is something to learn, and noise.
    patterns = torch.rand(3, h, w, c, generator=generator) * 2 - 1
    noise = torch.rand(len(LABELS), h, w, c, generator=generator) * 2 - 1
    images = (0.4 * patterns[labels] + noise).float()
    inputs = images.double().permute(0, 3, 1, 2)

    layers = list(weights)
    live = {i: [t.clone().requires_grad_() for t in pair] for i, pair in weights.items()}
    values = forward(operators, live, inputs)
    parameters = [sum(t.numel() for t in weights[i]) for i in layers]
    macs = [weights[i][0].numel() * operators[i]["out"][0] * operators[i]["out"][1] for i in layers]
    deltas, potentials, scores = fisher(values, [i + 1 for i in layers], labels, parameters, macs)
    runs = []
    for name, selection in SELECTIONS[network["name"]].items():
        for optimizer in OPTIMIZERS[name]:
            lr = LR[network["name"]][optimizer]
            losses, snapshots = train(operators, weights, inputs, labels, selection, optimizer, lr)
            named = selection if isinstance(selection, dict) else {operators[i]["name"]: selection for i in layers}
            first, last = (file.put(s) for s in snapshots)
            runs.append({
                "title": f"{name}, {optimizer}", "selection": named, "optimizer": optimizer, "lr": lr,
                "loss": losses, "first": first, "last": last,
            })
    for i, operator in enumerate(operators):
        operator["limit"] = "Infinity" if operator["limit"] == INF else operator["limit"]
        operator["weights"] = file.put(weights[i][0]) if i in weights else None
        operator["bias"] = file.put(weights[i][1]) if i in weights else None
    return {
        "name": network["name"], "input": network["input"], "operators": operators, "labels": LABELS,
        "images": file.put(images), "features": file.put(values[-1].flatten(1)),
        "delta": [file.put(d) for d in deltas], "fisher": potentials, "score": scores, "runs": runs,
    }


def write_small():
    generator = torch.Generator().manual_seed(11)
    file = File()
    networks = [small(network, file, generator) for network in (MOBILE, RESIDUAL)]
    GOLDEN.mkdir(exist_ok=True)
    np.concatenate(file.data).tofile(GOLDEN / "engine.bin")
    table = {"torch": torch.__version__, "temperature": TEMPERATURE, "networks": networks}
    (GOLDEN / "engine.json").write_text(json.dumps(table) + "\n")


if __name__ == "__main__":
    if "--mcunet" in sys.argv:
        from engine_mcunet import write_mcunet

        write_mcunet(os.environ["TINYTRAIN_DATA"])
    else:
        write_small()
