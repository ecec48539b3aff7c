"""Archives and shards of images: where each image is in its file, and reading it there."""
