"""Meta-train a pre-trained backbone with episodes (ProtoNet loss, cosine similarity).

    python metatrain.py --data ARRAYS --checkpoint RUN/last.pt --out META --minutes 8

Every episode is one task of 5 to 20 of the training classes with 5 support images a class; the
loss is the cross-entropy over temperature x cosine with the prototypes, which is what adaptation
on the device minimises. Batch normalisation keeps its statistics. META/best.pt is the averaged
network with the best few-shot accuracy on the held-out classes; where no state of the
meta-training beats the checkpoint it began with, that one is written.
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
from model import load
from pretrain import average


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", required=True, help="folder of the decoded arrays")
    p.add_argument("--checkpoint", required=True)
    p.add_argument("--out", required=True)
    p.add_argument("--episodes", type=int, default=3000)
    p.add_argument("--minutes", type=float, help="follow the clock, not --episodes")
    p.add_argument("--lr", type=float, default=0.01)
    p.add_argument("--momentum", type=float, default=0.9)
    p.add_argument("--temperature", type=float, default=10)
    p.add_argument("--shot", type=int, default=5)
    p.add_argument("--images", type=int, default=200, help="images of an episode, support and query")
    p.add_argument("--every", type=int, default=250, help="episodes between evaluations")
    p.add_argument("--average", type=float, default=0.995)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--seed", type=int, default=0)
    return p.parse_args()


def main():
    args = arguments()
    torch.set_num_threads(args.threads)
    rng = np.random.default_rng(args.seed)
    images, labels = data.load(args.data, "train")
    seen, held = data.class_split(int(labels.max()) + 1)
    held_images, held_labels = data.held_out_sample(images, labels, held)
    images, labels = data.select(images, labels, seen)
    members = [np.flatnonzero(labels.numpy() == c) for c in range(len(seen))]

    model, classes = load(args.checkpoint)
    if classes != seen:
        raise SystemExit(f"{args.checkpoint} was trained on other classes than {args.data} has")
    model.to(memory_format=torch.channels_last)
    averaged = copy.deepcopy(model)
    trained = [p for name, p in model.named_parameters() if not name.startswith("classifier")]
    optimiser = torch.optim.SGD(trained, args.lr, momentum=args.momentum, nesterov=True)
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)

    def evaluate():
        features, _ = fewshot.embed(averaged, held_images)
        return (fewshot.episodes(features, held_labels, 5, 5)[0],
                fewshot.episodes(features, held_labels, 20, 5, tasks=200)[0])

    def keep(episode):
        torch.save({"network": model.name, "averaged": averaged.state_dict(), "classes": seen, "episode": episode},
                   out / "best.pt")

    few, many = evaluate()
    best = few + many
    keep(0)
    print(f"start: held-out 5-way {few:.4f}, 20-way {many:.4f}", flush=True)
    began, total, episode, progress = time.monotonic(), 0.0, 0, 0.0
    while progress < 1:
        progress = ((time.monotonic() - began) / (60 * args.minutes) if args.minutes
                    else (episode + 1) / args.episodes)
        warm = min(1, (episode + 1) / 100)
        for group in optimiser.param_groups:
            group["lr"] = args.lr * warm * 0.5 * (1 + math.cos(math.pi * min(1, progress)))
        way = int(rng.integers(5, 21))
        count = args.shot + max(5, args.images // way - args.shot)
        drawn = np.concatenate([rng.choice(members[c], count, replace=False)
                                for c in rng.choice(len(members), way, replace=False)])
        mixed = rng.permutation(len(drawn))     # crops come in groups: no group may be one class
        x = data.jitter(data.random_crops(images[torch.from_numpy(drawn[mixed])], model.network.size, rng, (0.6, 1)), rng)
        features = model.features(x)[torch.from_numpy(np.argsort(mixed))].view(way, count, -1)
        protos = F.normalize(fewshot.prototypes(features[:, :args.shot]), dim=-1)
        queries = F.normalize(features[:, args.shot:].flatten(0, 1), dim=-1)
        truth = torch.arange(way).repeat_interleave(count - args.shot)
        loss = F.cross_entropy(args.temperature * queries @ protos.T, truth)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 2.0)
        optimiser.step()
        episode += 1
        average(averaged, model, min(args.average, episode / (10 + episode)))
        total += loss.item() / math.log(way)
        if episode % args.every == 0 or progress >= 1:
            few, many = evaluate()
            print(f"episode {episode}, {time.monotonic() - began:.0f} s, loss / log(way) "
                  f"{total / ((episode - 1) % args.every + 1):.4f}, held-out 5-way {few:.4f}, 20-way {many:.4f}", flush=True)
            total = 0.0
            if few + many > best:
                best = few + many
                keep(episode)


if __name__ == "__main__":
    main()
