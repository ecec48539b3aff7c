"""The viewer: a window that shows runs while they train, and every reconstruction.

Two processes. The window draws and never imports TensorFlow, whose LLVM symbols crash Mesa's drivers. The worker, which
is every `worker*.py`, restores runs and infers. Requests and replies pass through a pipe, arrays through shared memory.
What the window shows is kept in `state.py` of each feature, which knows no DearPyGui.
"""
