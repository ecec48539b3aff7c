"""SavedModels of other programs: parsed, vetted before anything runs, and cut at tensors of a signature."""
