"""Reference values for training: 50 steps of a small voice encoder in PyTorch.

    python reference/train/steps.py

writes reference/train/steps.safetensors: the initial weights, the faces' features, the frozen
linear layers in place of the decoder's first and VGG-Face's last, and for each of three runs the
losses of every step and the final weights:

- `paper`: the three terms of the paper, Adam (beta 0.5, epsilon 1e-4)
- `decayed`: the same with AdamW, weight decay 0.1
- `contrast`: InfoNCE with a learned temperature, Adam

The learning rate is 1e-3, times 0.95 every 10 steps. Every step has its own batch; spectrograms are
too large to commit, so both sides compute them from the same integers (`noise`).
"""

from pathlib import Path
import sys

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

sys.path.insert(0, str(Path(__file__).parents[1] / "nn"))
from losses import contrastive_loss, decoder_loss, direction_loss, distillation_loss
from voice_encoder import VoiceEncoder

STEPS = 50
SHAPE = (4, 2, 40, 257)
FEATURE = 7
LAYERS = [(3, (2, 2), False), (4, (1, 2), True), (5, (1, 1), False), (6, (2, 2), False)]
WEIGHTS = {"decoder": 2.0, "direction": 0.5, "distillation": 0.25}


def noise(step):
    """One batch, -1 to 1: the multiplicative hash of MurmurHash3's finaliser over a counter."""
    count = int(np.prod(SHAPE))
    x = np.arange(count, dtype=np.uint32) + np.uint32(step * count)
    x = (x ^ (x >> 16)) * np.uint32(0x85EBCA6B)
    x = (x ^ (x >> 13)) * np.uint32(0xC2B2AE35)
    x ^= x >> 16
    return torch.from_numpy((x >> 8).astype(np.float32) / 2**23 - 1).reshape(SHAPE)


def network(state):
    network = VoiceEncoder(LAYERS, 257, 2, 8, FEATURE)
    network.load_state_dict(state)
    return network


def run(network, parameters, losses, optimizer, decay=0.0):
    """Losses of each step, [steps, terms]. `losses`: step and feature to (weight, loss) of each term."""
    optimizer = optimizer(parameters, lr=1e-3, betas=(0.5, 0.999), eps=1e-4, weight_decay=decay)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 10, 0.95)
    values = []
    for step in range(STEPS):
        terms = losses(step, network(noise(step)))
        optimizer.zero_grad()
        sum(weight * loss for weight, loss in terms).backward()
        optimizer.step()
        schedule.step()
        values.append([loss.item() for _, loss in terms])
    return torch.tensor(values)


if __name__ == "__main__":
    torch.manual_seed(6)
    start = VoiceEncoder(LAYERS, 257, 2, 8, FEATURE)
    state = {k: v.clone() for k, v in start.state_dict().items()}
    faces = 2 * torch.randn(FEATURE) + 0.5 * torch.randn(STEPS, SHAPE[0], FEATURE)
    first_layer = nn.Linear(FEATURE, 5).requires_grad_(False)
    identities = nn.Linear(FEATURE, 9).requires_grad_(False)
    identities.weight *= 5

    def three_terms(step, voice):
        face = faces[step]
        return [
            (WEIGHTS["decoder"], decoder_loss(first_layer(face), first_layer(voice))),
            (WEIGHTS["direction"], direction_loss(face, voice)),
            (WEIGHTS["distillation"], distillation_loss(identities(face), identities(voice))),
        ]

    tensors = {
        "faces": faces,
        "first_layer.weight": first_layer.weight,
        "first_layer.bias": first_layer.bias,
        "identities.weight": identities.weight,
        "identities.bias": identities.bias,
    }

    def keep(prefix, state):
        tensors.update({f"{prefix}.{k}": v.clone() for k, v in state.items() if "num_batches" not in k})

    keep("start", state)
    for name, optimizer, decay in [
        ("paper", torch.optim.Adam, 0.0),
        ("decayed", torch.optim.AdamW, 0.1),
    ]:
        trained = network(state)
        tensors[f"{name}.losses"] = run(trained, trained.parameters(), three_terms, optimizer, decay)
        keep(f"{name}.end", trained.state_dict())

    # Every fifth batch has one speaker twice.
    log_scale = nn.Parameter(torch.tensor([1 / 0.07]).log())
    centre = faces.mean((0, 1))

    def contrast(step, voice):
        is_same = torch.zeros(SHAPE[0], SHAPE[0], dtype=torch.bool)
        is_same[0, 2] = is_same[2, 0] = step % 5 == 0
        return [(1.0, contrastive_loss(faces[step], voice, centre, log_scale, is_same))]

    trained = network(state)
    parameters = [*trained.parameters(), log_scale]
    tensors["contrast.losses"] = run(trained, parameters, contrast, torch.optim.Adam)
    keep("contrast.end", trained.state_dict())
    tensors["contrast.log_scale"] = log_scale
    tensors["contrast.centre"] = centre

    save_file(
        {name: value.detach().contiguous() for name, value in tensors.items()},
        Path(__file__).with_name("steps.safetensors"),
    )
    for name in ("paper", "decayed", "contrast"):
        losses = tensors[f"{name}.losses"]
        print(name, "first", losses[0].tolist(), "last", losses[-1].tolist())
