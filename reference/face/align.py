"""Reference values for similarity transforms: Umeyama's method with NumPy's SVD.

    python reference/face/align.py

writes align.npy, [cases, 24]: five points (x, y) from, five points to, then a, b, tx, ty of
(x, y) -> (a x - b y + tx, b x + a y + ty).
"""

from pathlib import Path

import numpy as np

CASES = 16

rng = np.random.default_rng(11)


def umeyama(source, target):
    """Umeyama, PAMI 1991, equations 40 to 43, with a proper rotation."""
    mean_source, mean_target = source.mean(0), target.mean(0)
    covariance = (target - mean_target).T @ (source - mean_source) / len(source)
    u, d, vt = np.linalg.svd(covariance)
    sign = np.diag([1, np.sign(np.linalg.det(u) * np.linalg.det(vt))])
    turn = u @ sign @ vt
    scale = np.trace(np.diag(d) @ sign) / (source - mean_source).var(0).sum()
    shift = mean_target - scale * turn @ mean_source
    return [scale * turn[0, 0], scale * turn[1, 0], *shift]


rows = []
for case in range(CASES):
    source = rng.uniform(0, 500, (5, 2)).astype(np.float32)
    angle, scale = rng.uniform(-np.pi, np.pi), rng.uniform(0.1, 3)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    target = source @ turn.T + rng.uniform(-50, 50, 2) + rng.normal(0, 20, (5, 2))
    if case % 4 == 3:  # a mirror image has no good fit without reflection
        target[:, 0] *= -1
    target = target.astype(np.float32)
    found = umeyama(source.astype(np.float64), target.astype(np.float64))
    rows.append([*source.ravel(), *target.ravel(), *found])
np.save(Path(__file__).with_suffix(".npy"), np.array(rows))
