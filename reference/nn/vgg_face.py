"""VGG-Face (Parkhi et al., BMVC 2015) in PyTorch: its size, and the outputs of a narrow one.

Prints the number of parameters and writes vgg_face.safetensors beside this file: the weights of a
narrow network, two pictures, and fc7 (after ReLU) and fc8 for weights that read R G B or B G R.
"""

from collections import OrderedDict
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn


class VggFace(nn.Module):
    def __init__(self, side, channels, hidden, persons, device=None):
        super().__init__()
        stages = []
        inputs = 3
        for stage, (outputs, count) in enumerate(zip(channels, (2, 2, 3, 3, 3)), 1):
            for i in range(1, count + 1):
                stages.append((f"conv{stage}_{i}", nn.Conv2d(inputs, outputs, 3, 1, 1, device=device)))
                stages.append((f"relu{stage}_{i}", nn.ReLU()))
                inputs = outputs
            stages.append((f"pool{stage}", nn.MaxPool2d(2, 2)))
        flat = inputs * (side // 32) ** 2
        self.layers = nn.Sequential(OrderedDict(stages))
        self.fc6 = nn.Linear(flat, hidden, device=device)
        self.fc7 = nn.Linear(hidden, hidden, device=device)
        self.fc8 = nn.Linear(hidden, persons, device=device)

    def forward(self, x):
        x = torch.relu(self.fc6(self.layers(x).flatten(1)))
        fc7 = torch.relu(self.fc7(x))
        return fc7, self.fc8(fc7)


torch.set_num_threads(1)
torch.manual_seed(0)
paper = VggFace(224, (64, 128, 256, 512, 512), 4096, 2622, device="meta")
print(sum(p.numel() for p in paper.parameters()), "parameters")

net = VggFace(64, (2, 3, 4, 5, 6), 8, 7)
# Wide enough that the activations neither vanish nor explode through 15 layers of ReLU.
with torch.no_grad():
    for module in net.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_normal_(module.weight)
            module.bias.uniform_(-0.5, 0.5)
faces = torch.randint(0, 256, (2, 3, 64, 64)).float()
mean = torch.tensor([129.1863, 104.7624, 93.5940]).reshape(1, 3, 1, 1)
values = {"faces": faces}
with torch.no_grad():
    for name, x in (("rgb", faces - mean), ("bgr", (faces - mean).flip(1))):
        values[f"{name}.fc7"], values[f"{name}.fc8"] = net(x)
        for layer in ("fc7", "fc8"):
            print(name, layer, values[f"{name}.{layer}"])
for name, value in net.state_dict().items():
    values["network." + name.removeprefix("layers.")] = value
save_file(values, Path(__file__).with_suffix(".safetensors"))
