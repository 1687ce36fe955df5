"""Write a checkpoint as ONNX, with golden inputs and features.

    python export.py --checkpoint RUN/best.pt --image IMAGE.png --out default

writes default.onnx, default.golden.json and default.golden.bin. Batch normalisation is folded
into the convolutions. Nodes are named `first_conv`, `bI.pw1`, `bI.dw`, `bI.pw2`, `bI.add` and
`classifier`; weights NODE.weight and NODE.bias; tensors NODE.out, and NODE.pre before ReLU6. The
feature vector is the tensor `features`.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from model import cost, load


def build(model):
    """The model as an ONNX graph of Conv, Clip, Add, GlobalAveragePool, Flatten and Gemm."""
    nodes, tensors = [], []
    side = model.network.size

    def constant(name, value):
        tensors.append(numpy_helper.from_array(np.ascontiguousarray(value, np.float32), name))
        return name

    clip = [constant("clip_min", np.float32(0)), constant("clip_max", np.float32(6))]

    def conv(name, layer, source):
        weight, bias = layer.folded()
        c = layer.conv
        target = f"{name}.out" if layer.linear else f"{name}.pre"
        nodes.append(helper.make_node(
            "Conv", [source, constant(f"{name}.weight", weight.numpy()), constant(f"{name}.bias", bias.numpy())],
            [target], name=name, kernel_shape=list(c.kernel_size), strides=list(c.stride),
            pads=list(c.padding) * 2, dilations=[1, 1], group=c.groups))
        if not layer.linear:
            nodes.append(helper.make_node("Clip", [target, *clip], [f"{name}.out"], name=f"{name}.clip"))
        return f"{name}.out"

    layers = dict(model.convolutions())
    x = conv("first_conv", layers["first_conv"], "input")
    for i, block in enumerate(model.blocks):
        y = x
        for part in ("pw1", "dw", "pw2"):
            if f"b{i}.{part}" in layers:
                y = conv(f"b{i}.{part}", layers[f"b{i}.{part}"], y)
        if block.residual:
            nodes.append(helper.make_node("Add", [x, y], [f"b{i}.add.out"], name=f"b{i}.add"))
            y = f"b{i}.add.out"
        x = y
    nodes.append(helper.make_node("GlobalAveragePool", [x], ["gap.out"], name="gap"))
    nodes.append(helper.make_node("Flatten", ["gap.out"], ["features"], name="flatten", axis=1))
    linear = model.classifier
    nodes.append(helper.make_node(
        "Gemm", ["features", constant("classifier.weight", linear.weight.detach().numpy()),
                 constant("classifier.bias", linear.bias.detach().numpy())],
        ["logits"], name="classifier", transB=1))
    graph = helper.make_graph(
        nodes, f"tinytrain-{model.name}",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", 3, side, side])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", linear.out_features])],
        tensors)
    result = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7,
                               producer_name="tinytrain")
    onnx.checker.check_model(result, full_check=True)
    return result


def picture(path, side):
    """An image file as float32 [3, side, side], p / 127.5 - 1."""
    image = Image.open(path).convert("RGB").resize((side, side), Image.BILINEAR)
    return np.asarray(image, np.float32).transpose(2, 0, 1) / np.float32(127.5) - np.float32(1)


def pattern(side):
    """A picture without an owner: a coloured gradient with rings and a slanted edge."""
    y, x = np.mgrid[0:side, 0:side] / (side - 1) * 2 - 1
    radius = np.hypot(x - 0.2, y + 0.1)
    rings = np.round(127.5 + 127.5 * np.sin(14 * radius))
    pixels = np.stack([np.round(127.5 + 127.5 * x), rings, np.where(x + 2 * y > 0.3, 220, 40)])
    return (pixels / 127.5 - 1).astype(np.float32)


def golden(stem, model, inputs):
    """Inputs, features and logits (float64 arithmetic on the folded float32 weights) beside the ONNX file."""
    with torch.no_grad():
        x = torch.from_numpy(inputs).double()
        layers = dict(model.convolutions())

        def conv(name, x):
            layer = layers[name]
            weight, bias = (t.double() for t in layer.folded())
            c = layer.conv
            y = torch.nn.functional.conv2d(x, weight, bias, c.stride, c.padding, 1, c.groups)
            return y if layer.linear else y.clamp(0, 6)

        x = conv("first_conv", x)
        for i, block in enumerate(model.blocks):
            y = x
            for part in ("pw1", "dw", "pw2"):
                if f"b{i}.{part}" in layers:
                    y = conv(f"b{i}.{part}", y)
            x = x + y if block.residual else y
        features = x.mean((2, 3))
        logits = features @ model.classifier.weight.double().T + model.classifier.bias.double()
    blob, tensors = b"", {}
    for name, value in (("input", inputs), ("features", features.numpy()), ("logits", logits.numpy())):
        blob += b"\0" * (-len(blob) % 16)
        tensors[name] = {"offset": len(blob), "shape": list(value.shape), "dtype": "float32"}
        blob += np.ascontiguousarray(value, "<f4").tobytes()
    Path(f"{stem}.golden.bin").write_bytes(blob)
    Path(f"{stem}.golden.json").write_text(json.dumps({
        "model": f"{Path(stem).name}.onnx", "bin": f"{Path(stem).name}.golden.bin", "byte_order": "little",
        "layout": "NCHW", "preprocessing": "x = p / 127.5 - 1", "tensors": tensors}, indent=1) + "\n")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--checkpoint", required=True, help="best.pt or last.pt (its averaged weights are taken)")
    p.add_argument("--image", required=True, help="first golden input; the second is a drawn pattern")
    p.add_argument("--out", required=True, help="path without ending")
    args = p.parse_args()
    model, _ = load(args.checkpoint)
    side = model.network.size
    Path(args.out).parent.mkdir(parents=True, exist_ok=True)
    onnx.save(build(model), f"{args.out}.onnx")
    inputs = np.stack([picture(args.image, side), pattern(side)])
    golden(args.out, model, inputs)
    with torch.no_grad():
        difference = (model.features(torch.from_numpy(inputs)).double()
                      - torch.from_numpy(np.fromfile(f"{args.out}.golden.bin", "<f4")[inputs.size:][:2 * model.classifier.in_features].reshape(2, -1))).abs().max()
    print("%d parameters, %d MACs" % cost(model), f"{Path(args.out + '.onnx').stat().st_size} bytes, "
          f"folded against unfolded features differ by at most {difference:.1e}")


if __name__ == "__main__":
    main()
