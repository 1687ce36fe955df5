"""Training by several processes, as torchrun starts them; without torchrun a single one."""

import os

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel


class Workers:
    """This process among `count`: gradients are averaged over all, each trains with its part of a batch.

    On machines with GPUs every process takes the one of its local rank (nccl), else the CPU (gloo).
    """

    def __init__(self):
        self.count = int(os.environ.get("WORLD_SIZE", 1))
        self.rank = int(os.environ.get("RANK", 0))
        self.device = torch.device("cpu")
        if torch.cuda.is_available():
            self.device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
            torch.cuda.set_device(self.device)
        if self.count > 1:
            dist.init_process_group("nccl" if self.device.type == "cuda" else "gloo")

    def wrap(self, module):
        """The module with gradients that are averaged over the processes."""
        if self.count == 1:
            return module
        return DistributedDataParallel(module, device_ids=[self.device] if self.device.type == "cuda" else None)

    def wait(self):
        """Go on when all processes are here."""
        if self.count > 1:
            dist.barrier()

    def agree(self, value):
        """The value of the first process: clocks differ, and all have to stop at the same step."""
        if self.count == 1:
            return value
        shared = torch.tensor(value, dtype=torch.float64, device=self.device)
        dist.broadcast(shared, 0)
        return shared.item()
