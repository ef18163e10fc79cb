"""Training steps and inferences in PyTorch, one thread, single precision, channels last: what tests/bench times.

Says its version, then reads commands, a line each, and answers each with a line:

    load MODEL X LABEL     ok; safetensors, and raw f32 [N,S,F,C] and [N,S,F,B] of one batch
    train TIMES            processor seconds of so many steps, and the last one's loss
    infer TIMES            processor seconds
"""
import os
import sys
import time

# One core has room for one thread. PyTorch's own setting does not reach the BLAS below it, whose second thread would
# spin, and be counted.
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")

import numpy as np
import torch
import torch.nn.functional as F

from network import load, read_architecture


class Work:
    def __init__(self, model, x, label):
        shape = read_architecture(model)
        slot = (-1, shape["symbols"], shape["subcarriers"])
        self.x = torch.from_numpy(np.fromfile(x, "<f4").reshape(*slot, shape["channels_in"]))
        self.label = torch.from_numpy(np.fromfile(label, "<f4").reshape(*slot, shape["bits"]))
        self.net = load(model).float().to(memory_format=torch.channels_last)
        self.optimizer = torch.optim.AdamW(self.net.parameters(), lr=1e-3, weight_decay=1e-4)

    def train(self, times):
        self.net.train()
        for _ in range(times):
            self.optimizer.zero_grad(set_to_none=True)
            loss = F.binary_cross_entropy_with_logits(self.net(self.x), self.label)
            loss.backward()
            self.optimizer.step()
        return loss.item()

    def infer(self, times):
        self.net.eval()
        with torch.inference_mode():
            for _ in range(times):
                self.net(self.x)
        return ""


def say(*words):
    print(*words, flush=True)


say(f"PyTorch {torch.__version__}, {torch.get_num_threads()} thread")
for line in sys.stdin:
    command, *words = line.split()
    if command == "load":
        work = Work(*words)
        say("ok")
    else:
        began = time.process_time()
        remark = getattr(work, command)(int(words[0]))
        say(time.process_time() - began, remark)
