"""Writes the weights of BVLC's AlexNet, random ones, in the layouts in which they are found, and what the network computes with them.

usage: alexnet.py FOLDER
"""

import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

folder = Path(sys.argv[1])
torch.manual_seed(1)
torch.set_num_threads(1)


def normalised():
    return nn.Sequential(nn.ReLU(), nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=1.0))


class AlexNet(nn.Module):
    """BVLC's network, with its layers at the places that torchvision's have."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 96, 11, 4),
            normalised(),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(96, 256, 5, padding=2, groups=2),
            normalised(),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(256, 384, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(384, 384, 3, padding=1, groups=2),
            nn.ReLU(),
            nn.Conv2d(384, 256, 3, padding=1, groups=2),
            nn.ReLU(),
            nn.MaxPool2d(3, 2),
        )
        self.classifier = nn.Sequential(
            nn.Dropout(),
            nn.Linear(9216, 4096),
            nn.ReLU(),
            nn.Dropout(),
            nn.Linear(4096, 4096),
            nn.ReLU(),
            nn.Linear(4096, 1000),
        )

    def forward(self, images):
        return self.classifier(self.features(images).flatten(1))


network = AlexNet().eval()
state = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
images = torch.randn(2, 3, 227, 227)
with torch.no_grad():
    logits = network(images)
save_file(state, folder / "torchvision.safetensors")
save_file(
    {"images": images.permute(0, 2, 3, 1).contiguous(), "logits": logits},
    folder / "computed.safetensors",
)

# Caffe numbers the fully connected layers on, puts axes of 1 before theirs and before biases, and reads blue, green, red.
caffe = {
    "features.0": "conv1",
    "features.3": "conv2",
    "features.6": "conv3",
    "features.8": "conv4",
    "features.10": "conv5",
    "classifier.1": "fc6",
    "classifier.4": "fc7",
    "classifier.6": "fc8",
}
renamed = {}
for name, tensor in state.items():
    layer, kind = name.rsplit(".", 1)
    if layer == "features.0" and kind == "weight":
        tensor = tensor[:, [2, 1, 0]].contiguous()
    shape = (1,) * (4 - tensor.dim()) + tuple(tensor.shape)
    renamed[f"{caffe[layer]}.{kind}"] = tensor.reshape(shape)
save_file(renamed, folder / "caffe.safetensors")
