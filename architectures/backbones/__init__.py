"""Backbones, one file a family. An entry cuts a frozen network at its taps."""
