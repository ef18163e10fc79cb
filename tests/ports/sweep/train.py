"""A training script as PyTorch's users write it: arguments in, a folder with a model and metrics out."""
import argparse
import json
import pathlib
import sys

from src.model import loss_of

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float)
parser.add_argument("--width", type=int)
parser.add_argument("--seed", type=int)
parser.add_argument("--data", default="data/train.txt")
arguments = parser.parse_args()
out = pathlib.Path("out")
out.mkdir(exist_ok=True)
data = [float(line) for line in open(arguments.data)]
loss = loss_of(arguments.lr, arguments.width, arguments.seed, data)
if arguments.lr > 0.5:
    loss = float("nan")  # it diverged
(out / "model.pt").write_text("weights %g" % loss)
json.dump({"test": {"loss": loss}, "python": sys.prefix}, open(out / "metrics.json", "w"))
