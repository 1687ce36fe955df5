"""Makes the small ONNX networks of test/golden/onnx/ and the features that they must give.

    python test/reference/make_onnx.py            # needs torch, onnx, onnxscript, onnxruntime, numpy

Networks of torch come from both of its exporters; what these never write is put together by hand. Each network has
random weights and statistics, one image, and the expected features: of torch in double precision, or, for a graph made
by hand, of ONNX Runtime. `cases.json` lists them; `cases.bin` holds image and features, float32, channels first.
"""

import json
import logging
import pathlib
import warnings

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn
from torch.nn import functional as F

OUT = pathlib.Path(__file__).parent.parent / "golden" / "onnx"
warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)
torch.manual_seed(7)
rng = np.random.default_rng(7)

cases = []
blob = bytearray()


def keep(name, model, image, features, **options):
    """Stores a network with its image [1, C, H, W] and expected features, without the batch."""
    onnx.checker.check_model(model)
    (OUT / f"{name}.onnx").write_bytes(model.SerializeToString())
    arrays = [np.asarray(image, "<f4")[0], np.asarray(features, "<f4")[0]]
    offset = len(blob)
    for array in arrays:
        blob.extend(array.tobytes())
    cases.append({"name": name, "input": list(arrays[0].shape), "features": list(arrays[1].shape), "offset": offset, **options})


# Networks of torch: `embed` gives the expected features, `head` is what the import must cut off.


class Net(nn.Module):
    def __init__(self, embed, head=None):
        super().__init__()
        self.embed = embed
        self.head = head or nn.Identity()

    def forward(self, x):
        return self.head(self.embed(x))


class Residual(nn.Module):
    def __init__(self, body, shortcut=None, after=None):
        super().__init__()
        self.body, self.shortcut, self.after = body, shortcut or nn.Identity(), after or nn.Identity()

    def forward(self, x):
        return self.after(self.body(x) + self.shortcut(x))


class Apply(nn.Module):
    def __init__(self, function, *arrays):
        super().__init__()
        self.function = function
        self.count = len(arrays)
        for i, array in enumerate(arrays):
            self.register_buffer(f"array{i}", array)

    def forward(self, x):
        return self.function(x, *[getattr(self, f"array{i}") for i in range(self.count)])


class Twice(nn.Module):
    """The value before an activation is used by itself, too."""

    def __init__(self, conv):
        super().__init__()
        self.conv = conv

    def forward(self, x):
        y = self.conv(x)
        return F.relu(y) + y


def conv(i, o, k=3, s=1, groups=1, bias=False, p=None):
    return nn.Conv2d(i, o, k, s, k // 2 if p is None else p, groups=groups, bias=bias)


def block(i, o, k=3, s=1, groups=1, act=nn.ReLU6):
    return nn.Sequential(conv(i, o, k, s, groups), nn.BatchNorm2d(o), act())


def inverted(i, t, o, k, s):
    body = nn.Sequential(block(i, t, 1), block(t, t, k, s, t), conv(t, o, 1), nn.BatchNorm2d(o))
    return Residual(body) if s == 1 and i == o else body


def preact(c):
    return Residual(nn.Sequential(nn.BatchNorm2d(c), nn.ReLU(), conv(c, c), nn.BatchNorm2d(c), nn.ReLU(), conv(c, c)))


def pooled(*layers):
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())


def randomise(net):
    for module in net.modules():
        if isinstance(module, (nn.BatchNorm2d, nn.BatchNorm1d)):
            nn.init.uniform_(module.weight, -1.5, 1.5)
            nn.init.normal_(module.bias)
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.3, 3)
    return net.eval()


