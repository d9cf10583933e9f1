"""Reference values for the statistics of an evaluation.

    python reference/metrics/statistics.py

Synthetic data and their statistics by SciPy, statsmodels, scikit-learn and NumPy: Pearson's r and
p, r within groups (as a regression with a mean for each group), Holm's correction, Wilson's
interval, quantiles, the probability that one value is below another, sign flips (all of them if
there are few), confusion matrices, and a bootstrap that resamples clusters in a plain loop. Writes
statistics.json to this folder.
"""

import json
from pathlib import Path

import numpy as np
import statsmodels.api as sm
from scipy import stats
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, roc_auc_score
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

DRAWS = 20_000
FLIPS = 200_000
rng = np.random.default_rng(8)


def normal(*shape):
    """Rounded, so that the file is short and exact."""
    return rng.standard_normal(shape).round(3)


def correlations():
    cases = []
    for count, noise in [(3, 1), (5, 0.3), (12, 2), (12, 0.05), (12, 0.001), (60, 8), (60, 1), (60, 0.2)]:
        x = normal(count)
        y = (x + noise * rng.standard_normal(count) + 10).round(4)
        found = stats.pearsonr(x, y)
        cases.append({"x": x.tolist(), "y": y.tolist(), "r": found.statistic, "p": found.pvalue})
    return cases


def p_values():
    """From the distribution of r itself, as in SciPy's pearsonr, not from Student's t."""
    cases = []
    for count in (3, 4, 10, 100, 5000):
        distribution = stats.beta(count / 2 - 1, count / 2 - 1, loc=-1, scale=2)
        for r in (0.0, 0.01, -0.1, 0.5, -0.9, 0.999, 0.999999999):
            cases.append({"count": count, "r": r, "p": 2 * distribution.cdf(-abs(r))})
    return [case for case in cases if case["p"] > 1e-300]


def corrections():
    cases = []
    for p in ([0.04], [0.01, 0.04, 0.03, 0.5], [0.2, 0.2, 0.2], rng.random(13).round(3).tolist(), (rng.random(13) ** 6).tolist()):
        cases.append({"p": p, "corrected": multipletests(p, method="holm")[1].tolist()})
    return cases


def shares():
    cases = []
    for hits, count in [(0, 1), (0, 40), (1, 40), (20, 40), (39, 40), (40, 40), (3, 5000)]:
        interval = proportion_confint(hits, count, alpha=0.05, method="wilson")
        cases.append({"hits": hits, "count": count, "interval": [float(bound) for bound in interval]})
    return cases


def exact():
    cases = []
    for hits, count in [(0, 1), (1, 1), (0, 7), (7, 7), (1, 7), (2, 5), (39, 40), (20, 40), (3, 5000)]:
        interval = proportion_confint(hits, count, alpha=0.05, method="beta")
        cases.append({"hits": hits, "count": count, "interval": [float(bound) for bound in interval]})
    return cases


def differences():
    """Newcombe's interval of a difference of two shares, from Wilson's of each."""
    cases = []
    for hits_a, count_a, hits_b, count_b in [(7, 7, 3, 4), (4, 4, 3, 3), (0, 9, 0, 5), (20, 40, 33, 60), (1, 3, 9, 10)]:
        interval = confint_proportions_2indep(hits_a, count_a, hits_b, count_b, method="newcomb", compare="diff")
        case = {"hits_a": hits_a, "count_a": count_a, "hits_b": hits_b, "count_b": count_b}
        cases.append({**case, "interval": [float(bound) for bound in interval]})
    return cases


def quantiles():
    cases = []
    for count in (1, 2, 7, 40):
        numbers = np.sort(normal(count))
        at = [0, 0.025, 1 / 3, 0.5, 0.975, 1]
        cases.append({"sorted": numbers.tolist(), "at": at, "quantiles": np.quantile(numbers, at).tolist()})
    return cases


def probabilities():
    cases = []
    for a, b in [(normal(9), normal(5)), (normal(30).round(), normal(20).round() + 1)]:
        is_b = np.repeat([0, 1], [len(a), len(b)])
        area = roc_auc_score(is_b, np.concatenate([a, b]))
        cases.append({"a": a.tolist(), "b": b.tolist(), "less": area})
    return cases


def flips():
    cases = []
    for count, shift, resamples in [(6, 1, np.inf), (12, 0.5, np.inf), (16, 0, np.inf), (150, 0.18, FLIPS)]:
        differences = normal(count) + shift
        found = stats.permutation_test(
            (differences,), np.sum, permutation_type="samples", vectorized=True, n_resamples=resamples, rng=rng
        )
        drawn = None if resamples == np.inf else resamples
        cases.append({"differences": differences.round(3).tolist(), "p": found.pvalue, "drawn": drawn})
    return cases


