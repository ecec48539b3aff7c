"""The Reconstruct panel: one image through several runs and checkpoints."""
