import architectures  # noqa: F401 (it sets what TensorFlow reads when it is imported)
