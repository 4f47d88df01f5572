"""Exports torchvision's networks as ONNX, with random weights.

usage: torchvision_networks.py FOLDER NAME:PIXELS[:EXPORTER]...
NAME is torchvision's; below 100 pixels a network gets 10 classes. EXPORTER is script (PyTorch's older one, the default) or dynamo.
"""

import sys
import warnings
from pathlib import Path

import torch

warnings.filterwarnings("ignore")
# torchvision's compiled part is built for one build of PyTorch, and is not loaded beside another. Its networks do without; only the names of
# two operations of detectors must be there when it is imported.
library = torch.library.Library("torchvision", "DEF")
for operation in ("nms", "qnms"):
    library.define(f"{operation}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

import torchvision  # noqa: E402

folder = Path(sys.argv[1])
torch.set_num_threads(1)

for each in sys.argv[2:]:
    name, pixels, exporter = (each.split(":") + ["script"])[:3]
    torch.manual_seed(1)
    classes = {"num_classes": 10} if int(pixels) < 100 else {}
    network = getattr(torchvision.models, name)(weights=None, **classes)
    images = torch.randn(2, 3, int(pixels), int(pixels))
    # The exporters store tensors of the same content once, such as the scales and the statistics of new normalizations: they would be
    # trained as one.
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.01)
        network.train()(images)
    network.eval()
    names = {"input_names": ["x"], "output_names": ["y"], "opset_version": 18}
    file = str(folder / f"{name}-{exporter}.onnx")
    if exporter == "script":
        apart = {"training": torch.onnx.TrainingMode.PRESERVE, "dynamic_axes": {"x": {0: "batch"}, "y": {0: "batch"}}}
        torch.onnx.export(network, (images,), file, dynamo=False, **names, **apart)
    else:
        batch = ({0: torch.export.Dim("batch")},)
        torch.onnx.export(
            network, (images,), file, dynamo=True, external_data=False, verbose=False, optimize=False, dynamic_shapes=batch, **names
        )
