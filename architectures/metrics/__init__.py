"""Metrics, one file each. An entry returns one float32 value per image and states whether larger is better."""
