"""Writes small networks as PyTorch's exporters do, and what PyTorch computes with them: `networks.py FOLDER [NAME ...]`.

For each network and exporter there are three files of the same structure, whose weights are
  NAME-EXPORTER.onnx           those that training starts from
  NAME-EXPORTER-gradient.onnx  those, plus the gradient of the loss in training mode
  NAME-EXPORTER-trained.onnx   those after ten steps of SGD with momentum on the same batch
and NAME.safetensors with the inputs (channels last), the labels, the logits in evaluation mode and the loss in training mode.
"""

import copy
import os
import sys
import warnings

import torch
from safetensors.torch import save_file
from torch import nn

warnings.filterwarnings("ignore")
torch.set_num_threads(1)

BATCH, STEPS, RATE, CLASSES = 8, 10, 0.01, 10


class Residual(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = nn.Identity()
        if stride > 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        out = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(out)) + self.downsample(x))


class ResNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(8)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = Residual(8, 8, 1)
        self.layer2 = Residual(8, 16, 2)
        self.fc = nn.Linear(16, CLASSES)

    def forward(self, x):
        x = self.maxpool(torch.relu(self.bn1(self.conv1(x))))
        return self.fc(self.layer2(self.layer1(x)).mean((2, 3)))


class Inverted(nn.Module):
    def __init__(self, inputs, outputs, stride, activation):
        super().__init__()
        hidden = inputs * 3
        self.conv = nn.Sequential(
            nn.Conv2d(inputs, hidden, 1, bias=False), nn.BatchNorm2d(hidden), activation(),
            nn.Conv2d(hidden, hidden, 3, stride, 1, groups=hidden, bias=False), nn.BatchNorm2d(hidden), activation(),
            nn.Conv2d(hidden, outputs, 1, bias=False), nn.BatchNorm2d(outputs),
        )
        self.add = stride == 1 and inputs == outputs

    def forward(self, x):
        return x + self.conv(x) if self.add else self.conv(x)


class MobileNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU6(),
            Inverted(8, 8, 1, nn.ReLU6), Inverted(8, 12, 2, nn.Hardswish), Inverted(12, 12, 1, nn.SiLU),
        )
        self.classifier = nn.Linear(12, CLASSES)

    def forward(self, x):
        return self.classifier(nn.functional.adaptive_avg_pool2d(self.features(x), 1).flatten(1))


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(20, 16)
        self.position = nn.Parameter(torch.randn(1, 12, 16) * 0.1)
        layer = nn.TransformerEncoderLayer(16, 4, 32, dropout=0.0, activation="gelu", batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(16, CLASSES)

    def forward(self, x):
        return self.head(self.encoder(self.embed(x) + self.position).mean(1))


class Lstm(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(6, 10, num_layers=2, batch_first=True, bidirectional=True)
        self.gru = nn.GRU(20, 8, batch_first=True)
        self.fc = nn.Linear(8, CLASSES)

    def forward(self, x):
        x, _ = self.lstm(x)
        x, _ = self.gru(x)
        return self.fc(x[:, -1])


class Many(nn.Module):
    """The operators that the others lack."""

    def __init__(self):
        super().__init__()
        self.dilated = nn.Conv2d(3, 8, 3, padding=2, dilation=2)
        self.grouped = nn.Conv2d(8, 8, 3, padding=1, groups=2)
        self.group_norm = nn.GroupNorm(4, 8)
        self.instance_norm = nn.InstanceNorm2d(8, affine=True)
        self.up = nn.ConvTranspose2d(8, 6, 3, stride=2, padding=1, output_padding=1)
        self.prelu = nn.PReLU(6)
        self.line = nn.Conv1d(6, 7, 5, stride=2, padding=2)
        self.norm = nn.LayerNorm(7)
        self.mix = nn.Parameter(torch.randn(7, 9) * 0.3)
        self.fc = nn.Linear(9, CLASSES)

    def forward(self, x):
        x = nn.functional.leaky_relu(self.dilated(x), 0.1)
        x = nn.functional.avg_pool2d(x, 3, 2, 1, ceil_mode=True)
        x = torch.sigmoid(self.group_norm(self.grouped(x)))
        x = nn.functional.elu(self.instance_norm(nn.functional.pad(x, (1, 0, 0, 1))))
        x = self.prelu(self.up(x))
        x = nn.functional.max_pool2d(x, 2, ceil_mode=True)
        a, b = x[:, :3], x[:, 3:]
        x = torch.cat([b * a, (a - b) / (1 + b.abs())], 1).clamp(-2, 2)
        x = self.line(x.flatten(2)).transpose(1, 2)
        x = self.norm(x) @ self.mix
        x = torch.softmax(x, 1) * x.pow(2).sqrt().clamp(min=1e-3) + nn.functional.softplus(x)
        return self.fc(torch.tanh(x).mean(1))


def images(count, size):
    return torch.randn(count, 3, size, size)


NETWORKS = {
    "resnet": (ResNet, lambda count: images(count, 24)),
    "mobilenet": (MobileNet, lambda count: images(count, 16)),
    "transformer": (Transformer, lambda count: torch.randint(0, 20, (count, 12))),
    "lstm": (Lstm, lambda count: torch.randn(count, 7, 6)),
    "many": (Many, lambda count: images(count, 11)),
}


def export(network, example, folder, name, content):
    network.eval()
    names = {"input_names": ["x"], "output_names": ["y"], "opset_version": 18}
    # Without these options, normalizations become a part of the convolution before them.
    apart = {"training": torch.onnx.TrainingMode.PRESERVE}
    batch = {"x": {0: "batch"}, "y": {0: "batch"}}
    torch.onnx.export(
        network, (example,), os.path.join(folder, f"{name}-script{content}.onnx"), dynamo=False, dynamic_axes=batch, **names, **apart
    )
    # Optimization makes normalizations a part of convolutions, and recurrent weights need it, to be stored as they are used.
    optimize = any(isinstance(module, nn.RNNBase) for module in network.modules())
    open_batch = {"dynamic_shapes": ({0: torch.export.Dim("batch")},)}
    # PyTorch's newer exporter writes recurrent networks for one size of batch only.
    if optimize:
        open_batch = {}
    torch.onnx.export(
        network, (example,), os.path.join(folder, f"{name}-dynamo{content}.onnx"), dynamo=True, external_data=False, verbose=False, optimize=optimize,
        **names, **open_batch,
    )


def channels_last(x):
    return x.permute(0, 2, 3, 1).contiguous() if x.dim() == 4 else x


def plus_gradients(network):
    """A copy of the network with its gradients added, because gradients alone may be equal, and would be stored once."""
    twin = copy.deepcopy(network)
    with torch.no_grad():
        for parameter, original in zip(twin.parameters(), network.parameters()):
            parameter.add_(original.grad)
    return twin


def write(folder, name):
    torch.manual_seed(1)
    make, draw = NETWORKS[name]
    network = make()
    # The exporters store tensors of the same content once, such as the scales of new normalizations: they would be trained as one.
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.02)
    inputs, labels = draw(BATCH), torch.randint(0, CLASSES, (BATCH,))
    # Running statistics that are not those of a new network.
    network.train()
    with torch.no_grad():
        network(inputs)
    export(network, inputs, folder, name, "")
    tensors = {"inputs": channels_last(inputs), "labels": labels}
    with torch.no_grad():
        tensors["logits"] = network(inputs)
    network.train()
    optimizer = torch.optim.SGD(network.parameters(), lr=RATE, momentum=0.9)
    for step in range(STEPS):
        loss = nn.functional.cross_entropy(network(inputs), labels)
        optimizer.zero_grad()
        loss.backward()
        if step == 0:
            tensors["loss"] = loss.detach().reshape(1)
            export(plus_gradients(network), inputs, folder, name, "-gradient")
            network.train()
        optimizer.step()
    export(network, inputs, folder, name, "-trained")
    tensors = {key: value.to(torch.float32).contiguous() for key, value in tensors.items()}
    save_file(tensors, os.path.join(folder, f"{name}.safetensors"))


if __name__ == "__main__":
    target = sys.argv[1]
    os.makedirs(target, exist_ok=True)
    for each in sys.argv[2:] or NETWORKS:
        write(target, each)
