"""Reference values for searches, matching and the spread of faces.

    python reference/metrics/retrieval.py

A synthetic population: speakers with one to three pairs, each with a face's feature and a feature
predicted from the voice; the mean face is the largest part of both. In round i, the i-th voice of
every speaker who has one is a probe, and the gallery has one face of each speaker. Distances come
from scikit-learn, recall at K from its top_k_accuracy_score, nearest neighbours from its
NearestNeighbors, one of N from SciPy's hypergeometric distributions, effective dimensions from
NumPy's eigenvalues, and intervals of the spread from resampling speakers in a plain loop. Writes
retrieval_voices.npy, retrieval_faces.npy and retrieval.json to this folder.
"""

import json
from pathlib import Path

import numpy as np
from scipy.spatial import distance
from scipy.stats import hypergeom, multivariate_hypergeom
from sklearn.metrics import pairwise_distances, top_k_accuracy_score
from sklearn.neighbors import NearestNeighbors

SPEAKERS, DIMENSION, NEAREST, DRAWS = 40, 12, 5, 4_000
KINDS = {"relative": "cosine", "cosine": "cosine", "l2": "euclidean", "l1": "manhattan"}
rng = np.random.default_rng(9)


def population():
    """The speaker of each pair, their sex, the features of voices and faces, and the mean face."""
    clips = rng.integers(1, 4, SPEAKERS)
    speakers = rng.permutation(np.repeat(np.arange(SPEAKERS), clips))
    centre = (3 * rng.standard_normal(DIMENSION)).astype(np.float32)
    face = rng.standard_normal((SPEAKERS, DIMENSION))[speakers]
    face += 0.5 * rng.standard_normal((len(speakers), DIMENSION))
    voice = 0.4 * face + 0.5 * rng.standard_normal((len(speakers), DIMENSION))
    sex = [None if number % 7 == 0 else int(number % 2) for number in range(SPEAKERS)]
    return speakers, sex, *(np.float32(centre + x) for x in (voice, face)), centre


def distances(kind, a, b):
    if kind == "relative":
        a, b = a - centre, b - centre
    return pairwise_distances(a, b, metric=KINDS[kind])


def gallery(number):
    """One pair of each speaker."""
    rows = [np.flatnonzero(speakers == speaker) for speaker in range(SPEAKERS)]
    return np.array([pairs[number % len(pairs)] for pairs in rows])


def searches(kind, among):
    """The distances of each pair to the gallery of its round, infinite for speakers that it is not
    compared with, and the index of its own face; None if it is compared with nobody else."""
    found = []
    for pair, speaker in enumerate(speakers):
        number = int((speakers[:pair] == speaker).sum())
        rows = gallery(number)
        gaps = distances(kind, voices[[pair]], faces[rows])[0]
        if among == "same-sex":
            same = [sex[other] is not None and sex[other] == sex[speaker] for other in range(SPEAKERS)]
            gaps = np.where(same, gaps, np.inf)
        is_searched = np.isfinite(gaps[speaker]) and np.isfinite(gaps).sum() > 1
        found.append((gaps, speaker) if is_searched else None)
    return found


def retrieval(kind, among):
    found = searches(kind, among)
    known = [one for one in found if one]
    gaps, own = np.stack([gaps for gaps, _ in known]), np.array([own for _, own in known])
    # Scores have to be finite; everybody of another sex ranks behind everybody of the same.
    scores = -np.minimum(gaps, 1e6)
    recall = {
        k: 100 * top_k_accuracy_score(own, scores, k=k, labels=np.arange(SPEAKERS)) for k in (1, 2, 5, 10)
    }
    places = [None if one is None else int((one[0] < one[0][one[1]]).sum()) + 1 for one in found]
    others = [None if one is None else int(np.isfinite(one[0]).sum()) - 1 for one in found]
    one_of = {}
    for n in (2, 5, 10):
        right = [
            hypergeom.pmf(0, other, place - 1, n - 1)
            for place, other in zip(places, others)
            if place is not None and other >= n - 1
        ]
        one_of[n] = 100 * np.mean(right)
    return {
        "places": places,
        "recall": recall,
        "median": float(np.median([place for place in places if place])),
        "one_of": one_of,
    }


