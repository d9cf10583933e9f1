"""Checkpoints in the layouts of known re-implementations, for the tests of `configs/import`.

    python reference/pytorch/reimplementations.py

writes to reference/pytorch/reimplementations a checkpoint of random weights for each, with the names
and shapes of that program but few channels, and the features that it computes from a fixed
spectrogram. It needs TensorFlow 2.15 for the one in Keras: later versions write other files.
"""

import os
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

FOLDER = Path(__file__).with_name("reimplementations")
BINS, FRAMES = 257, 270
# Channels, stride, pool; the strides and pools are the paper's.
CHANNELS = [2, 3, 2, 3, 2, 4, 3, 2, 5]
STRIDES = [1, 1, 1, 1, 1, 1, 1, 2, 2]
POOLS = [False, False, True, True, True, True, False, False, False]
HIDDEN, OUTPUT, FREQUENCIES = 4, 7, 57


def spectrogram():
    """S of an invented clip, [frames, 257], complex, the same on every machine."""
    index = np.arange(FRAMES * BINS, dtype=np.int64)
    part = lambda factor: ((index * factor) % 1009 - 504) / 256.0
    return (part(7919) + 1j * part(104729)).reshape(FRAMES, BINS)


def compressed(parts):
    return np.sign(parts) * np.abs(parts) ** 0.3


def randomised(module):
    """No defaults, so that a forgotten statistic or scale is noticed."""
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.running_mean.uniform_(-0.5, 0.5)
            norm.running_var.uniform_(0.5, 2.0)
            norm.weight.data.uniform_(0.5, 1.5)
            norm.bias.data.uniform_(-0.5, 0.5)
    return module.eval()


class Aqibahmad(nn.Module):
    """github.com/aqibahmad/speech2face: all convolutions in one sequence."""

    def __init__(self):
        super().__init__()
        layers, inputs = [], 2
        for channels, stride, pool in zip(CHANNELS, STRIDES, POOLS):
            layers += [nn.Conv2d(inputs, channels, 4, stride), nn.ReLU(), nn.BatchNorm2d(channels)]
            if pool:
                layers.append(nn.MaxPool2d((2, 1)))
            inputs = channels
        layers.insert(-2, nn.AdaptiveAvgPool2d((1, None)))  # theirs is fixed, for 6 s
        self.conv = nn.Sequential(*layers)
        width = inputs * FREQUENCIES
        self.linear = nn.Sequential(nn.Linear(width, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, OUTPUT))

    def forward(self, x):
        return self.linear(self.conv(x).flatten(1))


class KacperPietkun(nn.Module):
    """github.com/Kacper-Pietkun/Speech-to-face, VE_conv: one sequence for each layer, frequency before
    time, and a ReLU at the end."""

    def __init__(self):
        super().__init__()
        inputs = 2
        for index, (channels, stride, pool) in enumerate(zip(CHANNELS, STRIDES, POOLS), 1):
            layer = [nn.Conv2d(inputs, channels, 4, stride), nn.ReLU(), nn.BatchNorm2d(channels)]
            if pool:
                layer.append(nn.MaxPool2d((1, 2)))
            if index == len(CHANNELS):
                layer.insert(1, nn.AdaptiveAvgPool2d((None, 1)))
            setattr(self, f"layer{index}", nn.Sequential(*layer))
            inputs = channels
        width = inputs * FREQUENCIES
        self.layer10 = nn.Sequential(nn.Flatten(), nn.Linear(width, HIDDEN), nn.ReLU())
        self.layer11 = nn.Sequential(nn.Linear(HIDDEN, OUTPUT), nn.ReLU())

    def forward(self, x):
        for index in range(1, 12):
            x = getattr(self, f"layer{index}")(x)
        return x


def saiteja_talluri(magnitude, phase):
    """github.com/saiteja-talluri/Speech2Face: writes the checkpoint, returns the feature."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import tensorflow as tf
    from tensorflow.keras import layers

    tf.keras.utils.set_random_seed(5)
    inputs = x = layers.Input((FRAMES, BINS, 2))
    for index, (channels, stride, pool) in enumerate(zip(CHANNELS, STRIDES, POOLS)):
        is_last = index == len(CHANNELS) - 1
        x = layers.Conv2D(channels, 4, stride, activation=None if is_last else "relu")(x)
        if is_last:
            x = layers.AveragePooling2D((x.shape[1], 1), strides=1)(x)
            x = layers.ReLU()(x)
        x = layers.BatchNormalization()(x)
        if pool:
            x = layers.MaxPool2D((2, 1), strides=(2, 1))(x)
    x = layers.Dense(HIDDEN, activation="relu")(layers.Flatten()(x))
    model = tf.keras.Model(inputs, layers.Dense(OUTPUT)(x))
    random = np.random.default_rng(6)
    ranges = {"gamma": (0.5, 1.5), "moving_variance": (0.5, 2.0)}
    for variable in model.variables:
        kind = variable.name.split("/")[1].split(":")[0]
        if kind != "kernel":
            low, high = ranges.get(kind, (-0.5, 0.5))
            variable.assign(random.uniform(low, high, variable.shape))
    model.save_weights(FOLDER / "saiteja-talluri.h5")
    return model(np.stack([magnitude, phase], -1)[None].astype(np.float32), training=False).numpy()


def main():
    torch.manual_seed(7)
    FOLDER.mkdir(exist_ok=True)
    s = spectrogram()
    magnitude, phase = np.abs(s) ** 0.3, np.angle(s)
    batch = lambda *planes: torch.tensor(np.stack(planes)[None], dtype=torch.float32)
    features = {}
    with torch.no_grad():
        network = randomised(Aqibahmad())
        features["aqibahmad"] = network(batch(magnitude, phase))
        state = {"epoch": 16, "net_state_dict": network.state_dict()}
        torch.save(state, FOLDER / "aqibahmad.pt")

        network = randomised(KacperPietkun())
        network.layer11[0].bias.data.copy_(torch.linspace(-1, 1, OUTPUT))  # some below the ReLU
        features["kacper-pietkun"] = network(batch(magnitude.T, compressed(phase).T))
        steps = {"state": {0: {"exp_avg": torch.zeros(3)}}}
        state = {"epoch": 3, "model_state_dict": network.state_dict(), "optimizer_state_dict": steps}
        torch.save(state, FOLDER / "kacper-pietkun.pt")
    features["saiteja-talluri"] = torch.tensor(saiteja_talluri(magnitude, phase))
    for name, feature in features.items():
        print(name, feature.numpy().round(3))
    save_file(features, FOLDER / "features.safetensors")


if __name__ == "__main__":
    main()
