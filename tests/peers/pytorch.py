"""The network, the loss and its gradients once more, in PyTorch and double precision, against what Retort wrote.

    pytorch.py FOLDER...

Each FOLDER holds, as tests/peers/pytorch.sh makes them: student/ and teacher/ (deeprx/train), data/ (link/dataset),
llr/ and teacher-llr/ (deeprx/infer), and steps/NAME.{json,safetensors} (tests/peers/gradients). Prints TAP.
"""
import glob
import io
import json
import os
import sys

import numpy as np
import torch
import torch.nn.functional as F

from network import load, read_safetensors

# |ours - PyTorch's| <= ABSOLUTE * scale + RELATIVE * |PyTorch's|; NaN fails. `scale` is the largest value of the tensor. For
# gradients it is that of the whole network: a bias before a batch norm has gradient 0, and rounding leaves some.
# Ours are single precision; a divergence of nearly equal outputs is a small difference of larger values.
TOLERANCE = {
    "llr": (2e-6, 1e-5),
    "gradient": (2e-6, 2e-5),
    "statistics": (1e-6, 1e-5),
    "bce": (0, 1e-6),
    "lambda": (0, 1e-6),
    "kd": (0, 1e-4),
    "total": (0, 1e-4),
}


def excess(ours, theirs, what, scale=None):
    """How many times the tolerance the worst difference is."""
    absolute, relative = TOLERANCE[what]
    ours, theirs = torch.as_tensor(ours, dtype=torch.float64), torch.as_tensor(theirs, dtype=torch.float64)
    if ours.shape != theirs.shape:
        return float("inf")
    largest = theirs.abs().max() if scale is None else scale
    times = (ours - theirs).abs() / (absolute * largest + relative * theirs.abs())
    return float("inf") if times.isnan().any() else times.max().item()


number, failures = 0, 0


def check(name, passed, remark=""):
    global number, failures
    number, failures = number + 1, failures + (not passed)
    print(f"{'ok' if passed else 'not ok'} {number} - {name}{' # ' + remark if remark else ''}")


def within(name, times):
    check(name, times <= 1, f"{times:.3g} of the tolerance")


def divergence(kd, student, teacher, counts):
    """The terms that are summed or averaged; `counts`: [S,F], the elements that are not masked."""
    if kd == "bernoulli":
        bernoulli = torch.distributions.Bernoulli
        terms = torch.distributions.kl_divergence(bernoulli(logits=teacher), bernoulli(logits=student))
    else:
        terms = F.kl_div(F.log_softmax(student, -1), F.log_softmax(teacher, -1), log_target=True,
                         reduction="none").sum(-1, keepdim=True)
    return terms[:, counts]


def expected_step(folder, step, x, label, counts, teacher_llr):
    net = load(f"{folder}/student/model.safetensors").train()
    z = net(x)
    bce = F.binary_cross_entropy_with_logits(z[:, counts], label[:, counts])
    loss = {"bce": bce, "kd": torch.zeros(()), "total": bce, "lambda": torch.ones(())}
    if "kd" in step:
        temperature, clip = step["temperature"], step["clip"]
        terms = divergence(step["kd"], z / temperature, teacher_llr.clamp(-clip, clip) / temperature, counts)
        reduced = terms.sum() if step["reduction"] == "sum" else terms.mean()
        loss["kd"] = reduced * (temperature ** 2 if step["t_squared"] else 1)
        loss["total"] = step["alpha"] * bce + loss["kd"]
        loss["lambda"] = torch.tensor(step["alpha"] / (terms.numel() if step["reduction"] == "sum" else 1))
    loss["total"].backward()
    wrong = (z[:, counts] > 0) != (label[:, counts] > 0.5)
    unsure = z[:, counts].abs() <= 2e-6 * z.abs().max()  # a sign that single precision may give either way
    fewest, bits = (wrong & ~unsure).sum().item(), wrong.numel()
    return net, {k: v.item() for k, v in loss.items()}, (fewest, fewest + unsure.sum().item()), bits


def check_step(folder, path, inputs):
    name = f"{os.path.basename(folder)}, {os.path.basename(path)[:-5]}"
    step = json.load(open(path))
    net, loss, wrong, bits = expected_step(folder, step["config"], *inputs)
    ours, _ = read_safetensors(path[:-5] + ".safetensors")
    within(f"{name}: loss", max(excess(step["loss"][k], loss[k], k) for k in loss if loss[k] or step["loss"][k]))
    right = wrong[0] <= step["loss"]["errors"] <= wrong[1] and step["loss"]["bits"] == bits
    check(f"{name}: bit errors", right, f"{wrong[0]} to {wrong[1]} of {bits}")
    gradients = {k: p.grad for k, p in net.named_parameters()}
    largest = max(g.abs().max().item() for g in gradients.values())
    times = {k: excess(ours[k], g, "gradient", largest) for k, g in gradients.items()}
    worst = max(times, key=times.get)
    within(f"{name}: {len(times)} gradients, the worst {worst}", times[worst])
    running = {k: v for k, v in net.named_buffers() if not k.endswith("num_batches_tracked")}
    within(f"{name}: running statistics", max(excess(ours[k], v, "statistics") for k, v in running.items()))
    return ours, gradients, largest


def numpy_agrees(path):
    file = io.BytesIO()
    np.save(file, np.load(path))
    return file.getvalue() == open(path, "rb").read()


def check_folder(folder):
    name = os.path.basename(folder)
    x = torch.from_numpy(np.load(f"{folder}/data/x.npy").astype(np.float64))
    label = torch.from_numpy(np.load(f"{folder}/data/label.npy").astype(np.float64))
    counts = torch.from_numpy(np.load(f"{folder}/data/mask.npy")) == 1
    ours = {}
    with torch.no_grad():
        for who, where in ("student", "llr"), ("teacher", "teacher-llr"):
            theirs = load(f"{folder}/{who}/model.safetensors").eval()(x)
            ours[who] = torch.from_numpy(np.load(f"{folder}/{where}/llr.npy").astype(np.float64))
            within(f"{name}: LLRs of the {who}", excess(ours[who], theirs, "llr"))
        # That the comparison sees what it must see.
        turned = load(f"{folder}/student/model.safetensors", dilation=lambda d: tuple(d[::-1])).eval()(x)
        check(f"{name}: dilations the wrong way round are noticed", excess(ours["student"], turned, "llr") > 100)
    check(f"{name}: numpy writes the same bytes", all(numpy_agrees(path) for path in glob.glob(f"{folder}/*/*.npy")))
    steps = sorted(glob.glob(f"{folder}/steps/*.json"))
    check(f"{name}: scratch and eight forms of distillation", len(steps) == 9)
    clip = json.load(open(steps[0]))["config"]["clip"]
    clipped = (ours["teacher"].abs() > clip).double().mean().item()
    check(f"{name}: the clip meets some of the teacher's logits", 0.05 < clipped < 0.95, f"{clipped:.3g} of them")
    for path in steps:
        written, gradients, largest = check_step(folder, path, (x, label, counts, ours["teacher"]))
    tensor = "block2.pointwise2.weight"
    spoilt = written[tensor].clone()
    spoilt.view(-1)[3] += 1e-3 * largest
    check(f"{name}: one spoilt value is noticed", excess(spoilt, gradients[tensor], "gradient", largest) > 1)


torch.set_num_threads(1)
for folder in sys.argv[1:]:
    check_folder(folder)
print(f"1..{number}")
sys.exit(1 if failures else 0)
