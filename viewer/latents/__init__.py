"""The Latent space panel: images in a run's latent space, and images between them."""
