"""What losses and metrics share: pairs of images in float32, means per image, halving."""

from typing import Any

from keras import ops


def float32_pair(originals, reconstructions) -> tuple[Any, Any]:
    """Both batches as float32 tensors of one shape.

    Squares and differences of images lose their meaning in half precision, and a batch of another shape would
    broadcast without a word.

    Args:
        originals: Float [batch, height, width, channels] of any precision, in [0, 1].
        reconstructions: The same shape.

    Returns:
        (originals, reconstructions), float32.

    Raises:
        ValueError: The shapes differ or are not those of a batch of images.
    """
    originals = ops.cast(ops.convert_to_tensor(originals), "float32")
    reconstructions = ops.cast(ops.convert_to_tensor(reconstructions), "float32")
    first, second = tuple(originals.shape), tuple(reconstructions.shape)
    if len(first) != 4 or len(second) != 4:
        raise ValueError(
            f"images must be [batch, height, width, channels], got shapes {list(first)} and {list(second)}"
        )
    if any(a != b for a, b in zip(first, second) if a is not None and b is not None):
        raise ValueError(
            f"originals are {list(first[1:])} and reconstructions {list(second[1:])} [height, width, channels]; "
            "both must have one shape"
        )
    return originals, reconstructions


def mean_per_image(values):
    """Mean over everything but the batch: [batch, height, width, channels] → [batch]."""
    return ops.mean(values, axis=(1, 2, 3))


def halve(images):
    """Half the height and width by averaging 2×2 blocks, an odd edge mirrored first.

    Averaging before subsampling keeps frequencies that the smaller image cannot hold from folding into it. This is
    the reduction of MS-SSIM (Wang et al. 2003) as TensorFlow implements it.

    Args:
        images: Float [batch, height, width, channels].

    Returns:
        Float [batch, ceil(height / 2), ceil(width / 2), channels].
    """
    odd = [(0, size % 2) for size in images.shape[1:3]]
    if any(after for _, after in odd):
        images = ops.pad(images, [(0, 0), *odd, (0, 0)], mode="symmetric")
    return ops.average_pool(images, pool_size=2, strides=2, padding="valid", data_format="channels_last")
