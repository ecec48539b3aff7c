"""The Inside panel: feature maps, changed channels, and the network's diagram."""