def export(name, net, size, exporter="legacy", free=True, opset=17, unfolded=False, head_kept=False):
    randomise(net)
    image = torch.randn(1, *size)
    with torch.no_grad():
        features = (net if head_kept else net.embed).double()(image.double())
    net.float()
    path = OUT / f"{name}.onnx"
    if exporter == "dynamo":
        batch = torch.export.Dim("N")
        torch.onnx.export(net, (torch.randn(2 if free else 1, *size),), path, dynamo=True, opset_version=max(opset, 18),
                          dynamic_shapes=({0: batch},) if free else None, external_data=False, verbose=False)
    else:
        mode = torch.onnx.TrainingMode.PRESERVE if unfolded else torch.onnx.TrainingMode.EVAL
        torch.onnx.export(net, (image,), path, dynamo=False, opset_version=opset, input_names=["image"], training=mode,
                          do_constant_folding=not unfolded, dynamic_axes={"image": {0: "N"}} if free else None)
    model = onnx.load(path)
    # What the exporter says of its sources makes up most of a small file.
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    del model.graph.metadata_props[:]
    for value in [*model.graph.value_info, *model.graph.initializer, *model.graph.input, *model.graph.output]:
        del value.metadata_props[:]
    keep(name, model, image, features)


def resnet(channels=3):
    down = nn.Sequential(conv(8, 12, 1, 2), nn.BatchNorm2d(12))
    first = nn.Sequential(block(8, 12, s=2, act=nn.ReLU), conv(12, 12), nn.BatchNorm2d(12))
    second = nn.Sequential(block(12, 12, act=nn.ReLU), conv(12, 12), nn.BatchNorm2d(12))
    return Net(pooled(block(channels, 8, 5, 2, act=nn.ReLU), nn.MaxPool2d(3, 2, 1), Residual(first, down, nn.ReLU()),
                      Residual(second, None, nn.ReLU())), nn.Linear(12, 5))


def mobilenet():
    body = nn.Sequential(block(3, 8, s=2), inverted(8, 16, 8, 3, 1), inverted(8, 16, 12, 5, 2), inverted(12, 24, 12, 7, 1))
    return Net(nn.Sequential(body, Apply(lambda x: x.mean([2, 3]))), nn.Sequential(nn.Dropout(0.2), nn.Linear(12, 6)))


def vgg():
    body = nn.Sequential(conv(3, 6, bias=True), nn.ReLU(), nn.MaxPool2d(2), conv(6, 5, bias=True), nn.ReLU(), nn.MaxPool2d(2, 2))
    dense = nn.Sequential(nn.Flatten(), nn.Linear(5 * 3 * 2, 7), nn.ReLU(), nn.Dropout())
    return Net(nn.Sequential(body, dense), nn.Linear(7, 4))


def viewed():
    body = nn.Sequential(conv(3, 4, 3, 2), nn.ReLU(), nn.AvgPool2d(3))
    return Net(nn.Sequential(body, Apply(lambda x: x.view(x.size(0), -1)), nn.Linear(4 * 2 * 2, 6), nn.ReLU()), nn.Linear(6, 3))


