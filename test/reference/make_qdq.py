"""Writes test/golden/onnx/qdq-*.onnx: networks of that folder with QuantizeLinear and DequantizeLinear nodes, and qdq.json,
the features that ONNX Runtime gives for one image. Needs numpy, onnx and onnxruntime:

    python test/reference/make_qdq.py
"""

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

FOLDER = Path(__file__).parent.parent / "golden/onnx"


class Images(CalibrationDataReader):
    def __init__(self, name, images):
        self.batches = iter([{name: image[None]} for image in images])

    def get_next(self):
        return next(self.batches, None)


def features_of(model):
    """The tensor behind which the classifier begins."""
    return next(node.input[0] for node in reversed(model.graph.node) if node.op_type in ("Gemm", "MatMul"))


def make(source, name, activations, per_channel):
    inputs = onnx.load(FOLDER / f"{source}.onnx").graph.input
    size = [d.dim_value for d in inputs[0].type.tensor_type.shape.dim[1:]]
    images = np.random.default_rng(3).uniform(-1, 1, (5, *size)).astype(np.float32)
    target = FOLDER / f"qdq-{name}.onnx"
    quantize_static(FOLDER / f"{source}.onnx", target, Images(inputs[0].name, images[:4]), quant_format=QuantFormat.QDQ,
                    per_channel=per_channel, activation_type=activations, weight_type=QuantType.QInt8)
    model = onnx.load(target)
    features = features_of(model)
    model.graph.output.append(onnx.helper.make_tensor_value_info(features, 1, None))
    session = onnxruntime.InferenceSession(model.SerializeToString())
    values = session.run([features], {inputs[0].name: images[4][None]})[0]
    return {"name": f"qdq-{name}", "image": [float(x) for x in images[4].ravel()], "features": [float(x) for x in values.ravel()]}


cases = [
    make("mobilenet-dynamo", "int8", QuantType.QInt8, True),
    make("resnet-dynamo", "uint8", QuantType.QUInt8, False),
]
(FOLDER / "qdq.json").write_text("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")
