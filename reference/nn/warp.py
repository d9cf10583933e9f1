"""Reference values for the warp of the face decoder: SciPy's exact thin-plate spline.

    python reference/nn/warp.py

writes reference/nn/warp.safetensors. Control points lie at the landmarks and at the border,
their values are landmark minus mean and zero; rendered(y) = texture(y - u(y)), bilinear.
"""

from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from scipy.interpolate import RBFInterpolator
from scipy.ndimage import map_coordinates

SIZE = 224
LANDMARKS = 80
CLOSEST = 6.0  # px between two landmarks
LARGEST = 15.0  # px of displacement

rng = np.random.default_rng(7)


def scattered(count):
    """Points inside an ellipse the size of a head, none closer than CLOSEST."""
    points = []
    while len(points) < count:
        point = rng.uniform([55, 30], [170, 195])
        inside = ((point - [112, 112]) / [58, 84]) ** 2
        if inside.sum() < 1 and all(np.hypot(*(point - p)) > CLOSEST for p in points):
            points.append(point)
    return np.array(points)


def smooth_displacement(points):
    """A few long waves: neighbours have similar displacements, as in faces; the largest is LARGEST."""
    move = np.zeros_like(points)
    for _ in range(6):
        wave = rng.uniform(-1, 1, 2) * 2 * np.pi / 120
        phase = rng.uniform(0, 2 * np.pi)
        move += np.sin(points @ wave + phase)[:, None] * rng.normal(size=2)
    return move * LARGEST / np.hypot(*move.T).max()


side = np.linspace(-32, SIZE + 31, 5)
border = np.array([(x, y) for x in side for y in side if x in side[[0, -1]] or y in side[[0, -1]]])
mean = scattered(LANDMARKS)
landmarks = mean + smooth_displacement(mean)

spline = RBFInterpolator(
    np.concatenate([landmarks, border]),
    np.concatenate([landmarks - mean, np.zeros_like(border)]),
    kernel="thin_plate_spline",
)
y, x = np.mgrid[0:SIZE, 0:SIZE]
pixels = np.stack([x.ravel(), y.ravel()], 1).astype(float)
displacement = spline(pixels)

# A texture with detail of about 12 px, the same formula in the test.
texture = 0.5 + 0.5 * np.sin(x / 2.0) * np.cos(y / 3.0)
source = pixels - displacement
rendered = map_coordinates(texture, [source[:, 1], source[:, 0]], order=1, mode="nearest")

chosen = rng.permutation(SIZE * SIZE)[:4000]
save_file(
    {
        "mean": mean.astype(np.float32),
        "landmarks": landmarks.astype(np.float32),
        "border": border.astype(np.float32),
        "pixel": chosen.astype(np.int64),
        "displacement": displacement[chosen].astype(np.float32),
        "rendered": rendered[chosen].astype(np.float32),
    },
    Path(__file__).with_name("warp.safetensors"),
)
