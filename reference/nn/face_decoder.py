"""Reference values for the face decoder: the same small networks in PyTorch.

    python reference/nn/face_decoder.py

writes reference/nn/face_decoder.safetensors: for the paper's texture head and for the linear
basis, weights under the names of the Rust network, features, landmarks and textures. The warp has
a script of its own. Also prints the parameter count of the paper's preset.
"""

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn.functional import avg_pool2d, interpolate, relu

LUMA = (0.299, 0.587, 0.114)
CB, CR = 0.564, 0.713
MEAN_LANDMARKS = [[4.0, 5.0], [11.0, 5.0], [8.0, 9.0], [8.0, 12.0]]


class LandmarkHead(nn.Module):
    def __init__(self, inputs, hidden, count):
        super().__init__()
        self.hidden = nn.Linear(inputs, hidden)
        self.output = nn.Linear(hidden, 2 * count)

    def forward(self, x):
        return self.output(relu(self.hidden(x)))


class DeconvolutionHead(nn.Module):
    def __init__(self, inputs, base, channels):
        super().__init__()
        self.base = base
        self.map = nn.Linear(inputs, channels[0] * base * base)
        self.layers = nn.ModuleList(
            nn.ConvTranspose2d(a, b, 5, stride=2, padding=2, output_padding=1)
            for a, b in zip(channels, channels[1:])
        )
        self.colours = nn.Conv2d(channels[-1], 3, 1)

    def forward(self, x):
        x = relu(self.map(x)).reshape(len(x), -1, self.base, self.base)
        for layer in self.layers:
            x = relu(layer(x))
        return self.colours(x)


def from_luma_chroma(values, size):
    half = size // 2
    luma = values[:, : size * size].reshape(-1, 1, size, size)
    chroma = values[:, size * size :].reshape(-1, 2, half, half)
    chroma = interpolate(chroma, size=(size, size), mode="bilinear", align_corners=False)
    blue = luma + chroma[:, :1] / CB
    red = luma + chroma[:, 1:] / CR
    green = (luma - red * LUMA[0] - blue * LUMA[2]) / LUMA[1]
    return torch.cat([red, green, blue], 1)


def to_luma_chroma(texture):
    red, green, blue = texture.split(1, 1)
    luma = red * LUMA[0] + green * LUMA[1] + blue * LUMA[2]
    chroma = avg_pool2d(torch.cat([(blue - luma) * CB, (red - luma) * CR], 1), 2)
    return torch.cat([luma.flatten(1), chroma.flatten(1)], 1)


class BasisHead(nn.Module):
    def __init__(self, inputs, hidden, components, size):
        super().__init__()
        self.size = size
        values = size * size + 2 * (size // 2) ** 2
        self.hidden = nn.Linear(inputs, hidden)
        self.coefficients = nn.Linear(hidden, components)
        self.mean = nn.Parameter(torch.rand(values))
        self.basis = nn.Parameter(torch.randn(components, values))

    def forward(self, x):
        x = self.coefficients(relu(self.hidden(x)))
        return from_luma_chroma(x @ self.basis + self.mean, self.size)


class FaceDecoder(nn.Module):
    def __init__(self, feature, hidden, landmarks, landmark_hidden, texture):
        super().__init__()
        self.first = nn.Linear(feature, hidden)
        self.landmarks = LandmarkHead(hidden, landmark_hidden, landmarks)
        self.texture = texture

    def forward(self, feature):
        x = relu(self.first(feature))
        return self.landmarks(x), self.texture(x)


if __name__ == "__main__":
    torch.manual_seed(11)
    with torch.device("meta"):
        head = DeconvolutionHead(1000, 14, [256, 128, 64, 32, 32])
        paper = FaceDecoder(4096, 1000, 65, 1000, head)
        print("parameters", sum(p.numel() for p in paper.parameters()))

    tensors = {}
    heads = {"deconvolution": DeconvolutionHead(5, 4, [3, 2, 2]), "basis": BasisHead(5, 4, 3, 16)}
    feature = torch.randn(2, 6)
    for name, head in heads.items():
        network = FaceDecoder(6, 5, 4, 3, head)
        with torch.no_grad():
            landmarks, texture = network(feature)
        tensors |= {f"{name}.network.{k}": v for k, v in network.state_dict().items()}
        tensors[f"{name}.network.warp.mean"] = torch.tensor(MEAN_LANDMARKS).flatten()
        tensors |= {f"{name}.landmarks": landmarks, f"{name}.texture": texture}
    tensors["feature"] = feature
    tensors["luma_chroma"] = to_luma_chroma(tensors["basis.texture"])
    save_file(
        {name: value.clone().contiguous() for name, value in tensors.items()},
        Path(__file__).with_name("face_decoder.safetensors"),
    )