def people():
    """Speakers with one to six pairs each; the pairs of a speaker are correlated."""
    speakers = np.repeat(np.arange(40), rng.integers(1, 7, 40))
    x = (1.5 * normal(40)[speakers] + normal(len(speakers))).round(3)
    y = (0.5 * x + normal(40)[speakers] + 0.5 * normal(len(speakers))).round(3)
    return speakers, x, y


def spread(values, count=40):
    """Percentiles, expanded for the number of observations (Hesterberg 2015)."""
    z = np.sqrt(count / (count - 1)) * stats.t.ppf(0.975, count - 1)
    bounds = np.quantile(values, stats.norm.cdf([-z, z]))
    return {"interval": bounds.tolist(), "error": np.std(values, ddof=1)}


def by_speaker(speakers, values):
    return np.array([values[speakers == speaker].mean() for speaker in range(40)])


def bootstrap(speakers, x, y):
    """Resamples speakers, each with all of their pairs."""
    rows = [np.flatnonzero(speakers == speaker) for speaker in range(40)]
    mean_x, mean_y = by_speaker(speakers, x), by_speaker(speakers, y)
    places = stats.rankdata(x, method="min").astype(int)
    means, medians, correlations = [], [], []
    for _ in range(DRAWS):
        drawn = rng.integers(0, 40, 40)
        pairs = np.concatenate([rows[speaker] for speaker in drawn])
        means.append(x[pairs].mean())
        medians.append(np.quantile(places[pairs], 0.5, method="inverted_cdf"))
        correlations.append(np.corrcoef(mean_x[drawn], mean_y[drawn])[0, 1])
    pairs = x[rng.integers(0, len(x), (DRAWS, len(x)))].mean(1)
    return {
        "draws": DRAWS,
        "mean": {"value": x.mean(), **spread(means)},
        "median_place": {"value": float(np.median(places)), **spread(medians)},
        "correlation": {"value": np.corrcoef(mean_x, mean_y)[0, 1], **spread(correlations)},
        "mean_by_pair": spread(pairs),
    }


def within_groups(speakers, x, y):
    """r after subtracting each group's mean; the last speakers are in no group."""
    groups = np.arange(40) % 3
    known = np.arange(40) < 35
    heard, seen = (by_speaker(speakers, values + 2 * (speakers % 3))[known] for values in (x, y))
    means = (groups[known][:, None] == np.arange(3)).astype(float)
    fit = sm.OLS(seen, np.column_stack([heard, means])).fit()
    alone = [sm.OLS(values, means).fit().resid for values in (heard, seen)]
    return {
        "groups": [int(group) if is_known else None for group, is_known in zip(groups, known)],
        "shift": 2,
        "r": np.corrcoef(*alone)[0, 1],
        "p": fit.pvalues[0],
    }


def classes():
    """Three classes; some pairs have no true class, some no estimate."""
    truth = rng.choice(3, 120, p=[0.6, 0.3, 0.1])
    found = np.where(rng.random(120) < 0.5, truth, rng.integers(0, 3, 120))
    unknown, unread = rng.random(120) < 0.1, rng.random(120) < 0.1
    both = ~unknown & ~unread
    without = lambda values, missing: [None if no else int(value) for value, no in zip(values, missing)]
    return {
        "truth": without(truth, unknown),
        "found": without(found, unread),
        "confusion": confusion_matrix(truth[both], found[both]).tolist(),
        "accuracy": float((truth[both] == found[both]).mean()),
        "balanced_accuracy": balanced_accuracy_score(truth[both], found[both]),
    }


if __name__ == "__main__":
    speakers, x, y = people()
    values = {
        "correlations": correlations(),
        "p_values": p_values(),
        "corrections": corrections(),
        "shares": shares(),
        "exact": exact(),
        "differences": differences(),
        "quantiles": quantiles(),
        "probabilities": probabilities(),
        "flips": flips(),
        "people": {"speakers": speakers.tolist(), "x": x.tolist(), "y": y.tolist()},
        "bootstrap": bootstrap(speakers, x, y),
        "within_groups": within_groups(speakers, x, y),
        "classes": classes(),
    }
    text = ",\n".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in values.items())
    Path(__file__).with_suffix(".json").write_text(f"{{\n{text}\n}}\n")
