"""Reference values for the voice encoder: the same small network in PyTorch.

    python reference/nn/voice_encoder.py

writes reference/nn/voice_encoder.safetensors: weights under the names of the Rust network, one
input and the outputs of evaluation mode and of training mode (batch statistics). Also prints the
parameter count and layer sizes of the paper's preset.
"""

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn.functional import max_pool2d, relu

KERNEL = 4


class VoiceEncoder(nn.Module):
    """layers: (channels, stride in time and frequency, whether a 2 x 1 max pool follows)."""

    def __init__(self, layers, bins, channels_in, hidden, output):
        super().__init__()
        self.pools = [pool for _, _, pool in layers]
        inputs = [channels_in] + [channels for channels, _, _ in layers]
        self.convolutions = nn.ModuleList(
            nn.Conv2d(inputs[i], channels, KERNEL, stride)
            for i, (channels, stride, _) in enumerate(layers)
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(channels) for channels, _, _ in layers)
        for _, stride, _ in layers:
            bins = (bins - KERNEL) // stride[1] + 1
        self.hidden = nn.Linear(layers[-1][0] * bins, hidden)
        self.output = nn.Linear(hidden, output)

    def forward(self, x, sizes=None):
        for i, (convolution, norm) in enumerate(zip(self.convolutions, self.norms)):
            x = convolution(x)
            if sizes is not None:
                sizes.append(tuple(x.shape[1:]))
            if i == len(self.convolutions) - 1:
                x = x.mean(2, keepdim=True)
            x = norm(relu(x))
            if self.pools[i]:
                x = max_pool2d(x, (2, 1))
        return self.output(relu(self.hidden(x.flatten(1))))


def paper():
    widths = [64, 64, 128, 128, 128, 256, 512, 512, 512]
    layers = [(w, (2, 2) if i >= 7 else (1, 1), 2 <= i <= 5) for i, w in enumerate(widths)]
    return VoiceEncoder(layers, 257, 2, 4096, 4096)


def magnitude(x):
    """|S|^0.3 over its root mean square, from sgn(S)|S|^0.3 of the two parts."""
    power = (x.double().abs() ** (1 / 0.3)).square().sum(1, keepdim=True)
    compressed = power.sqrt() ** 0.3
    return (compressed / compressed.square().mean((1, 2, 3), keepdim=True).sqrt()).float()


if __name__ == "__main__":
    torch.manual_seed(3)
    with torch.device("meta"):
        network = paper()
        print("parameters", sum(p.numel() for p in network.parameters()))
        sizes = []
        network(torch.empty(1, 2, 598, 257), sizes)
        print("sizes", sizes)

    tiny = VoiceEncoder(
        [(3, (2, 2), False), (4, (1, 2), True), (5, (1, 1), False), (6, (2, 2), False)], 257, 2, 8, 7
    )
    for norm in tiny.norms:  # no defaults, so that a forgotten statistic or scale is noticed
        norm.running_mean.uniform_(-0.5, 0.5)
        norm.running_var.uniform_(0.5, 2.0)
        nn.init.uniform_(norm.weight, 0.5, 1.5)
        nn.init.uniform_(norm.bias, -0.5, 0.5)
    tensors = {f"network.{k}": v.clone() for k, v in tiny.state_dict().items() if "num_batches" not in k}
    x = torch.randn(2, 2, 40, 257)
    with torch.no_grad():
        tiny.eval()
        tensors["evaluation"] = tiny(x)
        tiny.train()
        tensors["training"] = tiny(x)
    tensors["input"] = x
    tensors["magnitude"] = magnitude(x)
    save_file(
        {name: value.contiguous() for name, value in tensors.items()},
        Path(__file__).with_name("voice_encoder.safetensors"),
    )
