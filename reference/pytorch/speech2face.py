"""The networks of speech2face in PyTorch, with the names of its weights files.

    from speech2face import open_model
    model = open_model("for-pytorch")            # speech2face model export -o for-pytorch --format safetensors
    embedding = model.voice_encoder(mel)         # [batch, frames, 40] -> [batch, 256]
    faces = model.face_distribution(embedding)   # a mixture of Gaussians in the face space
    face = model.face_decoder(normalised(faces["feature"], model.face_space))
    face["picture"]                              # [batch, 3, 224, 224]

A voice encoder of convolutions reads a spectrogram, [batch, 2, frames, 257], and a model without a
face distribution has a voice encoder that gives the feature, [batch, D].

A state saved with `torch.save(model.state_dict(), "mine.pth")` is imported with
`speech2face model import mine.pth -o my-model --network model --config for-pytorch`.
The architectures are cited in crates/s2f-nn/src, at each network.
"""

import json
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn.functional import grid_sample, interpolate, max_pool2d, normalize, relu, relu6

BINS = 257  # frequency bins of the spectrogram: FFT 512 / 2 + 1
MEL_BANDS = 40
PARTIAL = 160  # frames of a mel spectrogram: 1.6 s
KERNEL = 4
COMPRESSION = 0.3


class LstmLayer(nn.Module):
    """torch.nn.LSTM with the names of the weights files."""

    def __init__(self, inputs, hidden):
        super().__init__()
        self.input = nn.Linear(inputs, 4 * hidden)
        self.state = nn.Linear(hidden, 4 * hidden)

    def forward(self, x):
        weights = [self.input.weight, self.state.weight, self.input.bias, self.state.bias]
        state = x.new_zeros(1, len(x), self.state.in_features)
        return torch.lstm(x, (state, state), weights, True, 1, 0.0, self.training, False, True)[0]


