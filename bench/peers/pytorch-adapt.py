"""
The training of tinytrain's adaptation in PyTorch, eager, one thread: Adam on all weights, pseudo-queries against the
prototypes of the support set, gradients through both. Every batch size is tried in both layouts, and the fastest is timed.
"""

import json
import sys
import time

import torch
import torch.nn.functional as F
from net import FORMATS, Network, read

torch.set_num_threads(1)
BATCHES = [1, 5, 25]

network, pictures = read(sys.argv[1])
labels = torch.tensor(network["labels"])
mirrored = pictures.flip(3).contiguous()


def adapter(batch, memory_format, queries):
    """A function that runs one iteration, and gives its loss."""
    net = Network(network, 0, memory_format)
    x = pictures.contiguous(memory_format=memory_format)
    q = queries.contiguous(memory_format=memory_format)
    optimizer = torch.optim.Adam(net.parameters(), lr=network["lr"], foreach=True)
    features = lambda images: torch.cat([net(part).flatten(1) for part in images.split(batch)])

    def run():
        optimizer.zero_grad(set_to_none=True)
        f = features(x)
        means = torch.stack([f[labels == k].mean(0) for k in range(int(labels.max()) + 1)])
        cosines = F.normalize(features(q)) @ F.normalize(means).T
        loss = F.cross_entropy(network["temperature"] * cosines, labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    return run


def took(call, count):
    begun = time.perf_counter()
    for _ in range(count):
        call()
    return 1e3 * (time.perf_counter() - begun)


def losses(request):
    run = adapter(len(pictures), torch.contiguous_format, pictures)
    return {"losses": [run() for _ in range(request["count"])]}


def adapt(request):
    """A whole training: the network is made anew, as its weights have changed."""
    batch, name = request["way"]
    begun = time.perf_counter()
    run = adapter(batch, FORMATS[name], mirrored)
    for _ in range(request["iterations"]):
        run()
    return {"ms": 1e3 * (time.perf_counter() - begun)}


def main():
    say = lambda value: print(f"@{json.dumps(value)}", flush=True)
    tried = []
    for batch in BATCHES:
        for name, memory_format in FORMATS.items():
            run = adapter(batch, memory_format, mirrored)
            run()
            tried.append({"batch": batch, "layout": name, "ms": min(took(run, 1) for _ in range(2))})
    say({"version": torch.__version__.split("+")[0], "tried": tried})
    for line in sys.stdin:
        request = json.loads(line)
        try:
            say({"losses": losses, "adapt": adapt}[request["ask"]](request))
        except Exception as error:
            say({"error": str(error).split("\n")[0]})


main()
