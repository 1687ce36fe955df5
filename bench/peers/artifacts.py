"""Writes the network as ONNX files: network.onnx for inference, and for each training step the files that the training
API of onnxruntime-web 1.19.2 takes (made by onnxruntime-training of the same version)."""

import importlib.machinery
import json
import os
import sys
from unittest.mock import MagicMock

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

# The package imports PyTorch for parts that are not used here.
for name in ["torch", "torch.nn", "torch.onnx", "torch.utils", "torch.utils.data", "torch.utils.dlpack"]:
    sys.modules[name] = MagicMock(__spec__=importlib.machinery.ModuleSpec(name, None))
from onnxruntime.training import artifacts  # noqa: E402

folder = sys.argv[1]
with open(os.path.join(folder, "network.json")) as file:
    network = json.load(file)
values = np.fromfile(os.path.join(folder, "weights.bin"), dtype=np.float32)
operators = network["operators"]


def weights_of(o):
    """The weights as ONNX has them: [out][in][height][width], depthwise [channels][1][height][width]."""
    at, count = o["weights"]
    w = values[at : at + count]
    (kh, kw), in_c, out_c = o["kernel"], o["in"][2], o["out"][2]
    if o["op"] == "linear":
        return w.reshape(out_c, in_c)
    if o["op"] == "depthwise":
        return w.reshape(kh, kw, in_c).transpose(2, 0, 1).reshape(in_c, 1, kh, kw)
    return w.reshape(out_c, kh, kw, in_c).transpose(0, 3, 1, 2)


def graph():
    """The model, and the names of the weights of each operator that has some."""
    tensors = {"zero": np.float32(0), "six": np.float32(6)}
    nodes, names, kept = [], {}, ["image"]
    for i, o in enumerate(operators):
        x, y = kept[o["input"]], "logits" if i == len(operators) - 1 else f"value{i}"
        raw = f"{y}.raw" if o["limit"] is not None else y
        if o["weights"] is not None:
            at, count = o["bias"]
            names[i] = [f"{o['name']}.weight", f"{o['name']}.bias"]
            tensors[names[i][0]] = np.ascontiguousarray(weights_of(o))
            tensors[names[i][1]] = values[at : at + count]
        if o["op"] == "addition":
            nodes.append(helper.make_node("Add", [x, kept[o["second"]]], [raw]))
        elif o["op"] == "globalAveragePooling":
            nodes.append(helper.make_node("GlobalAveragePool", [x], [raw]))
        elif o["op"] == "linear":
            nodes.append(helper.make_node("Flatten", [x], [f"{y}.flat"]))
            nodes.append(helper.make_node("Gemm", [f"{y}.flat", *names[i]], [raw], transB=1))
        else:
            groups = o["in"][2] if o["op"] == "depthwise" else 1
            window = {"kernel_shape": o["kernel"], "strides": o["stride"], "pads": o["padding"], "group": groups}
            nodes.append(helper.make_node("Conv", [x, *names[i]], [raw], **window))
        if o["limit"] is not None:
            nodes.append(helper.make_node("Clip", [raw, "zero", "six"], [y]))
        kept.append(y)
    height, width, channels = network["input"]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, channels, height, width])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, network["classes"]])
    initial = [numpy_helper.from_array(np.asarray(t), name) for name, t in tensors.items()]
    made = helper.make_graph(nodes, "network", [image], [logits], initial)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 15)], ir_version=8), names


model, names = graph()
onnx.checker.check_model(model, full_check=True)
onnx.save(model, os.path.join(folder, "network.onnx"))
for step, first in {"training": 0, "blocks": network["lastBlocks"]}.items():
    directory = os.path.join(folder, f"ort-{step}")
    os.makedirs(directory, exist_ok=True)
    artifacts.generate_artifacts(
        model,
        requires_grad=[name for i, both in names.items() if i >= first for name in both],
        frozen_params=["zero", "six"] + [name for i, both in names.items() if i < first for name in both],
        loss=artifacts.LossType.CrossEntropyLoss,
        optimizer=artifacts.OptimType.SGD,
        artifact_directory=directory,
    )
    # The optimiser's output is declared with a shape that its operator does not give, which the web build refuses.
    path = os.path.join(directory, "optimizer_model.onnx")
    optimizer = onnx.load(path)
    optimizer.graph.output[0].type.tensor_type.ClearField("shape")
    onnx.save(optimizer, path)
