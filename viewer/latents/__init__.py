"""The Latent space panel: where images are in a run's code, and what is between them."""
