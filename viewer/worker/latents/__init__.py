"""What the worker answers about latent space."""
