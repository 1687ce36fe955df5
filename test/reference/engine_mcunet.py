"""Layer figures of a real network on a real support set; run by engine_reference.py --mcunet.

The network is MCUNet (models/mcunet-5fps.onnx of TINYTRAIN_DATA), the samples are 5 images each of 5 traffic signs, resized
by Pillow as src/image.ts does. Stored are the names of the files, features' norms, the loss, and for every layer Fisher
potential, score and the norm of the gradient of its weights and bias, through the prototypes.
"""

import io
import json
import pathlib
import random
import zipfile

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import numpy_helper
from PIL import Image

from engine_reference import GOLDEN, fisher, loss_of, prototypes_of

MODEL = "models/mcunet-5fps.onnx"
DATA = "data/gtsrb.zip"
SEED = 3
WAYS, SHOTS = 5, 5


def support_set(path):
    """Names of the files, and their labels."""
    rng = random.Random(SEED)
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        classes = sorted({name.split("/")[0] for name in names})
        chosen = rng.sample(classes, WAYS)
        files = [f for c in chosen for f in rng.sample(sorted(n for n in names if n.startswith(c + "/")), SHOTS)]
        images = [Image.open(io.BytesIO(archive.read(f))).convert("RGB").resize((128, 128), Image.BILINEAR) for f in files]
    pixels = torch.tensor(np.stack([np.asarray(image) for image in images]), dtype=torch.float64)
    labels = torch.tensor([k for k in range(WAYS) for _ in range(SHOTS)])
    return files, pixels.permute(0, 3, 1, 2) / 127.5 - 1, labels


def forward(graph, parameters, images):
    """Every tensor up to the features, by name; and for each layer the tensor after its activation."""
    tensors = {"input": images, **parameters}
    layers = []
    for node in graph.node:
        a = {x.name: onnx.helper.get_attribute_value(x) for x in node.attribute}
        x = tensors[node.input[0]]
        if node.op_type == "Conv":
            top, left, bottom, right = a["pads"]
            w, b = tensors[node.input[1]], tensors[node.input[2]]
            y = F.conv2d(F.pad(x, (left, right, top, bottom)), w, b, a["strides"], groups=a["group"])
            layers.append({"weights": node.input[1:3], "pre": node.output[0], "out": node.output[0], "macs": w.numel() * y.shape[2] * y.shape[3]})
        elif node.op_type == "Clip":
            y = x.clamp(tensors[node.input[1]].item(), tensors[node.input[2]].item())
            for layer in layers:
                if layer["pre"] == node.input[0]:
                    layer["out"] = node.output[0]
        elif node.op_type == "Add":
            y = x + tensors[node.input[1]]
        elif node.op_type == "GlobalAveragePool":
            y = x.mean((2, 3), keepdim=True)
        elif node.op_type == "Flatten":
            y = x.flatten(1)
        else:
            break
        tensors[node.output[0]] = y
    return tensors, layers


def write_mcunet(folder):
    folder = pathlib.Path(folder)
    graph = onnx.load(folder / MODEL).graph
    parameters = {
        t.name: torch.tensor(numpy_helper.to_array(t), dtype=torch.float64).requires_grad_() for t in graph.initializer
    }
    files, images, labels = support_set(folder / DATA)
    tensors, layers = forward(graph, parameters, images)
    features = tensors["features"]
    values = [tensors[layer["out"]] for layer in layers] + [features]
    sizes = [sum(parameters[name].numel() for name in layer["weights"]) for layer in layers]
    loss = loss_of(features, prototypes_of(features, labels), labels).mean()
    names = [name for layer in layers for name in layer["weights"]]
    gradients = torch.autograd.grad(loss, [parameters[name] for name in names], retain_graph=True)
    norms = [float((w.square().sum() + b.square().sum()).sqrt()) for w, b in zip(gradients[::2], gradients[1::2])]
    _, potentials, scores = fisher(values, range(len(layers)), labels, sizes, [layer["macs"] for layer in layers])
    table = {
        "torch": torch.__version__, "model": MODEL, "data": DATA, "files": files, "loss": loss.item(),
        "features": [float(f.norm()) for f in features.detach()], "fisher": potentials, "score": scores, "gradient": norms,
    }
    (GOLDEN / "engine_mcunet.json").write_text(json.dumps(table) + "\n")
