"""Networks of torchvision's shape with seeded weights, and what the published packages measure in them.

    python tests/architectures/seeded_networks.py

prints the figures that tests compare with; it needs torch, torchvision, lpips 0.1.4 and DISTS-pytorch 0.1.
"""

import numpy as np

ALEXNET = {0: (64, 3, 11), 3: (192, 64, 5), 6: (384, 192, 3), 8: (256, 384, 3), 10: (256, 256, 3)}
VGG16 = {
    index: (outputs, inputs, 3)
    for index, inputs, outputs in (
        *((0, 3, 64), (2, 64, 64), (5, 64, 128), (7, 128, 128), (10, 128, 256), (12, 256, 256), (14, 256, 256)),
        *((17, 256, 512), (19, 512, 512), (21, 512, 512), (24, 512, 512), (26, 512, 512), (28, 512, 512)),
    )
}


def seeded_state(convolutions: dict[int, tuple[int, int, int]]) -> dict[str, np.ndarray]:
    """A state of `features`: He's variance, so that activations keep their size to the last layer."""
    generator, state = np.random.Generator(np.random.Philox(5)), {}
    for index, (outputs, inputs, kernel) in convolutions.items():
        shape = (outputs, inputs, kernel, kernel)
        scale = np.float32(np.sqrt(2 / (inputs * kernel**2)))
        state[f"features.{index}.weight"] = generator.standard_normal(shape, np.float32) * scale
        state[f"features.{index}.bias"] = generator.standard_normal(outputs, np.float32) * np.float32(0.1)
    return state


def image_pairs() -> tuple[np.ndarray, np.ndarray]:
    """Three originals and reconstructions, float32 [3, 64, 80, 3] in [0, 1]: noise, a shift, another image."""
    generator = np.random.Generator(np.random.Philox(6))
    small = generator.random((3, 8, 10, 3), np.float32)
    originals = small.repeat(8, axis=1).repeat(8, axis=2)
    noise = generator.standard_normal(originals.shape[1:], np.float32) * np.float32(0.1)
    reconstructions = [originals[0] + noise, np.roll(originals[1], 3, axis=1), originals[0]]
    return originals, np.clip(np.stack(reconstructions), 0, 1)


def _print_published() -> None:
    import lpips
    import torch
    import torchvision
    from DISTS_pytorch import DISTS_pt

    pairs = [torch.from_numpy(images).permute(0, 3, 1, 2) for images in image_pairs()]

    def with_weights(constructor, convolutions):
        network = constructor(weights=None)
        state = {name: torch.from_numpy(values) for name, values in seeded_state(convolutions).items()}
        network.load_state_dict(state, strict=False)
        return lambda **_: network

    alexnet = with_weights(torchvision.models.alexnet, ALEXNET)
    vgg16 = with_weights(torchvision.models.vgg16, VGG16)
    lpips.pretrained_networks.tv.alexnet, lpips.pretrained_networks.tv.vgg16 = alexnet, vgg16
    DISTS_pt.models.vgg16 = vgg16
    with torch.no_grad():
        for name in ("alex", "vgg"):
            values = lpips.LPIPS(net=name, verbose=False)(*pairs, normalize=True)
            print("lpips", name, [float(f"{value:.7g}") for value in values.flatten()])
        measure = DISTS_pt.DISTS(load_weights=False)
        weights = torch.load(DISTS_pt.__file__.replace("DISTS_pt.py", "weights.pt"))
        measure.alpha.data, measure.beta.data = weights["alpha"], weights["beta"]
        print("dists", [float(f"{value:.7g}") for value in measure(*pairs)])


if __name__ == "__main__":
    _print_published()
