"""Turn an embedded network (.ttm, float32) back into a checkpoint, to train it further.

    python restore.py --data ARRAYS --model default --file ../models/default.ttm --out restored.pt

A .ttm file has the batch normalisation folded into the convolutions. Here every convolution gets one of its own
again: kernels of unit mean square, and the mean and variance that 4,096 training images give, so that the
network computes what the file does, up to rounding. The classifier, which a .ttm file does not have, is
fitted by ridge regression to the features of 20,000 training images. Its kernels must be named as `export.py` names them. The result goes to `pretrain.py --start`.
"""

import argparse
import struct
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

import data
import fewshot
from model import NETWORKS, Backbone


def layers(path):
    """{name: (weights [outputs, inputs or 1, height, width], bias)} of the convolutions of a .ttm file (docs/formats.md)."""
    file = Path(path).read_bytes()
    if file[:4] != b"TTM1":
        raise SystemExit(f"{path} is no .ttm file")
    count, names = struct.unpack_from("<I", file, 16)[0], struct.unpack_from("<I", file, 24)[0]
    found = {}
    for i in range(count):
        record = 128 + 128 * i
        word = lambda offset: struct.unpack_from("<I", file, record + offset)[0]
        if word(64) not in (1, 2):
            continue
        if word(108):
            raise SystemExit(f"{path} has int8 layers: give the float32 network")
        array = lambda offset: np.frombuffer(file, "<f4", word(offset + 4), word(offset)).copy()
        inputs, outputs, height, width = word(8), word(20), word(24), word(28)
        if word(64) == 1:
            weights = array(80).reshape(outputs, height, width, inputs).transpose(0, 3, 1, 2)
        else:
            weights = array(80).reshape(height, width, outputs).transpose(2, 0, 1)[:, None]
        start = names + word(96)
        name = file[start:start + word(100)].decode()
        found[name] = torch.from_numpy(np.ascontiguousarray(weights)), torch.from_numpy(array(88))
    return found


@torch.no_grad()
def unfold(model, found, images):
    """Give each convolution its weights and a batch normalisation of the statistics that `images` cause."""
    def adopt(layer, inputs, _):
        name, shape = names[layer], layer.conv.weight.shape
        if name not in found or found[name][0].shape != shape:
            raise SystemExit(f"the file has no {name} with kernels of {tuple(shape)}: choose another --model")
        weight, bias = found[name]
        scale = weight.pow(2).mean((1, 2, 3), keepdim=True).sqrt().clamp_(min=1e-6)
        layer.conv.weight.copy_(weight / scale)
        y = layer.conv(inputs[0])
        bn, gain = layer.bn, scale.flatten()
        bn.running_mean.copy_(y.mean((0, 2, 3)))
        bn.running_var.copy_(y.var((0, 2, 3)))
        bn.weight.copy_(gain * (bn.running_var + bn.eps).sqrt())
        bn.bias.copy_(bias + gain * bn.running_mean)
        y = bn(y)
        return y if layer.linear else F.relu6(y)

    names = {layer: name for name, layer in model.convolutions()}
    handles = [layer.register_forward_hook(adopt) for layer in names]
    model.eval()
    model.features(data.normalise(data.resize(images, model.network.size)))
    for handle in handles:
        handle.remove()


@torch.no_grad()
def fit_classifier(model, images, labels, ridge=1.0):
    """Ridge regression of standardised features to the classes (10 for the own one, 0 for others, less their means)."""
    features, _ = fewshot.embed(model, images)
    mean, spread = features.mean(0), features.std(0)
    x = (features - mean) / spread
    y = F.one_hot(labels, model.classifier.out_features).float()
    y = 10 * (y - y.mean(0))
    weight = torch.linalg.solve(x.T @ x + ridge * torch.eye(x.shape[1]), x.T @ y).T / spread
    model.classifier.weight.copy_(weight)
    model.classifier.bias.copy_(-weight @ mean)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", required=True, help="folder of the decoded arrays")
    p.add_argument("--model", choices=NETWORKS, default="default")
    p.add_argument("--file", required=True, help="the .ttm file")
    p.add_argument("--out", required=True, help="checkpoint to write")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--seed", type=int, default=0)
    args = p.parse_args()
    torch.set_num_threads(args.threads)
    images, labels = data.load(args.data, "train")
    seen, _ = data.class_split(int(labels.max()) + 1)
    images, labels = data.select(images, labels, seen)
    chosen = torch.from_numpy(np.random.default_rng(args.seed).permutation(len(images))[:20000])
    images, labels = images[chosen], labels[chosen]
    model = Backbone(args.model, len(seen))
    unfold(model, layers(args.file), images[:4096])
    fit_classifier(model, images, labels)
    torch.save({"network": args.model, "averaged": model.state_dict(), "classes": seen}, args.out)


if __name__ == "__main__":
    main()
