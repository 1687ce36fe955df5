"""Features of teacher networks for crops of the training images: targets of `pretrain.py --targets`.

    python distill.py --data ARRAYS --teachers A.onnx,B.onnx --out TARGETS --views 8

Each view is one crop of every training image. The teachers see the crop enlarged to their input;
the student sees the same crop at its own size, mirrored or not, with its own colour jitter. So the
teachers run once, however long the student trains. A teacher is an ONNX network with input
`[N, 3, S, S]`, x = p / 127.5 - 1, whose last node is a Gemm (transB = 1) that turns features into logits.

Writes TARGETS/view-K.crops.npy (rows of image, y, x, height, width; 16 rows in turn have one shape),
TARGETS/view-K.features.npy (float16, the teachers' features of each row side by side) and TARGETS/heads.npz (the teachers' last layers: logits follow from features). Views that are
already there are kept, so that an interrupted run goes on.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import data


class Teacher:
    """An ONNX network cut before its last layer: `features(x)`, and that layer as `weight` and `bias`."""

    def __init__(self, path, threads):
        import onnx
        import onnxruntime
        network = onnx.load(path)
        last = network.graph.node[-1]
        constants = {t.name: onnx.numpy_helper.to_array(t) for t in network.graph.initializer}
        if last.op_type != "Gemm" or last.input[1] not in constants or len(last.input) < 3:
            raise SystemExit(f"{path}: the last node is not a Gemm with constant weight and bias")
        self.weight, self.bias = constants[last.input[1]], constants[last.input[2]]
        network.graph.output.append(onnx.helper.make_tensor_value_info(last.input[0], onnx.TensorProto.FLOAT, None))
        shape = network.graph.input[0].type.tensor_type.shape.dim
        self.size = shape[2].dim_value
        self.input, self.output = network.graph.input[0].name, last.input[0]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.session = onnxruntime.InferenceSession(network.SerializeToString(), options,
                                                    providers=["CPUExecutionProvider"])

    def features(self, x):
        return self.session.run([self.output], {self.input: x})[0]


class Targets:
    """The views of a folder that `main` filled."""

    def __init__(self, folder):
        folder = Path(folder)
        self.paths = sorted(folder.glob("view-*.features.npy"))
        if not self.paths:
            raise SystemExit(f"no view-*.features.npy in {folder}: make them with distill.py")
        heads = np.load(folder / "heads.npz")
        self.heads = [(torch.from_numpy(heads[f"weight{i}"]), torch.from_numpy(heads[f"bias{i}"]))
                      for i in range(len(heads.files) // 2)]
        self.width = sum(weight.shape[1] for weight, _ in self.heads)
        first = np.load(self.paths[0], mmap_mode="r")
        sample = torch.from_numpy(np.asarray(first[::max(1, len(first) // 10000)], np.float32))
        self.mean, self.scale = sample.mean(0), self._scale(sample)

    def _scale(self, sample):
        """One scale a teacher: its features, less their mean, get a mean square of 1."""
        spread = sample.var(0)
        return torch.cat([spread[part].mean().sqrt().expand(part.stop - part.start) for part in self.parts()])

    def parts(self):
        """Where each teacher's features are."""
        ends = np.cumsum([weight.shape[1] for weight, _ in self.heads]).tolist()
        return [slice(a, b) for a, b in zip([0, *ends], ends)]

    def view(self, index):
        """Indices of the images, their boxes, and their features; views are counted round."""
        path = self.paths[index % len(self.paths)]
        crops = np.load(str(path).replace(".features.", ".crops."))
        return crops[:, 0], crops[:, 1:], np.load(path, mmap_mode="r")


class Distillation(nn.Module):
    """The loss that pulls a student towards its teachers; its two linear maps serve training only.

    Squared error between the mapped features of the student and the standardised ones of the teachers,
    and the divergence from the teachers' mean prediction, softened by `temperature`.
    """

    def __init__(self, width, targets, temperature=2.0):
        super().__init__()
        self.temperature = temperature
        self.parts = targets.parts()
        self.features = nn.Linear(width, targets.width)
        self.logits = nn.Linear(width, len(targets.heads[0][1]))
        self.register_buffer("mean", targets.mean, persistent=False)
        self.register_buffer("scale", targets.scale, persistent=False)
        for i, (weight, bias) in enumerate(targets.heads):
            self.register_buffer(f"weight{i}", weight, persistent=False)
            self.register_buffer(f"bias{i}", bias, persistent=False)

    def forward(self, features, taught):
        """(squared error of features, divergence of predictions) for the features of one batch."""
        distance = F.mse_loss(self.features(features), (taught - self.mean) / self.scale)
        logits = [F.linear(taught[:, part], getattr(self, f"weight{i}"), getattr(self, f"bias{i}"))
                  for i, part in enumerate(self.parts)]
        wanted = torch.stack(logits).mean(0).div(self.temperature).softmax(1)
        given = self.logits(features).div(self.temperature).log_softmax(1)
        return distance, F.kl_div(given, wanted, reduction="batchmean") * self.temperature ** 2


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--archives", help="folder of the Tiny ImageNet .zip files (needed once, to decode)")
    p.add_argument("--data", required=True, help="folder of the decoded arrays")
    p.add_argument("--teachers", required=True, help="ONNX files, separated by commas")
    p.add_argument("--out", required=True, help="folder of the targets")
    p.add_argument("--views", type=int, default=8)
    p.add_argument("--scale", type=float, nargs=2, default=(0.4, 1), help="least and greatest share of the area")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--seed", type=int, default=0)
    return p.parse_args()


def main():
    args = arguments()
    torch.set_num_threads(args.threads)
    if args.archives:
        data.decode(args.archives, args.data)
    teachers = [Teacher(path, args.threads) for path in args.teachers.split(",")]
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    np.savez(out / "heads.npz", **{f"{kind}{i}": getattr(teacher, kind)
                                   for i, teacher in enumerate(teachers) for kind in ("weight", "bias")})
    images, labels = data.load(args.data, "train")
    images, _ = data.select(images, labels, data.class_split(int(labels.max()) + 1)[0])
    width = sum(teacher.weight.shape[1] for teacher in teachers)
    for view in range(args.views):
        stem = out / f"view-{view:02}"
        if Path(f"{stem}.features.npy").exists():
            continue
        began = time.monotonic()
        rng = np.random.default_rng((args.seed, view))
        # Groups share the shape of their crop: they are drawn across the classes.
        order = rng.permutation(len(images))
        boxes = data.draw_boxes(len(images), images.shape[1], rng, args.scale)
        features = np.empty((len(images), width), np.float16)
        for start in range(0, len(images), data.GROUP):
            rows = slice(start, start + data.GROUP)
            group = images[torch.from_numpy(order[rows])]
            flips = np.zeros(len(group), bool)
            crops = {size: data.crop_resize(group, size, boxes[rows], flips).contiguous().numpy()
                     for size in {teacher.size for teacher in teachers}}
            features[rows] = np.concatenate([teacher.features(crops[teacher.size]) for teacher in teachers], 1)
        np.save(f"{stem}.crops.npy", np.concatenate([order[:, None], boxes], 1).astype(np.int32))
        np.save(f"{stem}.tmp.npy", features)
        Path(f"{stem}.tmp.npy").replace(f"{stem}.features.npy")
        print(f"view {view}: {time.monotonic() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
