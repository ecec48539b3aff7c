"""DearPyGui as such: the loop, its pace, textures, themes, pictures that zoom."""
