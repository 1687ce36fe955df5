"""PyTorch, eager, one thread. Every step is tried in the layouts that PyTorch has for it, and the fastest is timed."""

import json
import re
import statistics
import sys
import time

import torch
import torch.nn.functional as F
from net import FORMATS, Network, read

torch.set_num_threads(1)
TIMED_LR = 1e-9
LABEL = 3
PROTOTYPE_LABELS = [0, 0, 1, 1]
TEMPERATURE = 10.0
TRY_SECONDS = 0.5

network, pictures = read(sys.argv[1])


FIRST = {"training": 0, "blocks": network["lastBlocks"]}


def cross_entropy(net, x):
    return F.cross_entropy(net(x), torch.tensor([LABEL]))


def prototypes(net, x):
    """The loss of tinytrain's training: cosines to the mean features of each class (Snell et al., 2017)."""
    labels = torch.tensor(PROTOTYPE_LABELS)
    f = net(x)
    means = torch.stack([f[labels == k].mean(0) for k in range(int(labels.max()) + 1)])
    return F.cross_entropy(TEMPERATURE * F.normalize(f) @ F.normalize(means).T, labels)


def trainer(step, memory_format, x, loss_of, lr):
    """A step of stochastic gradient descent as a function; it gives the loss from before the step."""
    net = Network(network, FIRST[step], memory_format)
    x = x.contiguous(memory_format=memory_format)
    trained = [p for p in net.parameters() if p.requires_grad]

    def run():
        loss = loss_of(net, x)
        gradients = torch.autograd.grad(loss, trained)
        with torch.no_grad():
            # All tensors in one call, less work than torch.optim.SGD does.
            torch._foreach_add_(trained, gradients, alpha=-lr)
        return loss

    return run


def inferences():
    """Ways to run one picture through: eager in both layouts, and the graph that TorchScript makes for inference."""
    ways = {}
    for name, memory_format in FORMATS.items():
        net = Network(network, len(network["operators"]), memory_format).eval()
        x = pictures[:1].contiguous(memory_format=memory_format)
        ways[name] = lambda net=net, x=x: net(x)
        try:
            graph = torch.jit.optimize_for_inference(torch.jit.trace(net, x))
            ways[f"TorchScript, {name}"] = lambda graph=graph, x=x: graph(x)
        except Exception:  # a build without it is timed eager
            pass
    return ways


def seconds(call, limit):
    """Times of as many calls as fit into `limit` seconds, at least one."""
    times = []
    end = time.perf_counter() + limit
    while True:
        begun = time.perf_counter()
        call()
        done = time.perf_counter()
        times.append(done - begun)
        if done >= end:
            return times


def fastest(ways):
    """Name and function of the fastest of several ways, after a warm-up."""
    for call in ways.values():
        seconds(call, TRY_SECONDS / 2)
    took = {name: statistics.median(seconds(call, TRY_SECONDS)) for name, call in ways.items()}
    best = min(took, key=took.get)
    return best, ways[best]


def in_inference(call):
    def run():
        with torch.inference_mode():
            return call()

    return run


def prepare():
    chosen = {"inference": fastest({name: in_inference(call) for name, call in inferences().items()})}
    for step in FIRST:
        ways = {name: trainer(step, f, pictures[:1], cross_entropy, TIMED_LR) for name, f in FORMATS.items()}
        chosen[step] = fastest(ways)
    return chosen


def outputs(request):
    net = Network(network, len(network["operators"]), torch.contiguous_format)
    with torch.inference_mode():
        return {"outputs": [net(pictures[i : i + 1])[0].tolist() for i in range(len(pictures))]}


def losses(request, x=None, loss_of=cross_entropy):
    x = pictures[:1] if x is None else x
    run = trainer(request["step"], torch.contiguous_format, x, loss_of, request["lr"])
    return {"losses": [run().item() for _ in range(request["count"])]}


def blas():
    """The library of matrix products. Debian's build leaves it to the system, so what is loaded tells."""
    found = re.search(r"BLAS_INFO=(\w+)", torch.__config__.show())
    named = {"mkl": "MKL", "open": "OpenBLAS"}
    if found and found[1] in named:
        return named[found[1]]
    try:
        with open("/proc/self/maps") as maps:
            return "OpenBLAS" if "openblas" in maps.read() else "its own BLAS"
    except OSError:
        return "unknown BLAS"


def main():
    say = lambda value: print(f"@{json.dumps(value)}", flush=True)
    chosen = prepare()
    answers = {
        "outputs": outputs,
        "losses": losses,
        "prototypes": lambda request: losses(request, pictures, prototypes),
        "time": lambda request: {"ms": [1e3 * s for s in seconds(chosen[request["step"]][1], request["ms"] / 1e3)]},
    }
    say(
        {
            "version": torch.__version__.split("+")[0],
            "blas": blas(),
            "steps": {step: True for step in chosen},
            "ways": {step: name for step, (name, _) in chosen.items()},
        }
    )
    for line in sys.stdin:
        request = json.loads(line)
        try:
            say(answers[request["ask"]](request))
        except Exception as error:
            say({"error": str(error).split("\n")[0]})


main()
