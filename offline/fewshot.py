"""Few-shot accuracy of a backbone without adaptation: prototypes and cosine similarity."""

import numpy as np
import torch
import torch.nn.functional as F

from data import normalise, resize


@torch.no_grad()
def embed(model, images, batch=500):
    """Feature vectors of uint8 NHWC images, and the classifier's answers."""
    model.eval()
    side, device = model.network.size, next(model.parameters()).device
    features, answers = [], []
    for start in range(0, len(images), batch):
        f = model.features(normalise(resize(images[start:start + batch], side)).to(device))
        features.append(f.cpu())
        answers.append(model.classifier(f).argmax(1).cpu())
    return torch.cat(features), torch.cat(answers)


def prototypes(support):
    """[..., way, shot, width] -> [..., way, width]: the mean of the feature vectors."""
    return support.mean(-2)


def episodes(features, labels, way, shot, query=10, tasks=600, seed=0):
    """Mean accuracy over random tasks, and the half-width of its 95 % confidence interval."""
    rng = np.random.default_rng(seed)
    members = [np.flatnonzero(labels.numpy() == c) for c in range(int(labels.max()) + 1)]
    accuracies = []
    for _ in range(tasks):
        classes = rng.permutation(len(members))[:way]
        drawn = np.stack([rng.permutation(members[c])[:shot + query] for c in classes])
        task = features[torch.from_numpy(drawn)]
        protos = F.normalize(prototypes(task[:, :shot]), dim=-1)
        similarity = task[:, shot:].reshape(way * query, -1) @ protos.T
        truth = torch.arange(way).repeat_interleave(query)
        accuracies.append((similarity.argmax(1) == truth).float().mean().item())
    accuracies = np.array(accuracies)
    return accuracies.mean(), 1.96 * accuracies.std(ddof=1) / tasks ** 0.5
