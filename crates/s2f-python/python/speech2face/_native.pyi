"""The part of the package in Rust."""

from collections.abc import Callable
from typing import Final, TypedDict, final, type_check_only

from ._errors import Error

__all__ = [
    "Drawn",
    "Model",
    "PairSet",
    "Source",
    "__version__",
    "corpus_check",
    "corpus_merge",
    "corpus_prepare",
    "corpus_split",
    "corpus_stats",
    "decode",
    "evaluate_function",
    "evaluate_model",
    "evaluate_table",
    "mean",
    "mel_spectrogram",
    "one_of_n",
    "ranks",
    "recall_at_k",
    "spectrogram",
    "write_file",
]

__version__: Final[str]

_Score = tuple[float, tuple[float, float] | None, float | None, int, int]
_Rank = tuple[int, int, int]
_Progress = Callable[[str, int, int], object] | None

@type_check_only
class EvaluationOptions(TypedDict):
    split: str
    max_pairs: int
    seconds: float | None
    photographs: bool
    draws: int
    seed: int
    labels: str | None
    baseline: str | None

@type_check_only
class Preparation(TypedDict):
    layout: str | None
    shard: tuple[int, int] | None
    encoder: str
    weights: str | None
    channels: str | None
    mean: list[float] | None
    std: list[float] | None
    crop: str | None
    detector: str | None
    speech_detector: str | None
    device: str
    jobs: int

@type_check_only
class PreparationRules(TypedDict):
    fps: float | None
    shortest: float | None
    longest: float | None
    speech: float | None
    segments: int | None
    pictures: int | None
    validation: float | None
    test: float | None
    seed: int | None
    clips_per_part: int | None
    min_face: float | None
    max_turn: float | None
    min_sharpness: float | None
    max_point_distance: float | None
    second_face: float | None

@type_check_only
class EvaluatedNetwork(TypedDict):
    name: str
    mean_feature: list[float] | None

@final
class Source:
    @staticmethod
    def file(path: str, /) -> Source: ...
    @staticmethod
    def memory(data: bytes, name: str, /) -> Source: ...
    @staticmethod
    def samples(data: bytes, channels: int, rate: int, /) -> Source: ...

@final
class Drawn:
    @property
    def rgb(self) -> bytearray: ...
    @property
    def side(self) -> int: ...
    @property
    def landmarks(self) -> bytearray: ...
    @property
    def feature(self) -> bytearray: ...
    @property
    def png(self) -> bytes: ...
    @property
    def svg(self) -> str | None: ...

@final
class Model:
    def __new__(cls, name: str, device: str, /) -> Model: ...
    @property
    def name(self) -> str: ...
    @property
    def sha256(self) -> str: ...
    @property
    def card(self) -> str: ...
    @property
    def parameters(self) -> int: ...
    @property
    def dimension(self) -> int: ...
    @property
    def identity_dimension(self) -> int: ...
    @property
    def config(self) -> str: ...
    def reconstruct(
        self,
        source: Source,
        /,
        *,
        exaggerate: float,
        faces: int,
        seed: int,
        truncate: float,
        style: str | None,
        caricature: float,
        window: str,
        track: int | None,
    ) -> tuple[Drawn, list[Drawn], bytes, bytes | None, list[str]]: ...
    def embed(
        self,
        sources: list[Source],
        /,
        *,
        jobs: int,
        window: str,
        track: int | None,
        first_error: bool,
    ) -> list[bytes | Error]: ...

@final
class PairSet:
    def __new__(cls, path: str, /) -> PairSet: ...
    def __len__(self) -> int: ...
    @property
    def face_space(self) -> str: ...
    @property
    def dimension(self) -> int: ...
    @property
    def licences(self) -> list[str]: ...
    def speakers(self) -> list[tuple[str, str]]: ...
    @staticmethod
    def columns() -> list[str]: ...
    def stream(self, split: str | None, columns: list[str] | None, /) -> object: ...

def decode(source: Source, track: int | None = None, /) -> bytearray: ...
def spectrogram(source: Source, whole: bool, /) -> bytearray: ...
def mel_spectrogram(source: Source, whole: bool, /) -> bytearray: ...
def corpus_check(corpus: str, layout: str | None, /) -> str: ...
def corpus_stats(pairs: str, whole: bool, /) -> str: ...
def corpus_merge(folders: list[str], out: str, /) -> str: ...
def corpus_prepare(
    corpus: str,
    out: str,
    preparation: Preparation,
    rules: PreparationRules,
    progress: Callable[[int, int], object] | None,
    /,
) -> str | None: ...
def corpus_split(pairs: str, validation: float, test: float, seed: int, /) -> None: ...
def evaluate_model(
    model: Model,
    pairs: PairSet,
    out: str,
    options: EvaluationOptions,
    compare: list[Model],
    progress: _Progress,
    /,
) -> tuple[str, list[str]]: ...
def evaluate_table(
    network: EvaluatedNetwork,
    features: tuple[list[str], bytes],
    dimension: int,
    trained_on: list[PairSet],
    pairs: PairSet,
    out: str,
    options: EvaluationOptions,
    compare: list[Model],
    progress: _Progress,
    /,
) -> tuple[str, list[str]]: ...
def evaluate_function(
    network: EvaluatedNetwork,
    function: Callable[[list[bytes]], list[bytes]],
    trained_on: list[PairSet],
    pairs: PairSet,
    out: str,
    options: EvaluationOptions,
    compare: list[Model],
    progress: _Progress,
    /,
) -> tuple[str, list[str]]: ...
def ranks(
    probes: bytes,
    gallery: bytes,
    own: list[int],
    centre: bytes,
    dimension: int,
    distance: str,
    /,
) -> list[_Rank]: ...
def recall_at_k(
    ranks: list[_Rank], speakers: list[int], k: int, draws: int, seed: int, /
) -> _Score: ...
def one_of_n(
    ranks: list[_Rank], speakers: list[int], n: int, draws: int, seed: int, /
) -> _Score: ...
def mean(
    values: list[float], speakers: list[int], is_share: bool, draws: int, seed: int, /
) -> _Score: ...
def write_file(path: str, data: bytes, /) -> None: ...
