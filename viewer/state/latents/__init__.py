"""What the Latent space panel shows."""
