"""Trains the net: python train.py TRAIN.npz CHECK.npz NET.pickle STEPS"""

import pickle
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax

# Name, rows, columns, channels in, channels out of each convolution.
LAYERS = [("c1", 5, 5, 1, 16), ("c2", 3, 3, 16, 24), ("c3", 3, 3, 24, 48), ("c4", 3, 3, 48, 64),
          ("c5", 4, 3, 64, 96), ("c6", 1, 3, 96, 64), ("c7", 1, 1, 64, 38)]
BATCH = 32
GAP_WEIGHT = 0.35  # most columns show no letter


def start(rng):
    return {name: (jnp.array(rng.standard_normal((rows, columns, into, out)) * np.sqrt(2 / (rows * columns * into)), jnp.float32), jnp.zeros(out))
            for name, rows, columns, into, out in LAYERS}


def conv(x, layer, strides=(1, 1), padding="SAME"):
    weights, bias = layer
    return jax.lax.conv_general_dilated(x, weights, strides, padding, dimension_numbers=("NHWC", "HWIO", "NHWC")) + bias


def pool(x, rows, columns):
    return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, rows, columns, 1), (1, rows, columns, 1), "VALID")


def net(layers, x):
    """Strips, brightness with mean 0, to scores of 38 classes for every fourth column."""
    x = jax.nn.relu(conv(x, layers["c1"], (2, 2), ((2, 2), (2, 2))))
    x = pool(jax.nn.relu(conv(x, layers["c2"])), 2, 2)
    x = pool(jax.nn.relu(conv(x, layers["c3"])), 2, 1)
    x = jax.nn.relu(conv(x, layers["c4"]))
    x = jax.nn.relu(conv(x, layers["c5"], (1, 1), ((0, 0), (1, 1))))
    x = jax.nn.relu(conv(x, layers["c6"]))
    return conv(x, layers["c7"])[:, 0]


def loss(layers, x, labels):
    scores = jax.nn.log_softmax(net(layers, x))
    chosen = jnp.take_along_axis(scores, labels[..., None], -1)[..., 0]
    return -(chosen * jnp.where(labels > 0, 1.0, GAP_WEIGHT)).mean()


def prepare(strips):
    return jnp.asarray((strips.astype(np.float32) - 128) / 32)[..., None]


def letters(columns):
    """Classes by column to the letters that they show."""
    return [c for before, c in zip([0, *columns], columns) if c and c != before]


def main():
    train, check = np.load(sys.argv[1]), np.load(sys.argv[2])
    strips, labels = train["strips"], train["labels"]
    steps = int(sys.argv[4])
    rng = np.random.default_rng(0)
    layers = start(rng)
    optimizer = optax.adamw(optax.cosine_onecycle_schedule(steps, 4e-3, 0.15), weight_decay=1e-4)
    state = optimizer.init(layers)

    @jax.jit
    def step(layers, state, x, y):
        value, gradient = jax.value_and_grad(loss)(layers, x, y)
        update, state = optimizer.update(gradient, state, layers)
        return optax.apply_updates(layers, update), state, value

    run = jax.jit(net)
    for number in range(1, steps + 1):
        chosen = rng.integers(0, len(strips), BATCH)
        x = np.roll(strips[chosen], rng.integers(-1, 2), 1)  # a row up or down
        layers, state, value = step(layers, state, prepare(x), jnp.asarray(labels[chosen].astype(np.int32)))
        if number % 200 == 0 or number == steps:
            right = 0
            for at in range(0, len(check["strips"]), 50):
                guesses = np.array(run(layers, prepare(check["strips"][at:at + 50]))).argmax(-1)
                right += sum(letters(list(a)) == letters(list(b)) for a, b in zip(guesses, check["labels"][at:at + 50]))
            print(number, "loss", float(value), "lines right", right / len(check["strips"]), flush=True)
            with open(sys.argv[3], "wb") as file:
                pickle.dump({name: tuple(map(np.array, layer)) for name, layer in layers.items()}, file)


if __name__ == "__main__":
    main()
