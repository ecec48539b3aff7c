"""A correction of Keras' adaptive pooling, which ends the process where it pools to a single value."""

from keras.src.backend.tensorflow import nn

_window_sizes = nn.compute_adaptive_pooling_window_sizes


def _windows_that_fit(input_dim: int, output_dim: int) -> tuple[int, int]:
    """The two window sizes of Keras, neither larger than the input.

    Keras pools with windows of n and n + 1 and picks from both. To a single value n is all of the input: nothing is
    left of the second, and oneDNN divides by that zero (SIGFPE) or gives gradients that are NaN.
    """
    small, big = _window_sizes(input_dim, output_dim)
    return small, min(big, input_dim)


nn.compute_adaptive_pooling_window_sizes = _windows_that_fit
