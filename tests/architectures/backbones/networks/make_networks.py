"""Writes the .onnx files of this folder and the activations that PyTorch computes: `python make_networks.py`.

Needs torch 2.13, onnx and onnxscript. Values are random; the same on every machine with the same PyTorch.
"""

import pathlib

import numpy as np
import torch
from torch import nn

FOLDER = pathlib.Path(__file__).parent


class Block(nn.Module):
    def __init__(self, before, after):
        super().__init__()
        self.first = nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(after)
        self.second = nn.Conv2d(after, after, 3, padding=1)
        self.bypass = nn.Conv2d(before, after, 1, stride=2)

    def forward(self, x):
        return torch.relu(self.second(torch.relu(self.norm(self.first(x)))) + self.bypass(x))


class Convolutional(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.a, self.b = Block(8, 12), Block(12, 16)
        self.pool, self.head = nn.AdaptiveAvgPool2d(1), nn.Linear(16, 10)

    def forward(self, x):
        return self.head(torch.flatten(self.pool(self.b(self.a(torch.relu(self.stem(x))))), 1))


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.patch = nn.Conv2d(3, 16, 8, stride=8)
        self.token = nn.Parameter(torch.randn(1, 1, 16) * 0.1)
        self.place = nn.Parameter(torch.randn(1, 17, 16) * 0.1)
        layer = nn.TransformerEncoderLayer(16, 2, 32, 0.0, "gelu", batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.head = nn.Linear(16, 10)

    def forward(self, x):
        tokens = self.patch(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.token.expand(tokens.shape[0], -1, -1), tokens], 1) + self.place
        return self.head(self.encoder(tokens)[:, 0])


def main():
    torch.manual_seed(0)
    golden = {}
    images = torch.rand(3, 3, 32, 32)
    for name, network, looked_at in (
        ("convolutional", Convolutional(), ("a", "b", "head")),
        ("transformer", Transformer(), ("patch", "encoder", "head")),
    ):
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.uniform_(-0.3, 0.3)
                module.running_var.uniform_(0.5, 1.5)
        network.eval()
        for part in looked_at:
            key = f"{name}.{part}"
            network.get_submodule(part).register_forward_hook(
                lambda _module, _inputs, output, key=key: golden.__setitem__(key, output.detach().numpy())
            )
        network(images)
        kept = dict(golden)  # exporting calls the hooks as well
        torch.onnx.export(
            network,
            (images[:2],),
            FOLDER / f"{name}_dynamo.onnx",
            dynamo=True,
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            external_data=False,
            input_names=["image"],
        )
        # The older exporter, with a fixed batch of one.
        torch.onnx.export(
            network,
            (images[:1],),
            FOLDER / f"{name}_script.onnx",
            dynamo=False,
            input_names=["image"],
            opset_version=14,
        )
        golden.clear()
        golden.update(kept)
    np.savez_compressed(FOLDER / "activations.npz", images=images.numpy().transpose(0, 2, 3, 1), **golden)


if __name__ == "__main__":
    main()