def torch_cases():
    for exporter in ["legacy", "dynamo"]:
        export(f"resnet-{exporter}", resnet(), (3, 33, 29), exporter)
        export(f"mobilenet-{exporter}", mobilenet(), (3, 24, 24), exporter)
        export(f"preactivation-{exporter}", Net(pooled(conv(3, 6), preact(6), preact(6), nn.BatchNorm2d(6), nn.ReLU()), nn.Linear(6, 3)),
               (3, 9, 9), exporter)
        export(f"vgg-{exporter}", vgg(), (3, 12, 8), exporter)
        export(f"view-{exporter}", viewed(), (3, 12, 12), exporter)
        export(f"view-fixed-{exporter}", viewed(), (3, 12, 12), exporter, free=False)
        export(f"pad-{exporter}", Net(pooled(nn.ZeroPad2d((0, 1, 0, 1)), conv(3, 4, 3, 2, p=0), nn.ReLU(), nn.ZeroPad2d((2, 1, 0, 3)),
                                             conv(4, 4, 5, 1, 4, p=0))), (3, 10, 10), exporter)
        export(f"matmul-{exporter}", Net(pooled(conv(1, 5, 3, 2)), Apply(lambda x, w, b: F.log_softmax(x @ w + b, 1), torch.randn(5, 4), torch.randn(4))),
               (1, 9, 7), exporter)
        export(f"normalise-{exporter}", Net(nn.Sequential(Apply(lambda x, m, s: (x - m) / s, torch.rand(1, 3, 1, 1), torch.rand(1, 3, 1, 1) + 0.5),
                                                          conv(3, 4), nn.ReLU6(), nn.AdaptiveAvgPool2d(1), Apply(lambda x: x.squeeze(-1).squeeze(-1)),
                                                          nn.Linear(4, 4, bias=False), nn.BatchNorm1d(4), nn.ReLU()), nn.Linear(4, 2)), (3, 8, 8), exporter)
    export("resnet-unfolded", resnet(), (3, 33, 29), unfolded=True)
    export("resnet-opset9", resnet(1), (1, 17, 19), opset=9, unfolded=True)
    export("mobilenet-opset9", mobilenet(), (3, 24, 24), opset=9)
    export("mobilenet-unfolded", mobilenet(), (3, 12, 12), unfolded=True)
    export("two-uses-unfolded", Net(pooled(Twice(nn.Sequential(conv(3, 4), nn.BatchNorm2d(4))))), (3, 7, 7), unfolded=True)
    export("view-opset9", viewed(), (3, 12, 12), opset=9, unfolded=True)
    export("view-unfolded", viewed(), (3, 12, 12), unfolded=True)
    export("pad-unfolded", Net(pooled(nn.ZeroPad2d((1, 0, 2, 1)), conv(3, 4, 3, 2, p=0))), (3, 10, 10), unfolded=True)
    export("pools", Net(pooled(conv(3, 4), nn.AvgPool2d(3, 2, 1), nn.AvgPool2d((2, 3), (1, 2), (1, 0), count_include_pad=False),
                               nn.MaxPool2d(2, 2, 1, ceil_mode=True), nn.MaxPool2d(3, 2, 1, ceil_mode=True), nn.AvgPool2d(2, 2, ceil_mode=True))), (3, 27, 25))
    export("conv-classifier", Net(nn.Sequential(conv(3, 6, s=2), nn.ReLU(), nn.AdaptiveAvgPool2d(1)), nn.Sequential(conv(6, 4, 1, bias=True), nn.Flatten(), nn.Softmax(1))),
           (3, 9, 9))
    export("conv-scores", Net(pooled(conv(3, 6, s=2), nn.ReLU(), conv(6, 4, 1, bias=True)), nn.Softmax(1)), (3, 9, 9))
    export("feature-map", Net(nn.Sequential(conv(3, 6, s=2), nn.BatchNorm2d(6), nn.ReLU())), (3, 9, 7))
    export("flat-classifier", Net(nn.Sequential(conv(3, 4, s=2), nn.ReLU(), nn.Flatten()), nn.Linear(4 * 5 * 3, 4)), (3, 9, 6))
    export("two-uses", Net(pooled(Twice(conv(3, 4, bias=True)), nn.ReLU(), Apply(lambda x: x + x), Apply(lambda x: 0.5 * x - 1)), nn.Linear(4, 2)), (3, 7, 7))
    export("mean-of-list", Net(nn.Sequential(conv(3, 4), nn.ReLU(), Apply(lambda x: x.flatten(2).mean(-1))), nn.Linear(4, 2)), (3, 7, 5))
    export("linear-only", Net(nn.Sequential(nn.Flatten(), nn.Linear(3 * 4 * 5, 4))), (3, 4, 5))


# Graphs made by hand.


def array(*shape):
    return rng.normal(size=shape).astype("f4")


