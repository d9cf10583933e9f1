"""Corpora of voices and faces, and sets of pairs: what the command ``speech2face corpus`` does.

`prepare` needs ffmpeg, and networks that ``speech2face model pull yunet mobileface`` fetches.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, Literal

from . import _native
from ._errors import InvalidValueError

__all__ = ["check", "merge", "prepare", "split", "stats"]


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


def prepare(
    corpus: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    layout: str | None = None,
    shard: tuple[int, int] | None = None,
    encoder: str | os.PathLike[str] = "mobileface",
    weights: str | os.PathLike[str] | None = None,
    channels: Literal["rgb", "bgr"] | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    crop: Literal["face", "head"] | None = None,
    detector: str | os.PathLike[str] | None = None,
    speech_detector: str | os.PathLike[str] | None = None,
    device: str = "auto",
    jobs: int | None = None,
    fps: float | None = None,
    shortest: float | None = None,
    longest: float | None = None,
    speech: float | None = None,
    segments: int | None = None,
    pictures: int | None = None,
    validation: float | None = None,
    test: float | None = None,
    seed: int | None = None,
    clips_per_part: int | None = None,
    min_face: float | None = None,
    max_turn: float | None = None,
    min_sharpness: float | None = None,
    max_point_distance: float | None = None,
    second_face: float | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> dict[str, Any] | None:
    """Make pairs of voices and faces from a corpus.

    The pairs are those of ``speech2face corpus prepare``, to the byte. An interrupted preparation
    is resumed by the same call, or by the command with the same settings.

    Parameters
    ----------
    corpus : str or PathLike
        Folder of the corpus.
    out : str or PathLike
        Output folder, outside the corpus.
    layout : str, optional
        Layout of the corpus, such as ``"voxceleb1"``; detected if omitted.
    shard : (int, int), optional
        Process only shard i of n, as (i, n) with i from 0; `merge` then merges the shards.
    encoder : str or PathLike
        Face encoder: ``"mobileface"``, ``"vgg-face"``, or an ONNX file of a face recogniser.
    weights : str or PathLike, optional
        Weights of VGG-Face, or of MobileFace if they were not pulled.
    channels, mean, std, crop : optional
        What an ONNX encoder expects: order of the channels ("rgb"), what is subtracted from each
        (127.5 three times) and what each is then divided by (the same), and the part of the head
        ("face").
    detector, speech_detector : str or PathLike, optional
        Other files of the face detector YuNet and of the speech detector Silero VAD.
    device : str
        Device of the face encoder: ``"auto"``, ``"cpu"``, or ``"cuda:0"`` and ``"wgpu"`` in builds
        for GPUs.
    jobs : int, optional
        Number of clips to process at once; as many as there are cores if omitted.
    fps : float, optional
        Video frames to sample per second, 2 if omitted.
    shortest, longest, speech : float, optional
        Minimum and maximum length of a voice, and minimum speech in a clip, in seconds; 2, 10 and
        1 if omitted.
    segments, pictures : int, optional
        Maximum number of segments of one video, 60 if omitted, and of pictures to examine per
        clip, 8 if omitted.
    validation, test : float, optional
        Fractions of the speakers, 0.1 each if omitted.
    seed : int, optional
        Random seed of the splits, 0 if omitted.
    clips_per_part : int, optional
        Clips that are written at once, 64 if omitted; an interrupted run loses at most these.
    min_face, max_turn, min_sharpness, max_point_distance, second_face : float, optional
        Requirements that a face must meet, as the options of the command.
    progress : callable, optional
        Called with the number of clips done, and of all clips.

    Returns
    -------
    dict or None
        What ``speech2face corpus prepare --json`` prints; None after a shard.

    Raises
    ------
    FileNotFoundError
        If there is no such corpus.
    ValueError
        If a setting is out of its range, or has no effect on the encoder.
    Error
        If a network or ffmpeg is missing, or the folder belongs to another preparation.
    """
    if jobs is not None and jobs < 1:
        raise InvalidValueError(f"jobs is {jobs}", "use 1 or more")
    preparation: _native.Preparation = {
        "layout": layout,
        "shard": shard,
        "encoder": os.fspath(encoder),
        "weights": _path(weights),
        "channels": channels,
        "mean": None if mean is None else [float(value) for value in mean],
        "std": None if std is None else [float(value) for value in std],
        "crop": crop,
        "detector": _path(detector),
        "speech_detector": _path(speech_detector),
        "device": device,
        "jobs": jobs or 0,
    }
    rules: _native.PreparationRules = {
        "fps": fps,
        "shortest": shortest,
        "longest": longest,
        "speech": speech,
        "segments": segments,
        "pictures": pictures,
        "validation": validation,
        "test": test,
        "seed": seed,
        "clips_per_part": clips_per_part,
        "min_face": min_face,
        "max_turn": max_turn,
        "min_sharpness": min_sharpness,
        "max_point_distance": max_point_distance,
        "second_face": second_face,
    }
    summary = _native.corpus_prepare(
        os.fspath(corpus), os.fspath(out), preparation, rules, progress
    )
    return None if summary is None else _read(summary)


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
        Folders that `prepare` wrote with a shard, or ``speech2face corpus prepare --shard``.
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


def _path(path: str | os.PathLike[str] | None) -> str | None:
    return None if path is None else os.fspath(path)


def _read(text: str) -> dict[str, Any]:
    import json

    found: dict[str, Any] = json.loads(text)
    return found
