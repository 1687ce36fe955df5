"""PyTorch's values for the channel-wise kernels: depthwise convolution, pooling, prototype loss, optimisers.

    python test/reference/channel_reference.py

writes test/golden/channel.json (cases: settings, and for each array its first float and shape) and
test/golden/channel.bin (the floats, little-endian). Images are stored as the kernels take them: [H][W][C].
"""

import json
import pathlib

import torch
import torch.nn.functional as F

torch.manual_seed(1)
torch.set_num_threads(1)
OUT = pathlib.Path(__file__).parent.parent / "golden"
floats = []
cases = {"depthwise": [], "maxpool": [], "avgpool": [], "globalavgpool": [], "prototype": [], "optimizer": []}


def put(tensor):
    """Stores a tensor; returns its place."""
    flat = tensor.detach().to(torch.float32).reshape(-1).clone()
    at = sum(len(f) for f in floats)
    floats.append(flat)
    return {"at": at, "shape": list(tensor.shape)}


def hwc(t):
    """[1, C, H, W] as [H, W, C]."""
    return t[0].permute(1, 2, 0)


def geometry(h, w, c, kernel, stride, pad, activation=0, limit=0.0):
    return {
        "inH": h, "inW": w, "inC": c, "kernelH": kernel[0], "kernelW": kernel[1],
        "strideH": stride[0], "strideW": stride[1],
        "padTop": pad[0], "padLeft": pad[1], "padBottom": pad[2], "padRight": pad[3],
        "activation": activation, "limit": limit,
    }


def padded(x, pad, value=0.0):
    top, left, bottom, right = pad
    return F.pad(x, (left, right, top, bottom), value=value)


def activate(t, g):
    return t.clamp(0, g["limit"]) if g["activation"] else t


# height, width, channels, kernel, stride, padding (top, left, bottom, right), activation, limit
for shape in [
    (7, 9, 5, (3, 3), (1, 1), (1, 1, 1, 1)),
    (9, 8, 22, (5, 5), (2, 2), (1, 2, 2, 1), 1, 1.5),
    (8, 8, 19, (7, 7), (1, 1), (3, 3, 3, 3), 1, 6.0),
    (6, 7, 1, (3, 3), (2, 2), (0, 0, 1, 1)),
    (5, 11, 35, (3, 5), (2, 1), (1, 0, 1, 3), 1, 3.0),
    (10, 11, 6, (2, 4), (3, 2), (0, 1, 1, 2)),
    (4, 4, 8, (7, 7), (1, 1), (3, 3, 3, 3)),
]:
    g = geometry(*shape)
    c = g["inC"]
    x = torch.randn(1, c, g["inH"], g["inW"], requires_grad=True)
    w = torch.randn(c, 1, *shape[3], requires_grad=True)
    b = torch.randn(c)
    y = F.conv2d(padded(x, shape[5]), w, b, shape[4], groups=c)
    dy = torch.randn_like(y)
    y.backward(dy)
    cases["depthwise"].append({
        "geometry": g, "x": put(hwc(x)), "w": put(w[:, 0].permute(1, 2, 0)), "b": put(b),
        "out": put(hwc(activate(y, g))), "dy": put(hwc(dy)), "dx": put(hwc(x.grad)), "dw": put(w.grad[:, 0]),
    })

for shape in [
    (7, 9, 5, (3, 3), (2, 2), (1, 1, 1, 1)),
    (6, 6, 18, (2, 2), (2, 2), (0, 0, 0, 0), 1, 1.0),
    (8, 5, 7, (3, 2), (2, 1), (0, 1, 1, 0)),
]:
    g = geometry(*shape)
    # Rounded, so that windows hold equal maxima.
    x = (torch.randn(1, g["inC"], g["inH"], g["inW"]) * 2).round().requires_grad_()
    y = F.max_pool2d(padded(x, shape[5], float("-inf")), shape[3], shape[4])
    dy = torch.randn_like(y)
    y.backward(dy)
    cases["maxpool"].append({
        "geometry": g, "x": put(hwc(x)), "out": put(hwc(activate(y, g))), "dy": put(hwc(dy)), "dx": put(hwc(x.grad)),
    })

