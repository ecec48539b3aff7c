"""What the worker answers about the inside of networks."""
