"""Pre-train a backbone as a classifier on Tiny ImageNet (180 of the 200 classes).

    python pretrain.py --archives TINY_IMAGENET_ZIPS --data ARRAYS --out RUN --epochs 40

Writes RUN/last.pt (everything needed to resume: run the same command again), RUN/best.pt (the
averaged weights with the best few-shot accuracy on the held-out classes so far) and RUN/log.tsv.
"""

import argparse
import copy
import math
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import data
import fewshot
from distill import Distillation, Targets
from model import NETWORKS, Backbone, cost, load
from workers import Workers


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--archives", help="folder of the Tiny ImageNet .zip files (needed once, to decode)")
    p.add_argument("--data", required=True, help="folder of the decoded arrays")
    p.add_argument("--out", required=True, help="folder of checkpoints and log")
    p.add_argument("--targets", help="folder that distill.py filled: learn from its teachers, too")
    p.add_argument("--start", help="checkpoint whose averaged weights to begin with, in place of random ones")
    p.add_argument("--weights", type=float, nargs=3, default=(1, 10, 1), metavar=("LABEL", "FEATURE", "PREDICTION"),
                   help="shares of the loss: labels, and with --targets the teachers' features and predictions")
    p.add_argument("--model", choices=NETWORKS, default="default")
    p.add_argument("--epochs", type=float, default=40)
    p.add_argument("--minutes", type=float, help="follow the clock, not --epochs: the schedule ends after so "
                   "many minutes, however many epochs these are (not reproducible to the bit)")
    p.add_argument("--batch", type=int, default=128)
    p.add_argument("--lr", type=float, default=0.05, help="peak learning rate")
    p.add_argument("--weight-decay", type=float, default=5e-5)
    p.add_argument("--every", type=int, default=3, help="epochs between evaluations and checkpoints")
    p.add_argument("--smoothing", type=float, default=0.05, help="label smoothing")
    p.add_argument("--sizes", default="0.75:0.45,0.875:0.35,1:0.2",
                   help="image size as a part of the network's, and its share of the schedule: PART:SHARE,...")
    p.add_argument("--average", type=float, default=0.999, help="decay of the averaged weights")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--seed", type=int, default=0)
    return p.parse_args()


def size_at(sizes, full, progress):
    """Side of the training images at `progress` (0 to 1) for a network that takes `full`."""
    for item in sizes.split(","):
        part, share = item.split(":")
        progress -= float(share)
        if progress < 0:
            break
    return round(full * float(part))


def rate_at(progress, warmup=0.04):
    """Learning rate as a share of its peak: linear warm-up, then a cosine down to 0."""
    if progress < warmup:
        return 0.05 + 0.95 * progress / warmup
    return 0.5 * (1 + math.cos(math.pi * min(1, (progress - warmup) / (1 - warmup))))


def parameter_groups(model, decay):
    """Weight decay for weights alone: not for biases and batch normalisation."""
    plain = [p for p in model.parameters() if p.ndim == 1]
    decayed = [p for p in model.parameters() if p.ndim > 1]
    return [{"params": decayed, "weight_decay": decay}, {"params": plain, "weight_decay": 0.0}]


def replace(state, path):
    """Write a checkpoint whole or not at all."""
    torch.save(state, path.with_suffix(".tmp"))
    path.with_suffix(".tmp").replace(path)


@torch.no_grad()
def average(into, model, decay):
    """Exponential moving average of all weights and batch-normalisation statistics."""
    a = [t for t in into.state_dict().values() if t.is_floating_point()]
    b = [t for t in model.state_dict().values() if t.is_floating_point()]
    torch._foreach_lerp_(a, b, 1 - decay)


def begin(args, classes):
    """The network with random weights, or with those of the checkpoint --start."""
    if not args.start:
        return Backbone(args.model, len(classes))
    model, known = load(args.start)
    if (model.name, known) != (args.model, classes):
        raise SystemExit(f"{args.start} is of the network {model.name} with {len(known)} classes: "
                         f"--model {args.model} with {len(classes)} classes of {args.data} is to be trained")
    return model


class Objective(nn.Module):
    """The backbone, what training alone needs of it, and the loss of a batch."""

    def __init__(self, backbone, targets, args):
        super().__init__()
        self.backbone = backbone
        self.distillation = Distillation(backbone.network.features, targets) if targets else None
        self.smoothing = args.smoothing
        self.weights = args.weights

    def forward(self, x, labels, taught):
        features = self.backbone.features(x)
        label, distance, divergence = self.weights
        loss = label * F.cross_entropy(self.backbone.classifier(features), labels, label_smoothing=self.smoothing)
        if self.distillation:
            feature_loss, prediction_loss = self.distillation(features, taught)
            loss = loss + distance * feature_loss + divergence * prediction_loss
        return loss


