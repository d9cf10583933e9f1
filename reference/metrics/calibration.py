"""Reference values for scores of predicted distributions.

    python reference/metrics/calibration.py

Energy scores and mean distances by plain loops over samples, the continuous ranked probability
score of a normal distribution in closed form, and the Kolmogorov-Smirnov test of uniformity by
SciPy. Writes calibration.json to this folder.
"""

import json
from pathlib import Path

import numpy as np
from scipy import stats

rng = np.random.default_rng(5)


def energy():
    cases = []
    for count, dimension in [(2, 1), (5, 3), (40, 8), (9, 100)]:
        samples = rng.standard_normal((count, dimension)).round(3)
        truth = rng.standard_normal(dimension).round(3)
        between = [np.linalg.norm(a - b) for i, a in enumerate(samples) for b in samples[:i]]
        own = np.mean([np.linalg.norm(sample - truth) for sample in samples])
        cases.append({
            "samples": samples.tolist(),
            "truth": truth.tolist(),
            "distance": np.mean(between),
            "score": own - 0.5 * np.mean(between),
        })
    return cases


def ranked_probability():
    """Gneiting & Raftery (2007), equation 5, and the quantiles of the normal distribution."""
    quantiles = stats.norm.ppf((np.arange(400) + 0.5) / 400)
    cases = []
    for truth in (0.0, 0.7, -2.5):
        score = truth * (2 * stats.norm.cdf(truth) - 1) + 2 * stats.norm.pdf(truth) - 1 / np.sqrt(np.pi)
        cases.append({"truth": truth, "score": score})
    return {"quantiles": quantiles.round(5).tolist(), "cases": cases}


def uniformity():
    cases = []
    for count, power in [(1, 1), (8, 1), (200, 1), (200, 1.5), (200, 0.4), (600, 1.06)]:
        levels = (rng.random(count) ** power).round(4)
        found = stats.kstest(levels, "uniform", method="asymp")
        cases.append({"levels": levels.tolist(), "distance": found.statistic, "p": found.pvalue})
    return cases


if __name__ == "__main__":
    values = {"energy": energy(), "ranked_probability": ranked_probability(), "uniformity": uniformity()}
    text = ",\n".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in values.items())
    Path(__file__).with_suffix(".json").write_text(f"{{\n{text}\n}}\n")
