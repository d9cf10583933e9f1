"""Corpora of voices and faces, and sets of pairs: what the command ``speech2face corpus`` does.

Preparing a corpus needs ffmpeg and published networks: use ``speech2face corpus prepare``.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from . import _native

__all__ = ["check", "merge", "split", "stats"]


def check(corpus: str | os.PathLike[str], *, layout: str | None = None) -> dict[str, Any]:
    """What a corpus contains and lacks, from file names and tables alone.

    Parameters
    ----------
    corpus : str or PathLike
        Folder of the corpus.
    layout : str, optional
        Layout of the corpus, such as ``"voxceleb1"``; detected if omitted.

    Returns
    -------
    dict
        What ``speech2face corpus check --json`` prints.
    """
    return _read(_native.corpus_check(os.fspath(corpus), layout))


def stats(pairs: str | os.PathLike[str], *, verify: bool = False) -> dict[str, Any]:
    """Count speakers, pairs, attributes and duplicates in prepared pairs.

    Parameters
    ----------
    pairs : str or PathLike
        Folder of pairs or Parquet file.
    verify : bool
        Also read every pair, and compare voices and faces with their hashes.

    Returns
    -------
    dict
        What ``speech2face corpus stats --json`` prints.
    """
    return _read(_native.corpus_stats(os.fspath(pairs), verify))


def merge(
    folders: Sequence[str | os.PathLike[str]], out: str | os.PathLike[str]
) -> dict[str, Any]:
    """Merge the shards that several machines prepared.

    Parameters
    ----------
    folders : sequence of str or PathLike
        Folders that ``speech2face corpus prepare --shard`` wrote.
    out : str or PathLike
        Output folder; may be one of `folders`, whose parts are then removed.

    Returns
    -------
    dict
        What ``speech2face corpus merge --json`` prints.
    """
    return _read(_native.corpus_merge([os.fspath(folder) for folder in folders], os.fspath(out)))


def split(
    pairs: str | os.PathLike[str],
    *,
    validation: float = 0.1,
    test: float = 0.1,
    seed: int = 0,
) -> dict[str, Any]:
    """Split the speakers of prepared pairs again, in place.

    Parameters
    ----------
    pairs : str or PathLike
        Folder of pairs.
    validation, test : float
        Fractions of the speakers.
    seed : int
        Random seed.

    Returns
    -------
    dict
        As `stats`.
    """
    _native.corpus_split(os.fspath(pairs), validation, test, seed)
    return stats(pairs)


def _read(text: str) -> dict[str, Any]:
    import json

    found: dict[str, Any] = json.loads(text)
    return found
