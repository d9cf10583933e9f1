"""Training step of the voice encoder: here and in PyTorch, in one run.

    cargo build --release -p s2f-train --example step
    python benches/train_step.py --preset compact --batch 32

Both sides do what a step does: forward pass, the paper's three losses, backward pass, Adam, on
inputs in memory. PyTorch first tries its own settings (memory format, and threads on a
processor) and then runs with the best; the two take turns, and medians are compared.

On a GPU: build with `--features cuda` or `wgpu`, then `--device cuda:0` or `wgpu`. With `--precision
bfloat16`, PyTorch uses autocast. In float32, its convolutions round products to TF32 unless
`--no-tf32` is given; ours do not. Needs: pip install torch numpy.
"""

import argparse
import itertools
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "reference" / "nn"))
from voice_encoder import VoiceEncoder, paper  # noqa: E402

COMPACT = [
    (8, (2, 2), False),
    (16, (2, 2), False),
    (16, (1, 1), False),
    (24, (1, 1), True),
    (32, (1, 1), False),
    (48, (1, 2), False),
    (64, (1, 1), False),
    (96, (2, 2), False),
    (128, (2, 2), False),
]
WARM_UP = 2


class Compact(nn.Module):
    """The shipped network, on magnitudes."""

    def __init__(self):
        super().__init__()
        self.network = VoiceEncoder(COMPACT, 257, 1, 256, 256)

    def forward(self, x):
        power = x.square().clamp_min(1e-12).pow(1 / 0.3).sum(1, keepdim=True)
        compressed = power.pow(0.15)
        level = compressed.square().mean((1, 2, 3), keepdim=True).sqrt()
        return self.network((compressed / level).contiguous(memory_format=self.format))


def torch_device(name):
    """The device of PyTorch that is the device `name` here."""
    if not name.startswith("wgpu"):
        return torch.device(name)
    return torch.device("cuda" if torch.cuda.is_available() else "mps")


def torch_steps(options, channels_last, steps):
    """Seconds of each step."""
    device = torch_device(options.device)
    memory = torch.channels_last if channels_last else torch.contiguous_format
    if options.preset == "paper":
        network, width, hidden = paper(), 4096, 1000
    else:
        network, width, hidden = Compact(), 256, 256
        network.format = memory
    network = network.to(device, memory_format=memory)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, betas=(0.5, 0.999), eps=1e-4)
    voices = torch.randn(options.batch, 2, options.frames, 257, device=device)
    voices = voices.contiguous(memory_format=memory)
    face = torch.randn(options.batch, width, device=device)
    first_layer = 0.01 * torch.randn(hidden, width, device=device)
    identities = 0.01 * torch.randn(2622, width, device=device)
    dtype = {"float32": None, "bfloat16": torch.bfloat16, "float16": torch.float16}[options.precision]
    scaler = torch.amp.GradScaler(device.type, enabled=dtype == torch.float16)
    seconds = []
    for step in range(WARM_UP + steps):
        start = time.perf_counter()
        with torch.autocast(device.type, dtype=dtype, enabled=dtype is not None):
            voice = network(voices)
        voice = voice.float()
        decoder = F.l1_loss(F.linear(voice, first_layer), F.linear(face, first_layer))
        direction = (F.normalize(face) - F.normalize(voice)).square().sum(1).mean()
        teacher = F.softmax(F.linear(face, identities) / 2, 1)
        distillation = F.cross_entropy(F.linear(voice, identities) / 2, teacher)
        optimizer.zero_grad()
        scaler.scale(decoder + direction + distillation).backward()
        scaler.step(optimizer)
        scaler.update()
        _ = decoder.item(), direction.item(), distillation.item()
        if device.type != "cpu":
            torch.accelerator.synchronize()
        if step >= WARM_UP:
            seconds.append(time.perf_counter() - start)
    return seconds


def our_steps(options, steps):
    words = [options.preset, options.batch, options.frames, options.device, options.precision, steps]
    run = subprocess.run(
        [options.program, *map(str, words)], capture_output=True, text=True, check=True
    )
    return json.loads(run.stdout)["seconds"]


def best_setting(options):
    """Threads and memory format that PyTorch is fastest with here."""
    threads = [torch.get_num_threads()]
    if options.device == "cpu" and threads[0] > 1:
        threads.append(1)
    tried = {}
    for count, channels_last in itertools.product(threads, [True, False]):
        torch.set_num_threads(count)
        tried[count, channels_last] = statistics.median(torch_steps(options, channels_last, 3))
    for (count, channels_last), seconds in tried.items():
        layout = "channels last" if channels_last else "contiguous"
        print(f"PyTorch, {count} threads, {layout}: {1 / seconds:.2f} steps/s", file=sys.stderr)
    return min(tried, key=tried.get)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", choices=["compact", "paper"], default="compact")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--frames", type=int, default=298)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", choices=["float32", "bfloat16", "float16"], default="float32")
    parser.add_argument("--no-tf32", action="store_true", help="float32 in PyTorch's convolutions")
    parser.add_argument("--steps", type=int, default=5, help="steps a turn")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--program", default=str(ROOT / "target/release/examples/step"))
    options = parser.parse_args()

    torch.backends.cudnn.allow_tf32 = not options.no_tf32
    threads, channels_last = best_setting(options)
    torch.set_num_threads(threads)
    ours, theirs = [], []
    for _ in range(options.turns):
        ours.append(statistics.median(our_steps(options, options.steps)))
        theirs.append(statistics.median(torch_steps(options, channels_last, options.steps)))
    ratios = [their / our for our, their in zip(ours, theirs)]
    report = {
        "preset": options.preset,
        "batch": options.batch,
        "frames": options.frames,
        "device": options.device,
        "precision": options.precision,
        "torch": torch.__version__,
        "torch_tf32": not options.no_tf32,
        "torch_threads": threads,
        "torch_channels_last": channels_last,
        # Median of each turn.
        "our_seconds": ours,
        "torch_seconds": theirs,
        "our_steps_per_second": 1 / statistics.median(ours),
        "torch_steps_per_second": 1 / statistics.median(theirs),
        # Above 1 where a step here takes less time than in PyTorch.
        "speed_against_torch": statistics.median(ratios),
        "speed_against_torch_each_turn": ratios,
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
