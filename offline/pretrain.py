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

import data
import fewshot
from model import NETWORKS, Backbone, cost


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--archives", help="folder of the Tiny ImageNet .zip files (needed once, to decode)")
    p.add_argument("--data", required=True, help="folder of the decoded arrays")
    p.add_argument("--out", required=True, help="folder of checkpoints and log")
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


@torch.no_grad()
def average(into, model, decay):
    """Exponential moving average of all weights and batch-normalisation statistics."""
    a = [t for t in into.state_dict().values() if t.is_floating_point()]
    b = [t for t in model.state_dict().values() if t.is_floating_point()]
    torch._foreach_lerp_(a, b, 1 - decay)


def main():
    args = arguments()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    if args.archives:
        data.decode(args.archives, args.data)
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)

    images, labels = data.load(args.data, "train")
    val_images, val_labels = data.load(args.data, "val")
    seen, held = data.class_split(int(labels.max()) + 1)
    held_images, held_labels = data.held_out_sample(images, labels, held)
    images, labels = data.select(images, labels, seen)
    val_images, val_labels = data.select(val_images, val_labels, seen)

    model = Backbone(args.model, len(seen)).to(memory_format=torch.channels_last)
    averaged = copy.deepcopy(model)
    optimiser = torch.optim.SGD(parameter_groups(model, args.weight_decay), args.lr, momentum=0.9, nesterov=True)
    print("%d parameters, %d MACs; %d images of %d classes" % (*cost(model), len(images), len(seen)), flush=True)

    step, epoch, elapsed, best = 0, 0, 0.0, 0.0
    per_epoch = len(images) // args.batch
    if (out / "last.pt").exists():
        saved = torch.load(out / "last.pt", weights_only=False)
        network = saved.get("network", "default")
        if network != args.model:
            raise SystemExit(f"{out}/last.pt is of the network {network}: choose another --out")
        model.load_state_dict(saved["model"])
        averaged.load_state_dict(saved["averaged"])
        optimiser.load_state_dict(saved["optimiser"])
        rng = saved["rng"]
        step, epoch, elapsed, best = (saved[k] for k in ("step", "epoch", "elapsed", "best"))

    def evaluate():
        features, _ = fewshot.embed(averaged, held_images)
        few, _ = fewshot.episodes(features, held_labels, 5, 5)
        many, _ = fewshot.episodes(features, held_labels, 20, 5, tasks=200)
        _, answers = fewshot.embed(averaged, val_images)
        return few, many, (answers == val_labels).float().mean().item()

    log = open(out / "log.tsv", "a", buffering=1)
    if epoch == 0:
        few, many, _ = evaluate()
        print(f"start: held-out 5-way {few:.4f}, 20-way {many:.4f}", flush=True)
        log.write("epoch\tseconds\tsize\tloss\tfew5\tfew20\tval\n")

    def progressed(began):
        if args.minutes:
            return (elapsed + time.monotonic() - began) / (60 * args.minutes)
        return step / (args.epochs * per_epoch)

    while progressed(time.monotonic()) < 1:
        began, total, steps = time.monotonic(), 0.0, 0
        order = torch.from_numpy(rng.permutation(len(images)))
        for index in order.split(args.batch)[:per_epoch]:
            progress = progressed(began)
            if progress >= 1:
                break
            for group in optimiser.param_groups:
                group["lr"] = args.lr * rate_at(progress)
            size = size_at(args.sizes, model.network.size, progress)
            x = data.jitter(data.crop_resize(images[index], size, rng, (0.5, 1)), rng)
            model.train()
            loss = F.cross_entropy(model(x), labels[index], label_smoothing=args.smoothing)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            step += 1
            steps += 1
            average(averaged, model, min(args.average, (1 + step) / (10 + step)))
            total += loss.item()
        epoch += 1
        if epoch % args.every and progressed(began) < 1:
            elapsed += time.monotonic() - began
            continue
        few, many, val = evaluate()
        elapsed += time.monotonic() - began
        log.write(f"{epoch}\t{elapsed:.0f}\t{size}\t{total / steps:.4f}\t{few:.4f}\t{many:.4f}\t{val:.4f}\n")
        print(f"epoch {epoch}, {elapsed:.0f} s, size {size}, loss {total / steps:.3f}, "
              f"held-out 5-way {few:.4f}, 20-way {many:.4f}, val {val:.4f}", flush=True)
        state = {"network": args.model, "model": model.state_dict(), "averaged": averaged.state_dict(), "classes": seen,
                 "optimiser": optimiser.state_dict(), "rng": rng, "step": step, "epoch": epoch,
                 "elapsed": elapsed, "best": max(best, many)}
        torch.save(state, out / "last.tmp")
        (out / "last.tmp").replace(out / "last.pt")
        if many > best:
            best = many
            torch.save({"network": args.model, "averaged": averaged.state_dict(), "classes": seen, "epoch": epoch},
                       out / "best.pt")


if __name__ == "__main__":
    main()
