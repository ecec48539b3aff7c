"""What is done with learned latents: where they start, how well they tell classes apart, what they look like."""
