"""Structural similarity with a Gaussian window, as Wang et al. define it, computed separably."""

import numpy as np
from keras import ops

from architectures.images import halve

WINDOW_SIZE = 11
WINDOW_SIGMA = 1.5
K1, K2 = 0.01, 0.03


def gaussian_taps() -> np.ndarray:
    """The 11 weights of the Gaussian window's profile, float32, summing to 1."""
    offsets = np.arange(WINDOW_SIZE) - (WINDOW_SIZE - 1) / 2
    profile = np.exp(-0.5 * (offsets / WINDOW_SIGMA) ** 2)
    return (profile / profile.sum()).astype("float32")


def local_means(images, profile: np.ndarray):
    """Weighted means over a square window, where all of it is inside the image.

    The window is the product of its profile down and its profile across: one after the other, 11 + 11 products a
    pixel do the work of 121.

    Args:
        images: Float32 [batch, height, width, channels].
        profile: Weights of the window in one direction, float32 [size], summing to 1.

    Returns:
        Float32 [batch, height - size + 1, width - size + 1, channels].
    """
    channels = images.shape[-1]
    down = np.tile(profile.reshape(-1, 1, 1, 1), (1, 1, channels, 1))
    across = np.tile(profile.reshape(1, -1, 1, 1), (1, 1, channels, 1))
    columns = ops.depthwise_conv(images, down, padding="valid", data_format="channels_last")
    return ops.depthwise_conv(columns, across, padding="valid", data_format="channels_last")


def similarity_maps(originals, reconstructions):
    """Mean structural similarity of each image and channel, and its contrast-structure factor alone.

    Wang et al., "Image quality assessment: from error visibility to structural similarity", IEEE TIP 2004,
    equation 13, with the window 11×11, sigma 1.5, for images in [0, 1].

    Args:
        originals: Float32 [batch, height, width, channels] in [0, 1]; both sides at least 11 pixels.
        reconstructions: The same shape.

    Returns:
        (similarity, contrast_structure), each float32 [batch, channels].

    Raises:
        ValueError: The images are smaller than the window.
    """
    require_size(originals, scales=1)
    profile = gaussian_taps()
    # Each map is blurred by itself: joining them along channels costs more, in copies there and back, than the blur.
    x, y = local_means(originals, profile), local_means(reconstructions, profile)
    xy = local_means(originals * reconstructions, profile)
    squares = local_means(originals * originals + reconstructions * reconstructions, profile)

    product_of_means = 2.0 * x * y
    squares_of_means = x * x + y * y
    luminance = (product_of_means + K1**2) / (squares_of_means + K1**2)
    contrast_structure = (2.0 * xy - product_of_means + K2**2) / (squares - squares_of_means + K2**2)
    return ops.mean(luminance * contrast_structure, axis=(1, 2)), ops.mean(contrast_structure, axis=(1, 2))


def require_size(images, scales: int) -> None:
    """Raises ValueError where the smallest of `scales` halvings is smaller than the window.

    Args:
        images: Tensor [batch, height, width, channels]; sides unknown while tracing are not checked.
        scales: How many sizes are compared, the image itself being the first.
    """
    sides = [side for side in images.shape[1:3] if side is not None]
    possible = 0
    smallest = min(sides, default=None)
    while smallest is not None and smallest >= WINDOW_SIZE and possible < scales:
        possible += 1
        smallest = -(-smallest // 2)
    if smallest is None or possible == scales:
        return
    size = "×".join(str(side) for side in images.shape[1:3])
    needed = (WINDOW_SIZE - 1) * 2 ** (scales - 1) + 1
    if possible == 0:
        raise ValueError(
            f"SSIM needs images of at least {needed} pixels a side for {scales} scale(s), got {size}; "
            "enlarge dataset.image.size or choose another loss or metric"
        )
    raise ValueError(
        f"{scales} scales of SSIM need images of at least {needed} pixels a side, got {size}; "
        f"use at most {possible} scale(s) or enlarge dataset.image.size"
    )


def multiscale_maps(originals, reconstructions, scales: int):
    """`similarity_maps` of the images and of their halvings, finest first.

    Args:
        originals: Float32 [batch, height, width, channels] in [0, 1].
        reconstructions: The same shape.
        scales: How many sizes to compare; 1 is the images as they are.

    Returns:
        List of `scales` pairs (similarity, contrast_structure), each float32 [batch, channels].

    Raises:
        ValueError: The smallest size is smaller than the window.
    """
    require_size(originals, scales)
    maps = [similarity_maps(originals, reconstructions)]
    for _ in range(scales - 1):
        originals, reconstructions = halve(originals), halve(reconstructions)
        maps.append(similarity_maps(originals, reconstructions))
    return maps


# Wang, Simoncelli and Bovik, "Multi-scale structural similarity for image quality assessment", Asilomar 2003.
MULTISCALE_POWERS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


def multiscale_similarity(originals, reconstructions, scales: int = 5):
    """MS-SSIM: the product of contrast-structure factors over scales and of the coarsest scale's similarity.

    Equal to `tf.image.ssim_multiscale` at five scales. Fewer scales use the first exponents, rescaled to the sum of
    all five, so that smaller images can be measured.

    Args:
        originals: Float32 [batch, height, width, channels] in [0, 1].
        reconstructions: The same shape.
        scales: 1 to 5.

    Returns:
        Float32 [batch].
    """
    maps = multiscale_maps(originals, reconstructions, scales)
    factors = [contrast_structure for _, contrast_structure in maps[:-1]] + [maps[-1][0]]
    powers = np.asarray(MULTISCALE_POWERS[:scales])
    powers = powers * sum(MULTISCALE_POWERS) / powers.sum()
    product = 1.0
    for factor, power in zip(factors, powers):
        # A power below 1 has an infinite slope at 0: a factor that is not positive counts as 0 and passes no gradient.
        positive = factor > 0.0
        safe = ops.where(positive, factor, 1.0)
        product = product * ops.where(positive, ops.power(safe, float(power)), 0.0)
    return ops.mean(product, axis=-1)


def check_scales(name: str, scales: int, maximum: int | None = None) -> int:
    """`scales` itself, or a ValueError naming `name` where it is out of range."""
    if scales < 1 or (maximum is not None and scales > maximum):
        expected = "at least 1" if maximum is None else f"from 1 to {maximum}"
        raise ValueError(f"{name}.scales must be {expected}, got {scales}")
    return scales