def nearest(kind):
    """Nearest faces of the first voices."""
    a, b = (voices - centre, faces - centre) if kind == "relative" else (voices, faces)
    search = NearestNeighbors(n_neighbors=NEAREST, algorithm="brute", metric=KINDS[kind]).fit(b)
    return search.kneighbors(a[:20], return_distance=False).tolist()


def with_ties():
    """Ties share the first rank; the number of ties among the distractors is hypergeometric."""
    cases = []
    for closer, ties, others in [(0, 0, 9), (3, 4, 30), (0, 50, 50), (100, 3, 4999), (10, 200, 999)]:
        for n in (2, 3, 10):
            kinds = [closer, ties, others - closer - ties]
            chance = sum(
                multivariate_hypergeom.pmf([0, tied, n - 1 - tied], kinds, n - 1) / (1 + tied)
                for tied in range(min(ties, n - 1) + 1)
                if n - 1 - tied <= kinds[2]
            )
            cases.append({"closer": closer, "ties": ties, "others": others, "n": n, "chance": float(chance)})
    return cases


def similarity():
    """Mean distance of a voice and its own face; angles in degrees."""
    angle = lambda a, b: np.degrees(np.arccos(1 - distance.cosine(a, b)))
    pairs = list(zip(voices, faces))
    return {
        "degrees": np.mean([angle(a, b) for a, b in pairs]),
        "relative-degrees": np.mean([angle(a - centre, b - centre) for a, b in pairs]),
        "l2": np.mean([distance.euclidean(a, b) for a, b in pairs]),
        "l1": np.mean([distance.cityblock(a, b) for a, b in pairs]),
    }


def dimensions(rows):
    values = np.linalg.eigvalsh(np.cov(rows.T))
    return values.sum() ** 2 / (values**2).sum()


def squares(rows, groups):
    """Mean squared distance from the group's mean."""
    total = 0
    for group in set(groups):
        members = rows[groups == group]
        total += ((members - members.mean(0)) ** 2).sum()
    return total / len(rows)


def spread(name, rows):
    """Over everybody and within each sex, of all pairs and of bootstrap samples of speakers."""
    pairs_of = [np.flatnonzero(speakers == speaker) for speaker in range(SPEAKERS)]
    group = np.array([-1 if sex[speaker] is None else sex[speaker] for speaker in speakers])
    values = {}
    for kind, groups in [("all", np.zeros(len(rows), int)), ("within_sex", group)]:
        known = groups >= 0
        draws = []
        for _ in range(DRAWS):
            pairs = np.concatenate([pairs_of[speaker] for speaker in rng.integers(0, SPEAKERS, SPEAKERS)])
            pairs = pairs[known[pairs]]
            draws.append(squares(rows[pairs], groups[pairs]))
        values[kind] = {
            "value": squares(rows[known], groups[known]),
            "interval": np.quantile(draws, [0.025, 0.975]).tolist(),
            "error": np.std(draws, ddof=1),
        }
    return {"name": name, **values}


if __name__ == "__main__":
    speakers, sex, voices, faces, centre = population()
    np.save(Path(__file__).with_name("retrieval_voices.npy"), voices)
    np.save(Path(__file__).with_name("retrieval_faces.npy"), faces)
    # Almost the same face for everybody, in single precision like the features.
    alike = centre + np.float32(1e-3) * (voices - centre)
    voices, faces, centre, alike = (x.astype(float) for x in (voices, faces, centre, alike))
    values = {
        "speakers": speakers.tolist(),
        "sex": sex,
        "centre": centre.tolist(),
        "searches": {
            f"{kind}/{among}": retrieval(kind, among) for kind in KINDS for among in ("all", "same-sex")
        },
        "nearest": {kind: nearest(kind) for kind in KINDS},
        "one_of": with_ties(),
        "similarity": similarity(),
        "dimensions": {"voices": dimensions(voices), "faces": dimensions(faces), "few": dimensions(faces[:7])},
        "spread": [spread("voices", voices), spread("faces", faces), spread("alike", alike)],
    }
    text = ",\n".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in values.items())
    Path(__file__).with_suffix(".json").write_text(f"{{\n{text}\n}}\n")
