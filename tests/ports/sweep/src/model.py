import random


def loss_of(lr, width, seed, data):
    random.seed(seed)
    return abs(lr - 0.05) + 1 / width + 0.01 * random.random() + 0 * sum(data)
