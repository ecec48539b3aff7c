"""What the Inside panel shows."""
