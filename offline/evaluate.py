"""Measure a checkpoint: the figures of MODEL_CARD.md.

    python evaluate.py --data ARRAYS --checkpoint RUN/best.pt [--fashion FASHION_MNIST_FOLDER]

Top-1 accuracy on the validation images of the training classes; few-shot accuracy without
adaptation on the validation images of the held-out classes; and, with --fashion, few-shot accuracy
on the test images of Fashion-MNIST, which are far from photographs.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import data
import fewshot
from model import cost, load


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", required=True, help="folder of the decoded arrays")
    p.add_argument("--checkpoint", required=True)
    p.add_argument("--fashion", help="folder of Fashion-MNIST's t10k files")
    p.add_argument("--tasks", type=int, default=1000)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--seed", type=int, default=1)
    args = p.parse_args()
    torch.set_num_threads(args.threads)
    model = load(args.checkpoint)[0].to(memory_format=torch.channels_last)
    print(f"{model.name}: %d parameters, %d MACs" % cost(model))

    images, labels = data.load(args.data, "val")
    seen, held = data.class_split(int(labels.max()) + 1)
    seen_images, seen_labels = data.select(images, labels, seen)
    _, answers = fewshot.embed(model, seen_images)
    print(f"validation images of the {len(seen)} training classes: top-1 "
          f"{100 * (answers == seen_labels).float().mean():.2f} %")
    sets = {"held-out classes": data.select(images, labels, held)}
    if args.fashion:
        from make_demo import read_idx
        pixels = read_idx(Path(args.fashion) / "t10k-images-idx3-ubyte.gz")[:2000]
        side = (model.network.size,) * 2
        resized = np.stack([np.asarray(Image.fromarray(i).resize(side, Image.BILINEAR)) for i in pixels])
        kinds = read_idx(Path(args.fashion) / "t10k-labels-idx1-ubyte.gz")[:2000]
        sets["Fashion-MNIST"] = (torch.from_numpy(resized)[..., None].expand(-1, -1, -1, 3),
                                 torch.from_numpy(kinds.astype(np.int64)))
    for name, (pictures, kinds) in sets.items():
        features, _ = fewshot.embed(model, pictures)
        for way, shot in ((5, 1), (5, 5), (10, 5), (20, 5)):
            if way <= int(kinds.max()) + 1:
                mean, half = fewshot.episodes(features, kinds, way, shot, tasks=args.tasks, seed=args.seed)
                print(f"{name}, {way}-way {shot}-shot: {100 * mean:.1f} +- {100 * half:.1f} %")


if __name__ == "__main__":
    main()