class VoiceEncoder(nn.Module):
    """Input of the trunk to feature [batch, D], not normalised: a spectrogram [batch, 2, frames,
    257], or a mel spectrogram [batch, frames, 40]. Without a head, the trunk's output."""

    def __init__(self, config):
        super().__init__()
        self.has_lstm = "speaker_encoder" in config
        if self.has_lstm:
            width = self.add_speaker_encoder(config["speaker_encoder"])
        else:
            width = self.add_convolutions(config)
        self.hidden = self.output = None
        if config.get("hidden"):
            self.hidden = nn.Linear(width, config["hidden"])
            width = config["hidden"]
        if config.get("output"):
            self.output = nn.Linear(width, config["output"])
            width = config["output"]
        self.output_relu = config.get("output_relu", False)
        has_attention = config.get("pooling", "mean") == "attention"
        self.attention = nn.Linear(width, 1) if has_attention else None

    def add_speaker_encoder(self, config):
        widths = [MEL_BANDS] + [config["hidden"]] * config["layers"]
        self.lstm = nn.ModuleList(LstmLayer(a, b) for a, b in zip(widths, widths[1:]))
        self.linear = nn.Linear(config["hidden"], config["output"])
        return config["output"]

    def add_convolutions(self, config):
        layers = config["layers"]
        self.input = config["input"]
        self.pools = [layer["pool"] for layer in layers]
        widths = [1 if self.input == "magnitude" else 2] + [layer["channels"] for layer in layers]
        self.convolutions = nn.ModuleList(
            nn.Conv2d(inputs, layer["channels"], KERNEL, tuple(layer["stride"]))
            for inputs, layer in zip(widths, layers)
        )
        self.norms = nn.ModuleList(
            nn.BatchNorm2d(layer["channels"]) for layer in layers if config["batch_norm"]
        )
        bins = BINS
        for layer in layers:
            bins = (bins - KERNEL) // layer["stride"][1] + 1
        return widths[-1] * bins

    def pool(self, segments):
        """From the features of a voice's segments, [batch, segments, D], to one, [batch, D]."""
        if self.attention is None:
            return segments.mean(1)
        return (segments * self.attention(segments).softmax(1)).sum(1)

    def forward(self, x):
        x = self.embed(x) if self.has_lstm else self.convolve(x)
        if self.hidden:
            x = relu(self.hidden(x))
        x = self.output(x) if self.output else x
        return relu(x) if self.output_relu else x

    def embed(self, mel):
        """The mean of the embeddings of partials that cover the clip and overlap by half."""
        last = mel.shape[1] - PARTIAL
        gaps = -(-last // (PARTIAL // 2))
        starts = [last * index // max(gaps, 1) for index in range(gaps + 1)]
        partials = torch.stack([mel[:, start : start + PARTIAL] for start in starts], 1)
        x = partials.flatten(0, 1)  # [batch * partials, 160, 40]
        for layer in self.lstm:
            x = layer(x)
        embeddings = normalize(relu(self.linear(x[:, -1])))
        return normalize(embeddings.reshape(len(mel), len(starts), -1).mean(1))

    def convolve(self, x):
        if self.input == "magnitude":
            x = magnitude(x)
        elif self.input != "complex":
            x = polar(x, self.input == "magnitude-compressed-phase")
        for index, convolution in enumerate(self.convolutions):
            x = convolution(x)
            if index == len(self.convolutions) - 1:
                x = x.mean(2, keepdim=True)
            x = relu(x)
            if self.norms:
                x = self.norms[index](x)
            if self.pools[index]:
                x = max_pool2d(x, (2, 1))
        return x.flatten(1)


def magnitude(x):
    """|S|^0.3 over its root mean square, from sgn(S)|S|^0.3 of the two parts."""
    power = (x.square().clamp_min(1e-12) ** (1 / COMPRESSION)).sum(1, keepdim=True)
    compressed = power ** (COMPRESSION / 2)
    return compressed / compressed.square().mean((1, 2, 3), keepdim=True).sqrt()


def polar(x, compressed):
    """|S|^0.3 and the phase of S, from sgn(S)|S|^0.3 of the two parts."""
    real, imaginary = (x.sign() * x.abs() ** (1 / COMPRESSION)).unbind(1)
    phase = torch.atan2(imaginary, real)
    if compressed:
        phase = phase.sign() * phase.abs() ** COMPRESSION
    return torch.stack([torch.hypot(real, imaginary) ** COMPRESSION, phase], 1)


class LandmarkHead(nn.Module):
    def __init__(self, inputs, hidden, count):
        super().__init__()
        self.hidden = nn.Linear(inputs, hidden)
        self.output = nn.Linear(hidden, 2 * count)

    def forward(self, x):
        return self.output(relu(self.hidden(x)))


class DeconvolutionHead(nn.Module):
    """The paper's texture: transposed convolutions."""

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


class BasisHead(nn.Module):
    """A mean and a linear basis: luma at full size, two planes of chroma at half of it."""

    LUMA = (0.299, 0.587, 0.114)
    CB, CR = 0.564, 0.713

    def __init__(self, inputs, hidden, components, size):
        super().__init__()
        self.size = size
        values = size * size + 2 * (size // 2) ** 2
        self.hidden = nn.Linear(inputs, hidden)
        self.coefficients = nn.Linear(hidden, components)
        self.mean = nn.Parameter(torch.zeros(values))
        self.basis = nn.Parameter(torch.randn(components, values) * 0.1 / components**0.5)

    def forward(self, x):
        size, half = self.size, self.size // 2
        values = self.coefficients(relu(self.hidden(x))) @ self.basis + self.mean
        luma = values[:, : size * size].reshape(-1, 1, size, size)
        chroma = values[:, size * size :].reshape(-1, 2, half, half)
        chroma = interpolate(chroma, size=(size, size), mode="bilinear", align_corners=False)
        blue = luma + chroma[:, :1] / self.CB
        red = luma + chroma[:, 1:] / self.CR
        green = (luma - red * self.LUMA[0] - blue * self.LUMA[2]) / self.LUMA[1]
        return torch.cat([red, green, blue], 1)


class Warp(nn.Module):
    """Warps a texture to landmarks: rendered(y) = T(y - u(y)) with the thin-plate spline u that takes
    the displacement of each landmark from its mean, and 0 at the border points. Positions are in
    pixels; (0, 0) is the centre of the first pixel."""

    NODES = 57
    SMOOTHING = 1e-6
    NEAREST = 1e-12

    def __init__(self, count, border, size):
        super().__init__()
        self.size = size
        self.register_buffer("mean", torch.zeros(2 * count))
        self.register_buffer("border", torch.tensor(border).reshape(-1, 2), persistent=False)
        step = (size - 1) / (self.NODES - 1)
        side = torch.arange(self.NODES, dtype=torch.float64) * step
        nodes = torch.stack([side.repeat(self.NODES), side.repeat_interleave(self.NODES)], 1)
        self.register_buffer("nodes", nodes.float(), persistent=False)
        self.register_buffer("up", self.upsampling().float(), persistent=False)

    def forward(self, texture, landmarks):
        u = self.displacement(landmarks)
        side = torch.arange(self.size, dtype=u.dtype, device=u.device)
        y, x = torch.meshgrid(side, side, indexing="ij")
        source = torch.stack([x, y]) - u  # [batch, 2, size, size]
        grid = (source / ((self.size - 1) / 2) - 1).permute(0, 2, 3, 1)
        return grid_sample(texture, grid, "bilinear", "border", align_corners=True)

    def displacement(self, landmarks):
        """u at every pixel, [batch, 2, size, size]; solved in double precision."""
        batch, double = len(landmarks), torch.float64
        landmarks, mean = landmarks.to(double), self.mean.reshape(-1, 2).to(double)
        border = self.border.to(double).expand(batch, -1, -1)
        control = self.unit(torch.cat([landmarks, border], 1))  # [batch, n, 2]
        n = control.shape[1]
        values = torch.cat([landmarks - mean, control.new_zeros(batch, border.shape[1] + 3, 2)], 1)
        bend = self.kernel(control, control) + torch.eye(n, dtype=double, device=control.device) * self.SMOOTHING
        affine = self.with_one(control)
        top = torch.cat([bend, affine], 2)
        bottom = torch.cat([affine.mT, affine.new_zeros(batch, 3, 3)], 2)
        weights = torch.linalg.solve(torch.cat([top, bottom], 1), values)  # [batch, n + 3, 2]
        nodes = self.unit(self.nodes.to(double)).expand(batch, -1, -1)
        coarse = torch.cat([self.kernel(nodes, control), self.with_one(nodes)], 2) @ weights
        coarse = coarse.mT.reshape(batch, 2, self.NODES, self.NODES).to(self.up.dtype)
        return self.up @ coarse @ self.up.mT

    def unit(self, positions):
        return positions / self.size - 0.5

    def kernel(self, a, b):
        square = (a[:, :, None] - b[:, None]).square().sum(-1)
        return 0.5 * square * square.clamp_min(self.NEAREST).log()

    @staticmethod
    def with_one(positions):
        return torch.cat([torch.ones_like(positions[..., :1]), positions], -1)

    def upsampling(self):
        """Catmull-Rom from NODES values to size pixels, extrapolated linearly beyond the ends."""
        last = self.NODES - 1
        matrix = torch.zeros(self.size, self.NODES, dtype=torch.float64)
        for pixel in range(self.size):
            position = pixel * last / (self.size - 1)
            node = min(int(position), last - 1)
            t = position - node
            weights = [
                ((-0.5 * t + 1.0) * t - 0.5) * t,
                (1.5 * t - 2.5) * t * t + 1.0,
                ((-1.5 * t + 2.0) * t + 0.5) * t,
                (0.5 * t - 0.5) * t * t,
            ]
            for offset, weight in enumerate(weights, -1):
                at = node + offset
                if at < 0:
                    matrix[pixel, 0] += 2 * weight
                    matrix[pixel, 1] -= weight
                elif at > last:
                    matrix[pixel, last] += 2 * weight
                    matrix[pixel, last - 1] -= weight
                else:
                    matrix[pixel, at] += weight
        return matrix


class FaceDecoder(nn.Module):
    """Feature [batch, D], in the normalisation of its face space, to landmarks [batch, n, 2] in
    pixels, texture and picture [batch, 3, size, size]: R G B, about 0 to 1."""

    def __init__(self, config, border):
        super().__init__()
        hidden, landmarks, size = config["hidden"], config["landmarks"], config["size"]
        self.first = nn.Linear(config["feature"], hidden)
        self.landmarks = LandmarkHead(hidden, landmarks["hidden"], landmarks["count"])
        ((kind, head),) = config["texture"].items()
        self.texture = (
            DeconvolutionHead(hidden, head["base"], head["channels"])
            if kind == "deconvolution"
            else BasisHead(hidden, head["hidden"], head["components"], size)
        )
        self.warp = Warp(landmarks["count"], border, size)

    def forward(self, feature):
        hidden = relu(self.first(feature))
        moved = self.landmarks(hidden)
        landmarks = (self.warp.mean + moved).reshape(len(feature), -1, 2)
        texture = self.texture(hidden)
        return {
            "landmarks": landmarks,
            "texture": texture,
            "picture": self.warp(texture, landmarks),
        }


class Standard(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.register_buffer("centre", torch.zeros(width))
        self.register_buffer("deviation", torch.ones(width))


class FaceDistribution(nn.Module):
    """Voice embedding [batch, E] to a mixture of K Gaussians in the face space: `feature` [batch,
    D], their mean; `weights` [batch, K]; `means` [batch, K, D]; `deviations` [batch, K, R] of the
    `factors` [K, R, D]; `noise` [K, D]. With standard normal z [D] and f [R], a sample of a
    component is means + noise * (z + (f * deviations) @ factors)."""

    FLOOR, MAX_LOG_SCALE = 0.1, 6.0

    def __init__(self, config):
        super().__init__()
        embedding, feature = config["embedding"], config["feature"]
        self.components, self.rank = config["components"], config["rank"]
        self.traits = config["traits"]
        self.logits = nn.Linear(embedding, self.components)
        self.means = nn.Linear(embedding, self.components * feature)
        self.log_scales = nn.Linear(embedding, self.components * self.rank)
        self.factors = nn.Parameter(torch.zeros(self.components, self.rank, feature))
        self.log_noise = nn.Parameter(torch.zeros(self.components, feature))
        self.prior_logits = nn.Parameter(torch.zeros(self.components))
        self.prior_means = nn.Parameter(torch.zeros(self.components, feature))
        self.prior_log_scales = nn.Parameter(torch.zeros(self.components, self.rank))
        self.prior_log_noise = nn.Parameter(torch.zeros(self.components, feature))
        self.voice, self.face = Standard(embedding), Standard(feature)

    def forward(self, embedding):
        x = embedding - self.voice.centre
        x = x / (self.voice.deviation * embedding.shape[1] ** 0.5)
        weights = self.logits(x).softmax(1)
        means = self.means(x).reshape(len(x), self.components, -1)
        means = means * self.face.deviation + self.face.centre
        scales = self.log_scales(x).reshape(len(x), self.components, self.rank)
        noise = ((2 * self.log_noise).exp() + self.FLOOR**2).sqrt() * self.face.deviation
        return {
            "feature": (means * weights[..., None]).sum(1),
            "weights": weights,
            "means": means,
            "deviations": scales.clamp(-self.MAX_LOG_SCALE, self.MAX_LOG_SCALE).exp(),
            "factors": self.orthonormal_factors(),
            "noise": noise,
        }

    def orthonormal_factors(self):
        """On the identity orthonormal: the Q of a QR decomposition, with the signs of Gram-Schmidt."""
        identity = self.factors.shape[2] - self.traits
        q, r = torch.linalg.qr(self.factors[..., :identity].transpose(1, 2).double())
        q = q * r.diagonal(dim1=1, dim2=2).sign()[:, None]
        unit = q.transpose(1, 2).to(self.factors.dtype)
        return torch.cat([unit, self.factors[..., identity:]], 2)


class Model(nn.Module):
    """The contents of a model folder's model.safetensors; config is its config.json."""

    def __init__(self, config):
        super().__init__()
        self.face_space = config["face_space"]
        self.voice_encoder = VoiceEncoder(config["voice_encoder"])
        self.face_decoder = FaceDecoder(config["face_decoder"], config["border"])
        distribution = config.get("face_distribution")
        self.face_distribution = FaceDistribution(distribution) if distribution else None
        self.register_buffer("mean_feature", torch.zeros(self.face_space["dimension"]))

    def exaggerate(self, feature, amount):
        """An amount of 0 leaves a feature unchanged; normalise the result for the face space."""
        return self.mean_feature + (1 + amount) * (feature - self.mean_feature)


def normalised(feature, face_space):
    """The identity gets the length that the face space requires; traits, which are last, stay."""
    if face_space["normalisation"] != "unit-length":
        return feature
    identity = face_space["dimension"] - len(face_space.get("traits", []))
    return torch.cat([normalize(feature[:, :identity]), feature[:, identity:]], 1)


def open_model(folder):
    """Opens a folder that `speech2face model export --format safetensors` wrote."""
    folder = Path(folder)
    model = Model(json.loads((folder / "config.json").read_text()))
    model.load_state_dict(load_file(folder / "model.safetensors"), strict=True)
    return model.eval()


class VggFace(nn.Module):
    """VGG-Face as `speech2face model import --network vgg-face` writes it.

    Faces [n, 3, 224, 224], R G B, 0 to 255, to fc7 after its ReLU, [n, 4096], and fc8, [n, 2622]."""

    MEAN_RGB = (129.1863, 104.7624, 93.594)

    def __init__(self, channels=(64, 128, 256, 512, 512), hidden=4096, persons=2622, side=224):
        super().__init__()
        inputs = 3
        for stage, (outputs, count) in enumerate(zip(channels, (2, 2, 3, 3, 3)), 1):
            for index in range(1, count + 1):
                self.add_module(f"conv{stage}_{index}", nn.Conv2d(inputs, outputs, 3, padding=1))
                inputs = outputs
        self.fc6 = nn.Linear(inputs * (side // 32) ** 2, hidden)
        self.fc7 = nn.Linear(hidden, hidden)
        self.fc8 = nn.Linear(hidden, persons)

    def forward(self, faces):
        x = faces - torch.tensor(self.MEAN_RGB, device=faces.device).reshape(1, 3, 1, 1)
        for stage, count in enumerate((2, 2, 3, 3, 3), 1):
            for index in range(1, count + 1):
                x = relu(getattr(self, f"conv{stage}_{index}")(x))
            x = max_pool2d(x, 2)
        fc7 = relu(self.fc7(relu(self.fc6(x.flatten(1)))))
        return fc7, self.fc8(fc7)


class MobileFace(nn.Module):
    """MobileFace Identification V2 with its normalisations folded into the convolutions.

    Aligned faces [n, 3, 112, 112], R G B, 0 to 255, to features [n, 256]; normalise these to unit
    length."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 32, 3, 2, 1)
        self.blocks = nn.ModuleList()
        channels = 32
        for stage in (32, 32, 64, 128):
            for stride in (2, 1, 1):
                self.blocks.append(MobileBlock(channels, stage, stride))
                channels = stage
        self.head = nn.Linear(channels * 4 * 4, 256)

    def forward(self, faces):
        x = relu6(self.stem((faces - 127.5) / 128))
        for block in self.blocks:
            x = block(x)
        return self.head(x.flatten(1))


class MobileBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        inner = 3 * inputs
        self.residual = stride == 1
        self.expand = nn.Conv2d(inputs, inner, 1)
        self.depthwise = nn.Conv2d(inner, inner, 3, stride, 1, groups=inner)
        self.project = nn.Conv2d(inner, outputs, 1)

    def forward(self, x):
        y = self.project(relu6(self.depthwise(relu6(self.expand(x)))))
        return x + y if self.residual else y
