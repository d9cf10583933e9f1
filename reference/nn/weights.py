"""A small PyTorch network: its state, an input and its output, to test weights files.

Writes weights_state.safetensors and weights_values.safetensors beside this file.
"""

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

HERE = Path(__file__).parent


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.convs = nn.ModuleList(
            [nn.Conv2d(2, 4, 3), nn.Conv2d(4, 4, 1, groups=2, bias=False)]
        )
        self.norm = nn.BatchNorm2d(4)
        self.up = nn.ConvTranspose2d(4, 3, 2, stride=2)
        self.linear = nn.Linear(48, 5)

    def forward(self, x):
        for conv in self.convs:
            x = conv(x)
        return self.linear(self.up(self.norm(x)).flatten(1))


torch.set_num_threads(1)
torch.manual_seed(0)
net = Net()
# Statistics and scales other than 0 and 1, so that swapping any two of them is noticed.
with torch.no_grad():
    net.norm.weight.uniform_(0.5, 1.5)
    net.norm.bias.uniform_(-1, 1)
    net.norm.running_mean.uniform_(-1, 1)
    net.norm.running_var.uniform_(0.5, 2)
net.eval()
x = torch.randn(3, 2, 4, 4)
with torch.no_grad():
    y = net(x)
save_file(net.state_dict(), HERE / "weights_state.safetensors")
save_file({"input": x, "output": y}, HERE / "weights_values.safetensors")
