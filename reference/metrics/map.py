"""Reference values for the map of voices.

    python reference/metrics/map.py

Three clouds of points of different sizes, and scikit-learn's exact t-SNE of them, initialised with
principal components: the probabilities that the first two points are neighbours of the others, the
entropy of all, and the final Kullback-Leibler divergence. Writes map.npy and map.json to this
folder.
"""

import json
from pathlib import Path

import numpy as np
from scipy.spatial.distance import squareform
from sklearn.manifold import TSNE, _t_sne
from sklearn.metrics import pairwise_distances

PERPLEXITY = 30
rng = np.random.default_rng(10)

clouds = [(80, 1.6), (50, 1.0), (20, 0.4)]
points = np.concatenate(
    [3 * rng.standard_normal(8) + width * rng.standard_normal((count, 8)) for count, width in clouds]
).astype(np.float32)
squares = pairwise_distances(points.astype(float)) ** 2
# A private part of TSNE, which does not return them.
neighbours = squareform(_t_sne._joint_probabilities(squares.astype(np.float32), PERPLEXITY, verbose=0))
known = neighbours[neighbours > 1e-12]
map_ = TSNE(perplexity=PERPLEXITY, method="exact", init="pca", random_state=0).fit(points.astype(float))

values = {
    "perplexity": PERPLEXITY,
    "neighbours": [[float(f"{p:.6g}") for p in row] for row in neighbours[:2]],
    "entropy": float(-(known * np.log(known)).sum()),
    "divergence": float(map_.kl_divergence_),
}
np.save(Path(__file__).with_suffix(".npy"), points)
Path(__file__).with_suffix(".json").write_text(json.dumps(values) + "\n")
