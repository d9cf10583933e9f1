"""Reference values for the losses of the voice encoder, with gradients.

    python reference/train/losses.py

writes reference/train/losses.safetensors: random inputs, and for each loss its value and its
gradient with respect to the voice's input. The losses are written here from the paper's section 3.3
and from CLIP's figure 3, with PyTorch's own functions where they exist.
"""

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch.nn import functional as F

TEMPERATURE = 2.0


def decoder_loss(face, voice):
    return F.l1_loss(voice, face)


def direction_loss(face, voice):
    return (F.normalize(face, dim=1) - F.normalize(voice, dim=1)).square().sum(1).mean()


def distillation_loss(face, voice):
    """-sum p(face) ln p(voice) at temperature 2, mean over the batch."""
    return F.cross_entropy(voice / TEMPERATURE, F.softmax(face / TEMPERATURE, dim=1))


def contrastive_loss(face, voice, centre, log_scale, is_same):
    """CLIP's symmetric loss on features minus the centre, without pairs of the same speaker."""
    face = F.normalize(face - centre, dim=1)
    voice = F.normalize(voice - centre, dim=1)
    scores = (voice @ face.T * log_scale.exp()).masked_fill(is_same, float("-inf"))
    own = torch.arange(len(voice))
    return (F.cross_entropy(scores, own) + F.cross_entropy(scores.T, own)) / 2


if __name__ == "__main__":
    torch.manual_seed(5)
    tensors = {}

    def write(name, loss, face, voice, **others):
        voice.requires_grad_()
        value = loss(face, voice, **others)
        value.backward()
        tensors.update({f"{name}.face": face, f"{name}.voice": voice.detach()})
        tensors.update({f"{name}.loss": value.detach().reshape(1), f"{name}.gradient": voice.grad})

    write("decoder", decoder_loss, torch.randn(6, 50), torch.randn(6, 50))
    write("direction", direction_loss, torch.randn(6, 40), 3 * torch.randn(6, 40))
    write("distillation", distillation_loss, 4 * torch.randn(6, 60), 4 * torch.randn(6, 60))
    write("feature", F.l1_loss, torch.randn(6, 40), torch.randn(6, 40))
    write("pixel", F.l1_loss, torch.rand(2, 3, 8, 8), torch.rand(2, 3, 8, 8))

    speakers = torch.tensor([0, 1, 0, 2, 3, 1])
    is_same = (speakers[:, None] == speakers) & ~torch.eye(6, dtype=torch.bool)
    centre = torch.randn(40)
    log_scale = torch.tensor([1 / 0.07]).log().requires_grad_()
    write(
        "contrast",
        contrastive_loss,
        centre + torch.randn(6, 40),
        centre + torch.randn(6, 40),
        centre=centre,
        log_scale=log_scale,
        is_same=is_same,
    )
    tensors["contrast.centre"] = centre
    tensors["contrast.log_scale_gradient"] = log_scale.grad
    tensors["contrast.is_same"] = is_same.to(torch.int64)

    save_file(
        {name: value.contiguous() for name, value in tensors.items()},
        Path(__file__).with_name("losses.safetensors"),
    )