def graph(name, size, nodes, arrays, features, opset=13, old=False, listed=False, **options):
    """`nodes` are make_node's arguments and attributes; the last output is the graph's, `features` the expected tensor."""
    made = [helper.make_node(op, ins, outs, name=f"n{i}", **attrs) for i, (op, ins, outs, attrs) in enumerate(nodes)]
    tensors = [numpy_helper.from_array(value, key) if not listed else
               helper.make_tensor(key, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape, value.flatten().tolist())
               for key, value in arrays.items()]
    inputs = [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", *size])]
    if old:  # before IR version 4, initialisers are inputs, too
        inputs += [helper.make_tensor_value_info(t.name, t.data_type, t.dims) for t in tensors]
    last = nodes[-1][2][0]
    proto = helper.make_graph(made, name, inputs, [helper.make_tensor_value_info(last, TensorProto.FLOAT, ["N", "K"])], tensors)
    model = helper.make_model(proto, opset_imports=[helper.make_opsetid("", opset)], ir_version=3 if old else 8)
    image = array(1, *size)
    run = onnx.ModelProto()
    run.CopyFrom(model)
    if features != last:
        run.graph.output.append(helper.make_tensor_value_info(features, TensorProto.FLOAT, ["N", "F"]))
    session = onnxruntime.InferenceSession(run.SerializeToString(), providers=["CPUExecutionProvider"])
    keep(name, model, image, session.run([features], {"image": image})[0], **options)


def hand_made_cases():
    gap = ("GlobalAveragePool", ["last"], ["gap"], {})
    flat = ("Flatten", ["gap"], ["flat"], {})
    head = ("Gemm", ["flat", "wc"], ["y"], {"transB": 1})
    for mode in ["SAME_UPPER", "SAME_LOWER", "VALID"]:
        name = mode.lower().replace("_", "-")
        graph(f"auto-{name}", (3, 15, 11), [
            ("Conv", ["image", "w1", "b1"], ["a"], {"auto_pad": mode, "strides": [2, 2]}),
            ("Clip", ["a", "zero", ""], ["b"], {}),
            ("Conv", ["b", "w2"], ["c"], {"auto_pad": mode, "group": 4, "kernel_shape": [2, 3], "strides": [1, 2]}),
            ("MaxPool", ["c"], ["d"], {"auto_pad": mode, "kernel_shape": [2, 2], "strides": [1, 1]}),
            ("AveragePool", ["d"], ["last"], {"auto_pad": mode, "kernel_shape": [2, 1], "strides": [2, 1], "count_include_pad": 1}),
            gap, flat, head,
        ], {"w1": array(4, 3, 3, 3), "b1": array(4), "w2": array(4, 1, 2, 3), "zero": np.float32(0), "wc": array(3, 4)}, "flat")
    inf = np.float32(-np.inf)
    graph("pads", (3, 10, 9), [
        ("Pad", ["image", "p1"], ["a"], {"mode": "constant"}),
        ("Conv", ["a", "w1", "b1"], ["b"], {"strides": [2, 1], "pads": [0, 1, 0, 0]}),
        ("Pad", ["b", "p2", "inf"], ["c"], {}),
        ("MaxPool", ["c"], ["d"], {"kernel_shape": [3, 3]}),
        ("Relu", ["d"], ["e"], {}),
        ("Pad", ["e", "p2", "none"], ["f"], {}),
        ("MaxPool", ["f"], ["g"], {"kernel_shape": [3, 2], "strides": [2, 2], "pads": [0, 1, 0, 0]}),
        ("AveragePool", ["f"], ["h"], {"kernel_shape": [3, 2], "strides": [2, 2], "pads": [0, 1, 0, 0], "count_include_pad": 1}),
        ("Add", ["g", "h"], ["last"], {}), gap, flat, head,
    ], {"p1": np.array([0, 0, 1, 1, 0, 0, 2, 0], "i8"), "p2": np.array([0, 0, 1, 0, 0, 0, 0, 1], "i8"), "inf": inf, "none": np.float32(0),
        "w1": array(4, 3, 4, 3), "b1": array(4), "wc": array(3, 4)}, "flat")
    for kind in ["f2", "f8"]:
        graph(f"weights-{kind}", (2, 6, 6), [
            ("Cast", ["w1h"], ["w1"], {"to": TensorProto.FLOAT}),
            ("Cast", ["b1h"], ["b1"], {"to": TensorProto.FLOAT}),
            ("Identity", ["b1"], ["bias"], {}),
            ("Conv", ["image", "w1", "bias"], ["a"], {}),
            ("Constant", [], ["low"], {"value_float": 0.0}),
            ("Constant", [], ["high"], {"value": helper.make_tensor("", TensorProto.FLOAT, [], [1.5])}),
            ("Clip", ["a", "low", "high"], ["b"], {}),
            ("Dropout", ["b"], ["last", "mask"], {}), gap, flat,
            ("Transpose", ["wt"], ["wc"], {"perm": [1, 0]}),
            ("MatMul", ["flat", "wc"], ["m"], {}),
            ("Identity", ["bc"], ["bias2"], {}),
            ("Add", ["bias2", "m"], ["n"], {}),
            ("Softmax", ["n"], ["y"], {}),
        ], {"w1h": array(5, 2, 3, 3).astype(kind), "b1h": array(5).astype(kind), "wt": array(3, 5), "bc": array(1, 3)}, "flat")
    for listed in [False, True]:
        graph(f"gemm-{'listed' if listed else 'raw'}", (2, 5, 4), [
            ("Conv", ["image", "w1"], ["a"], {"strides": [2, 2]}),
            ("Flatten", ["a"], ["b"], {"axis": -3}),
            ("Gemm", ["b", "w2", "c2"], ["c"], {"alpha": 0.5, "beta": 2.0}),
            ("Mul", ["c", "scale"], ["d"], {}),
            ("Sub", ["shift", "d"], ["e"], {}),
            ("Relu", ["e"], ["f"], {}),
            ("Gemm", ["f", "wc", "cc"], ["y"], {"transB": 1}),
        ], {"w1": array(3, 2, 2, 2), "w2": array(12, 6), "c2": array(1, 6), "wc": array(4, 6), "cc": array(1), "scale": array(6), "shift": array(1, 6)},
            "f", listed=listed)
    graph("old", (2, 7, 7), [
        ("Conv", ["image", "w1"], ["a"], {"pads": [1, 1, 1, 1]}),
        ("BatchNormalization", ["a", "g", "b", "m", "v"], ["b0"], {"epsilon": 1e-3, "momentum": 0.9}),
        ("Clip", ["b0"], ["c"], {"min": 0.0, "max": 6.0}),
        ("Dropout", ["c"], ["d"], {"ratio": 0.5}),
        ("Pad", ["d"], ["e"], {"pads": [0, 0, 0, 0, 0, 0, 1, 1], "value": 0.0}),
        ("AveragePool", ["e"], ["f"], {"kernel_shape": [2, 2], "strides": [2, 2]}),
        ("ReduceMean", ["f"], ["h"], {"axes": [-1, -2], "keepdims": 1}),
        ("Squeeze", ["h"], ["i"], {"axes": [2, 3]}),
        ("Unsqueeze", ["i"], ["j"], {"axes": [2, 3]}),
        ("Reshape", ["j", "shape"], ["flat"], {}),
        ("Gemm", ["flat", "wc", "cc"], ["y"], {"transB": 1}),
    ], {"w1": array(4, 2, 3, 3), "cc": array(3), "g": array(4), "b": array(4), "m": array(4), "v": abs(array(4)) + 0.1, "wc": array(3, 4), "shape": np.array([0, -1], "i8")},
        "flat", opset=8, old=True)
    graph("new", (2, 7, 6), [
        ("Conv", ["image", "w1"], ["a"], {"pads": [1, 1, 1, 1]}),
        ("Relu", ["a"], ["b"], {}),
        ("Clip", ["b", "zero", "two"], ["c"], {}),
        ("GlobalMaxPool", ["c"], ["d"], {}),
        ("ReduceMean", ["c", "axes"], ["e"], {"keepdims": 1}),
        ("Add", ["d", "e"], ["f"], {}),
        ("Add", ["f", "bias"], ["g"], {}),
        ("Div", ["g", "by"], ["i"], {}),
        ("Shape", ["i"], ["s"], {"start": 0, "end": 1}),
        ("Concat", ["s", "minus"], ["t"], {"axis": 0}),
        ("Reshape", ["i", "t"], ["flat"], {}), head,
    ], {"w1": array(4, 2, 3, 3), "zero": np.float32(0), "two": np.float32(2), "axes": np.array([2, 3], "i8"), "bias": array(4, 1, 1),
        "by": np.array([3], "f4"), "minus": np.array([-1], "i8"), "wc": array(3, 4)}, "flat", opset=18)


if __name__ == "__main__":
    OUT.mkdir(parents=True, exist_ok=True)
    for path in OUT.iterdir():
        path.unlink()
    torch_cases()
    hand_made_cases()
    (OUT / "cases.bin").write_bytes(blob)
    (OUT / "cases.json").write_text("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")
    print(len(cases), "networks,", sum(path.stat().st_size for path in OUT.iterdir()), "bytes")
