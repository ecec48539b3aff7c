"""ONNX networks of other programs: read in a limited process, cut at tensors, and run with ONNX Runtime."""
