"""The window that looks at runs while they train, and into every reconstruction.

Two processes. The window's, which is everything here but `worker/`, draws, and never imports TensorFlow, whose LLVM
symbols crash Mesa's drivers. The worker's restores runs and infers. Requests and replies pass through a pipe, arrays
through shared memory. What the window shows is held by `state/`, which knows no DearPyGui.
"""
