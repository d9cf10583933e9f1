"""Small checkpoints as PyTorch writes them, good and bad, for the tests of `model import`.

    python reference/pytorch/checkpoints.py

writes to reference/pytorch/tiny: a configuration, the same weights in PyTorch's formats and with
other names, the outputs that PyTorch computes with them, and files that have to be refused.
"""

import json
import os
import pickle
import warnings
from pathlib import Path

import torch
from safetensors.torch import save_file

from speech2face import BINS, Model, normalised

FOLDER = Path(__file__).with_name("tiny")
LAYERS = [(3, [2, 2], False), (4, [1, 2], True), (5, [1, 1], False), (6, [2, 2], False)]
CONFIG = {
    "name": "tiny",
    "face_space": {"name": "tiny", "dimension": 7, "normalisation": "unit-length"},
    "voice_encoder": {
        "input": "magnitude",
        "layers": [{"channels": c, "stride": s, "pool": p} for c, s, p in LAYERS],
        "hidden": 8,
        "output": 7,
        "batch_norm": True,
    },
    "face_decoder": {
        "feature": 7,
        "hidden": 5,
        "landmarks": {"count": 4, "hidden": 3},
        "texture": {"basis": {"components": 3, "hidden": 4}},
        "size": 16,
    },
    "border": [[-2.0, -2.0], [17.0, -2.0], [-2.0, 17.0], [17.0, 17.0]],
}


class Evil:
    """Runs a command if a reader executes the pickle."""

    def __reduce__(self):
        return os.system, ("touch evil-was-here",)


torch.manual_seed(4)
FOLDER.mkdir(exist_ok=True)
(FOLDER / "config.json").write_text(json.dumps(CONFIG, indent=1) + "\n")
model = Model(CONFIG).eval()
with torch.no_grad():  # no defaults, so that a forgotten statistic or scale is noticed
    for norm in model.voice_encoder.norms:
        norm.running_mean.uniform_(-0.5, 0.5)
        norm.running_var.uniform_(0.5, 2.0)
        norm.weight.uniform_(0.5, 1.5)
        norm.bias.uniform_(-0.5, 0.5)
    decoder = model.face_decoder
    decoder.warp.mean.copy_(torch.tensor([4.0, 5.0, 11.0, 5.0, 8.0, 9.0, 8.0, 12.0]))
    decoder.texture.mean.uniform_(0.0, 1.0)
    model.mean_feature.copy_(normalised(torch.randn(1, 7), model.face_space)[0])
    spectrogram = torch.randn(2, 2, 40, BINS)
    feature = model.voice_encoder(spectrogram)
    face = decoder(normalised(feature, model.face_space))
save_file({"spectrogram": spectrogram, "feature": feature, **face}, FOLDER / "values.safetensors")

state = model.state_dict()
torch.save(state, FOLDER / "zip.pth")
wrapped = {f"module.{name}": value for name, value in state.items()}
steps = [{"exp_avg": value * 0.1} for value in model.voice_encoder.output.parameters()]
training = {"state_dict": wrapped, "optimizer": {"state": steps}, "epoch": 3}
torch.save(training, FOLDER / "legacy.pth", _use_new_zipfile_serialization=False)
with warnings.catch_warnings(action="ignore"):
    torch.save(model.voice_encoder, FOLDER / "whole-module.pth")

# A voice encoder of another program: other names, an extra tensor, double precision.
RENAMED = {"convolutions": "cnn", "norms": "bn", "hidden": "fc.0", "output": "fc.2"}
other = {}
for name, value in model.voice_encoder.state_dict().items():
    head, rest = name.split(".", 1)
    other[f"{RENAMED[head]}.{rest}"] = value.double() if value.is_floating_point() else value
torch.save(other | {"temperature": torch.tensor(0.07)}, FOLDER / "renamed.pth")
lines = [f'"{theirs}" = "{ours}"' for ours, theirs in RENAMED.items()] + ['temperature = ""']
(FOLDER / "renamed.toml").write_text("\n".join(lines) + "\n")

# Files that have to be refused.
broken = {name: value.clone() for name, value in state.items()}
broken["face_decoder.first.weight"][1, 2] = float("nan")
torch.save(broken, FOLDER / "nan.pth")
(FOLDER / "evil.pth").write_bytes(pickle.dumps(Evil(), protocol=2))
torch.save(state | {"greeting": Evil()}, FOLDER / "evil-beside-weights.pth")
