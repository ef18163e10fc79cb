"""Gradient descent on (x - 3)^2. It diverges for rates above 1: a strict run stops then, another writes NaN."""
import json
import math
import sys

rate, decay, strict = float(sys.argv[1]), float(sys.argv[2]), sys.argv[3] == "true"
x = 0.0
for step in range(60):
    x -= rate * (1 - decay) ** step * 2 * (x - 3)
diverged = abs(x - 3) > 3
if strict and diverged:
    sys.exit("diverged: x = %g" % x)
with open("metrics.json", "w") as out:
    json.dump({"loss": math.nan if diverged else (x - 3) ** 2, "rate": rate}, out)