class Batches:
    """The batches of an epoch: crops, labels and the teachers' features. Every process has its part of each batch.

    What is drawn depends on the seed, the epoch and the process alone, so that a resumed run goes on
    as if it had not stopped.
    """

    def __init__(self, images, labels, targets, args, workers):
        if args.batch % (data.GROUP * workers.count):
            raise SystemExit(f"--batch {args.batch}: use a multiple of {data.GROUP * workers.count}, so that each of "
                             f"{workers.count} processes gets whole groups of {data.GROUP} images")
        self.images, self.labels, self.targets = images, labels, targets
        self.batch, self.seed, self.workers = args.batch, args.seed, workers
        self.count = len(images) // args.batch

    def epoch(self, number, size):
        """Yield (x, labels, taught); `size()` is asked for the side of each batch."""
        rng = np.random.default_rng((self.seed, number))
        own = np.random.default_rng((self.seed, number, self.workers.rank))
        if self.targets:
            index, boxes, features = self.targets.view(number)
            groups = rng.permutation(len(index) // data.GROUP)[:, None] * data.GROUP + np.arange(data.GROUP)
            order = groups.reshape(-1)
        else:
            order = rng.permutation(len(self.images))
        part = self.batch // self.workers.count
        for start in range(0, self.count * self.batch, self.batch):
            rows = order[start + self.workers.rank * part:][:part]
            taught = None
            if self.targets:
                chosen = torch.from_numpy(index[rows])
                x = data.crop_resize(self.images[chosen], size(), boxes[rows], own.random(part) < 0.5)
                taught = torch.from_numpy(features[rows].astype(np.float32)).to(x.device)
            else:
                chosen = torch.from_numpy(rows)
                x = data.random_crops(self.images[chosen], size(), own, (0.5, 1))
            yield data.jitter(x, own), self.labels[chosen].to(x.device), taught


def main():
    args = arguments()
    workers = Workers()
    say = print if workers.rank == 0 else lambda *_, **__: None
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    if args.archives:
        if workers.rank == 0:
            data.decode(args.archives, args.data)
        workers.wait()
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)

    images, labels = data.load(args.data, "train")
    val_images, val_labels = data.load(args.data, "val")
    seen, held = data.class_split(int(labels.max()) + 1)
    held_images, held_labels = data.held_out_sample(images, labels, held)
    images, labels = data.select(images, labels, seen)
    val_images, val_labels = data.select(val_images, val_labels, seen)
    targets = Targets(args.targets) if args.targets else None
    batches = Batches(images.to(workers.device), labels, targets, args, workers)

    model = begin(args, seen)
    objective = Objective(model, targets, args).to(workers.device, memory_format=torch.channels_last)
    averaged = copy.deepcopy(model)
    step, epoch, elapsed, best = 0, 0, 0.0, 0.0
    saved = None
    if (out / "last.pt").exists():
        saved = torch.load(out / "last.pt", weights_only=False, map_location=workers.device)
        network = saved.get("network", "default")
        if network != args.model:
            raise SystemExit(f"{out}/last.pt is of the network {network}: choose another --out")
        objective.load_state_dict(saved["objective"])
        averaged.load_state_dict(saved["averaged"])
        step, epoch, elapsed, best = (saved[k] for k in ("step", "epoch", "elapsed", "best"))
    optimiser = torch.optim.SGD(parameter_groups(objective, args.weight_decay), args.lr, momentum=0.9, nesterov=True)
    if saved:
        optimiser.load_state_dict(saved["optimiser"])
    parallel = workers.wrap(objective)
    say("%d parameters, %d MACs; %d images of %d classes" % (*cost(model), len(images), len(seen)), flush=True)

    def evaluate():
        features, _ = fewshot.embed(averaged, held_images)
        few, _ = fewshot.episodes(features, held_labels, 5, 5)
        many, _ = fewshot.episodes(features, held_labels, 20, 5, tasks=200)
        _, answers = fewshot.embed(averaged, val_images)
        return few, many, (answers == val_labels).float().mean().item()

    def keep(size, loss):
        nonlocal best
        few, many, val = evaluate()
        spent = elapsed + time.monotonic() - began
        with open(out / "log.tsv", "a") as log:
            log.write(f"{epoch}\t{spent:.0f}\t{size}\t{loss:.4f}\t{few:.4f}\t{many:.4f}\t{val:.4f}\n")
        print(f"epoch {epoch}, {spent:.0f} s, size {size}, loss {loss:.3f}, "
              f"held-out 5-way {few:.4f}, 20-way {many:.4f}, val {val:.4f}", flush=True)
        better = many > best
        best = max(best, many)
        state = {"network": args.model, "averaged": averaged.state_dict(), "classes": seen, "epoch": epoch}
        if better:
            replace(state, out / "best.pt")
        replace({**state, "objective": objective.state_dict(), "optimiser": optimiser.state_dict(), "step": step,
                 "elapsed": spent, "best": best}, out / "last.pt")

    if epoch == 0 and workers.rank == 0:
        (out / "log.tsv").write_text("epoch\tseconds\tsize\tloss\tfew5\tfew20\tval\n")

    def progressed():
        if args.minutes:
            return workers.agree((elapsed + time.monotonic() - began) / (60 * args.minutes))
        return step / (args.epochs * batches.count)

    began = time.monotonic()
    progress = progressed()
    while progress < 1:
        total, steps = 0.0, 0
        size = lambda: size_at(args.sizes, model.network.size, progress)
        for x, truth, taught in batches.epoch(epoch, size):
            for group in optimiser.param_groups:
                group["lr"] = args.lr * rate_at(progress)
            model.train()
            loss = parallel(x, truth, taught)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            step += 1
            steps += 1
            average(averaged, model, min(args.average, (1 + step) / (10 + step)))
            total += loss.item()
            progress = progressed()
            if progress >= 1:
                break
        epoch += 1
        if epoch % args.every == 0 or progress >= 1:
            if workers.rank == 0:
                keep(x.shape[-1], total / steps)
            workers.wait()


if __name__ == "__main__":
    main()