for shape in [
    (7, 9, 5, (3, 3), (2, 2), (1, 1, 1, 1)),
    (6, 6, 18, (2, 2), (2, 2), (0, 0, 0, 0), 1, 0.5),
    (8, 5, 7, (3, 2), (2, 1), (0, 1, 1, 0)),
]:
    for include_pad in [True, False]:
        g = geometry(*shape)
        x = torch.randn(1, g["inC"], g["inH"], g["inW"], requires_grad=True)
        inside = F.avg_pool2d(padded(torch.ones(1, 1, g["inH"], g["inW"]), shape[5]), shape[3], shape[4])
        y = F.avg_pool2d(padded(x, shape[5]), shape[3], shape[4]) / (1 if include_pad else inside)
        dy = torch.randn_like(y)
        y.backward(dy)
        cases["avgpool"].append({
            "geometry": g, "includePad": include_pad, "x": put(hwc(x)), "out": put(hwc(activate(y, g))),
            "dy": put(hwc(dy)), "dx": put(hwc(x.grad)),
        })

x = torch.randn(1, 21, 5, 7, requires_grad=True)
y = F.adaptive_avg_pool2d(x, 1)
dy = torch.randn_like(y)
y.backward(dy)
cases["globalavgpool"].append({
    "geometry": geometry(5, 7, 21, (5, 7), (1, 1), (0, 0, 0, 0)),
    "x": put(hwc(x)), "out": put(y.reshape(-1)), "dy": put(dy.reshape(-1)), "dx": put(hwc(x.grad)),
})

# The whole loss: prototypes are means of the support features, queries are scored by cosine.
for ways, shots, queries, features, temperature in [(5, 3, 7, 33, 10.0), (2, 1, 3, 8, 1.0), (1, 2, 2, 5, 10.0)]:
    support = torch.randn(ways, shots, features, requires_grad=True)
    query = (torch.randn(queries, features) * 3).requires_grad_()
    labels = torch.arange(queries) % ways
    prototypes = support.mean(1)
    prototypes.retain_grad()
    scores = F.cosine_similarity(query[:, None], prototypes[None], dim=-1)
    loss = F.cross_entropy(temperature * scores, labels)
    loss.backward()
    cases["prototype"].append({
        "ways": ways, "shots": shots, "temperature": temperature, "labels": labels.tolist(), "support": put(support),
        "query": put(query), "prototypes": put(prototypes), "scores": put(scores), "loss": loss.item(),
        "dQuery": put(query.grad), "dPrototypes": put(prototypes.grad), "dSupport": put(support.grad),
    })

STEPS = 6
for name, make in [
    ("sgd", lambda p: torch.optim.SGD(p, lr=0.1)),
    ("momentum", lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9)),
    ("adam", lambda p: torch.optim.Adam(p, lr=0.01)),
]:
    w = torch.randn(3, 7, requires_grad=True)
    before = put(w)
    optimizer = make([w])
    gradients = torch.randn(STEPS, 3, 7) * torch.logspace(-3, 2, STEPS)[:, None, None]
    after = []
    for gradient in gradients:
        w.grad = gradient.clone()
        optimizer.step()
        after.append(w.detach().clone())
    cases["optimizer"].append({
        "name": name, "lr": optimizer.param_groups[0]["lr"], "before": before, "gradients": put(gradients),
        "after": put(torch.stack(after)),
    })

OUT.mkdir(exist_ok=True)
(OUT / "channel.bin").write_bytes(torch.cat(floats).numpy().astype("<f4").tobytes())
(OUT / "channel.json").write_text(json.dumps({"torch": torch.__version__, "cases": cases}, indent=1) + "\n")
