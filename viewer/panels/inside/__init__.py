"""The Inside panel."""
