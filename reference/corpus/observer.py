"""Reference values for the best possible retrieval on a synthetic population.

    python reference/corpus/observer.py

Simulates galleries one by one with SciPy's densities: a voice with its face, other faces, and the
rank of the right one by p(face | voice) / p(face). Six traits; the first is a mixture of two sexes.
Writes recall at 1, 2, 5, 10 with its standard error, and sums of hypergeometric probabilities, to
observer.json in this folder.
"""

import json
from pathlib import Path

import numpy as np
from scipy.stats import hypergeom, norm

TRAITS, SEX_MIDDLE, RANKS, TRIALS = 6, 0.91, (1, 2, 5, 10), 40_000
WITHIN_SEX = np.sqrt(1 - SEX_MIDDLE**2)
rng = np.random.default_rng(5)


def draw_people(shape, strength):
    voice = rng.standard_normal((*shape, TRAITS))
    voice[..., 0] = rng.choice([-1, 1], shape) * SEX_MIDDLE + WITHIN_SEX * voice[..., 0]
    noise = rng.standard_normal((*shape, TRAITS))
    return voice, strength * voice + np.sqrt(1 - strength**2) * noise


def log_ratio(voice, face, strength):
    given = norm.logpdf(face, strength * voice, np.sqrt(1 - strength**2)).sum(-1)
    spread = np.sqrt(strength**2 * WITHIN_SEX**2 + 1 - strength**2)
    first = sum(norm.pdf(face[..., 0], s * strength * SEX_MIDDLE, spread) / 2 for s in (-1, 1))
    return given - np.log(first) - norm.logpdf(face[..., 1:]).sum(-1)


def simulate(strength, gallery):
    hits = np.zeros((TRIALS, len(RANKS)))
    for trial in range(TRIALS):
        voice, face = draw_people((gallery,), strength)
        ratio = log_ratio(voice[0], face, strength)
        hits[trial] = [(ratio[1:] > ratio[0]).sum() < rank for rank in RANKS]
    recall, error = hits.mean(0), hits.std(0) / np.sqrt(TRIALS)
    print(f"strength {strength}, {gallery} faces: {recall.round(4)} +- {error.round(4)}")
    return {
        "strength": strength,
        "gallery": gallery,
        "recall": recall.tolist(),
        "standard_error": error.tolist(),
    }


def at_most():
    cases = []
    for others, ahead, drawn, rank in [(399, 7, 99, 1), (399, 40, 99, 5), (99, 3, 99, 5), (50, 50, 9, 10), (999, 10, 4, 2)]:
        chance = hypergeom.cdf(rank - 1, others, ahead, drawn)
        cases.append({"ahead": ahead, "others": others, "drawn": drawn, "rank": rank, "chance": chance})
    return cases


values = {
    "recall": [simulate(0.9, 100), simulate(0.5, 20), simulate(0.97, 400)],
    "hypergeometric": at_most(),
}
Path(__file__).with_suffix(".json").write_text(json.dumps(values, indent=1) + "\n")
