"""The network in PyTorch, from a safetensors file that Retort wrote, in double precision."""
import json
import struct

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


class Block(nn.Module):
    def __init__(self, inputs, outputs, multiplier, dilation):
        super().__init__()

        def depthwise(channels):
            return nn.Conv2d(channels, channels * multiplier, 3, padding=dilation, dilation=dilation, groups=channels)

        self.norm1 = nn.BatchNorm2d(inputs, eps=1e-5, momentum=0.1)
        self.depthwise1 = depthwise(inputs)
        self.pointwise1 = nn.Conv2d(inputs * multiplier, outputs, 1)
        self.norm2 = nn.BatchNorm2d(outputs, eps=1e-5, momentum=0.1)
        self.depthwise2 = depthwise(outputs)
        self.pointwise2 = nn.Conv2d(outputs * multiplier, outputs, 1)
        if inputs != outputs:
            self.skip = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x):
        activated = F.relu(self.norm1(x))
        h = self.pointwise1(self.depthwise1(activated))
        h = self.pointwise2(self.depthwise2(F.relu(self.norm2(h))))
        return h + (self.skip(activated) if hasattr(self, "skip") else x)


class Head(nn.Conv2d):
    def __init__(self, channels, bits):
        super().__init__(channels, bits, 1)
        self.norm = nn.BatchNorm2d(channels, eps=1e-5, momentum=0.1)

    def forward(self, x):
        return super().forward(F.relu(self.norm(x)))


class DeepRx(nn.Module):
    def __init__(self, architecture, dilation=lambda d: tuple(d)):
        super().__init__()
        width = architecture["blocks"][0]["width"]
        self.stem = nn.Conv2d(architecture["channels_in"], width, 3, padding=1)
        self.blocks = []
        for number, block in enumerate(architecture["blocks"], 1):
            b = Block(width, block["width"], architecture["depth_multiplier"], dilation(block["dilation"]))
            setattr(self, f"block{number}", b)
            self.blocks.append(b)
            width = block["width"]
        self.head = Head(width, architecture["bits"])

    def forward(self, x):  # [N,S,F,C] -> [N,S,F,B]
        x = self.stem(x.permute(0, 3, 1, 2))
        for block in self.blocks:
            x = block(x)
        return self.head(x).permute(0, 2, 3, 1)


def read_safetensors(path):
    with open(path, "rb") as f:
        length, = struct.unpack("<Q", f.read(8))
        header = json.loads(f.read(length))
        data = f.read()
    metadata = header.pop("__metadata__")
    tensors = {}
    for name, t in header.items():
        begin, end = t["data_offsets"]
        tensors[name] = torch.from_numpy(np.frombuffer(data[begin:end], "<f4").reshape(t["shape"]).astype(np.float64))
    return tensors, metadata


def read_architecture(path):
    return json.loads(read_safetensors(path)[1]["architecture"])


def load(path, **options):
    tensors, _ = read_safetensors(path)
    net = DeepRx(read_architecture(path), **options).double()
    missing = net.load_state_dict(tensors, strict=False)
    if missing.unexpected_keys or any(not k.endswith("num_batches_tracked") for k in missing.missing_keys):
        raise SystemExit(f"{path}: {missing}")
    return net
