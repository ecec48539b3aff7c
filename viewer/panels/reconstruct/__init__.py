"""The Reconstruct panel."""
