"""Values and gradients of dense layers by PyTorch, for the tests of the kernels (test/kernels/golden.ts).

    python test/reference/conv_reference.py        writes test/golden/conv.json and test/golden/conv.bin

conv.bin holds little-endian float32 arrays one after another; conv.json says for each case the layer, its geometry,
and where each array begins and how long it is, in floats. All arrays are in the layouts of the kernels: images NHWC,
weights [O][kH][kW][I]. The loss is sum(out * r), so that r is its gradient with respect to out; fisher is
(sum over positions of out * r)^2 for each output channel.
"""

import json
import pathlib

import numpy as np
import torch
import torch.nn.functional as F

GOLDEN = pathlib.Path(__file__).parent.parent / "golden"

# layer, input height, width, channels, output channels, kernel, stride, padding (top, left, bottom, right), limit of the
# ReLU or None
CASES = [
    ("pointwise", 5, 7, 13, 18, (1, 1), (1, 1), (0, 0, 0, 0), 6.0),
    ("pointwise", 4, 4, 24, 16, (1, 1), (1, 1), (0, 0, 0, 0), None),
    ("pointwise", 3, 3, 1, 1, (1, 1), (1, 1), (0, 0, 0, 0), float("inf")),
    ("pointwise", 1, 1, 11, 7, (1, 1), (1, 1), (0, 0, 0, 0), 6.0),
    ("conv2d", 9, 11, 3, 8, (3, 3), (2, 2), (1, 1, 1, 1), 6.0),
    ("conv2d", 8, 10, 3, 7, (3, 3), (2, 2), (0, 0, 1, 1), 1.5),
    ("conv2d", 7, 5, 6, 5, (3, 3), (1, 1), (1, 1, 1, 1), float("inf")),
    ("conv2d", 9, 8, 1, 1, (5, 5), (2, 1), (2, 1, 0, 3), None),
    ("conv2d", 6, 9, 4, 11, (2, 4), (1, 3), (0, 2, 1, 1), 6.0),
    ("conv2d", 6, 7, 10, 3, (1, 1), (2, 2), (0, 0, 0, 0), None),
    ("conv2d", 4, 3, 70, 4, (3, 3), (1, 1), (1, 1, 1, 1), 6.0),
    ("linear", 1, 1, 45, 10, (1, 1), (1, 1), (0, 0, 0, 0), None),
    ("linear", 3, 2, 5, 6, (1, 1), (1, 1), (0, 0, 0, 0), 1.0),
]


def nhwc(t: torch.Tensor) -> torch.Tensor:
    """One image, or weights, from PyTorch's order of axes to the kernels'."""
    return t.movedim(-3, -1)


def run(layer, height, width, in_c, out_c, kernel, stride, padding, limit, generator):
    def random(*shape):
        return (torch.rand(*shape, generator=generator) * 2 - 1).requires_grad_()

    x = random(in_c, height, width)
    b = random(out_c)
    if layer == "linear":
        w = random(out_c, in_c, height, width)
        out = torch.einsum("ochw,chw->o", w, x) + b
        out = out[:, None, None]
    else:
        w = random(out_c, in_c, *kernel)
        top, left, bottom, right = padding
        out = F.conv2d(F.pad(x, (left, right, top, bottom))[None], w, b, stride)[0]
    if limit is not None:
        out = out.clamp(0, limit) if limit != float("inf") else out.relu()
    r = random(*out.shape).detach()
    dx, dw, db = torch.autograd.grad((out * r).sum(), (x, w, b))
    fisher = (out * r).sum((1, 2)) ** 2
    geometry = {
        "inH": height, "inW": width, "inC": in_c, "outH": out.shape[1], "outW": out.shape[2], "outC": out_c,
        "kernelH": kernel[0], "kernelW": kernel[1], "strideH": stride[0], "strideW": stride[1],
        "padTop": padding[0], "padLeft": padding[1], "padBottom": padding[2], "padRight": padding[3],
        "activation": int(limit is not None), "limit": 1e30 if limit in (None, float("inf")) else limit,
    }
    arrays = {
        "x": nhwc(x), "w": nhwc(w), "b": b, "r": nhwc(r), "out": nhwc(out),
        "dx": nhwc(dx), "dw": nhwc(dw), "db": db, "fisher": fisher,
    }
    return geometry, arrays


def main():
    generator = torch.Generator().manual_seed(7)
    cases, data = [], []
    at = 0
    for case in CASES:
        geometry, arrays = run(*case, generator)
        places = {}
        for name, tensor in arrays.items():
            values = tensor.detach().contiguous().numpy().astype("<f4").ravel()
            places[name] = [at, values.size]
            data.append(values)
            at += values.size
        cases.append({"layer": case[0], "geometry": geometry, "arrays": places})
    GOLDEN.mkdir(exist_ok=True)
    np.concatenate(data).tofile(GOLDEN / "conv.bin")
    table = {"torch": torch.__version__, "cases": cases}
    (GOLDEN / "conv.json").write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()
