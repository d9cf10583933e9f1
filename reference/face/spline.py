"""Reference values for thin-plate splines and for rendering a texture: SciPy.

    python reference/face/spline.py

writes spline_points.npy [points, 4] (x, y, displacement x, y), spline_places.npy [places, 2] and
spline_output.npy [places, 2]: the spline through the points at the places; render_mean.npy,
render_landmarks.npy [106, 2], render_places.npy [places, 2] and render_output.npy [places]: the
value of texture(y - u(y)) at pixels y, where u is landmark - mean at the landmarks and zero at 16
border points, and the texture is `pattern` below in pixels, sampled bilinearly.
"""

from pathlib import Path

import numpy as np
from scipy.interpolate import RBFInterpolator
from scipy.ndimage import map_coordinates

HERE = Path(__file__).parent
SIZE = 224
LANDMARKS = 106

rng = np.random.default_rng(23)


def spline(points, values, places):
    return RBFInterpolator(points, values, kernel="thin_plate_spline", degree=1)(places)


def save(name, values):
    np.save(HERE / f"{name}.npy", np.asarray(values, np.float32))


def scattered(count, low, high, closest):
    points = []
    while len(points) < count:
        point = rng.uniform(low, high, 2)
        if all(np.hypot(*(point - other)) > closest for other in points):
            points.append(point)
    return np.array(points, np.float32).astype(np.float64)


points = scattered(60, 0, 224, 5)
values = rng.uniform(-15, 15, (60, 2)).astype(np.float32).astype(np.float64)
places = rng.uniform(-30, 254, (200, 2)).astype(np.float32).astype(np.float64)
save("spline_points", np.c_[points, values])
save("spline_places", places)
save("spline_output", spline(points, values, places))


def pattern(x, y):
    return 0.5 + 0.25 * np.sin(x / 9) + 0.25 * np.cos(y / 7)


mean = scattered(LANDMARKS, 30, 195, 7)
move = 6 * np.c_[np.sin(mean[:, 1] / 40), np.cos(mean[:, 0] / 35)]
landmarks = (mean + move + rng.normal(0, 0.5, mean.shape)).astype(np.float32).astype(np.float64)
steps = np.linspace(-32, 255, 5)
border = np.array([(x, y) for y in steps for x in steps if {x, y} & {-32.0, 255.0}])
rows, columns = np.mgrid[0:SIZE, 0:SIZE]
texture = pattern(columns, rows).astype(np.float32)
pixels = rng.integers(0, SIZE, (300, 2)).astype(np.float64)
control = np.r_[landmarks, border]
displacement = spline(control, np.r_[landmarks - mean, 0 * border], pixels)
source = pixels - displacement
save("render_mean", mean)
save("render_landmarks", landmarks)
save("render_places", pixels)
save("render_output", map_coordinates(texture, source[:, ::-1].T, order=1, mode="nearest"))
