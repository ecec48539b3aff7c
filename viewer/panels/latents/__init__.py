"""The Latent space panel."""
