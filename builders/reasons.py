"""Errors of Keras and TensorFlow in one line that a user can act on."""

import re

import tensorflow as tf

_MOST = 300
# Keras repeats the call, TensorFlow the way to it and the name of the operation: none of it is in the spec.
_CALL = re.compile(r"Exception encountered when calling [^\n]*\n+|\n+Arguments received[\s\S]*|\x1b\[\d*m")
_OPERATION = re.compile(
    r"\{\{function_node .*?\}\}|\[\[\{\{.*?\}\}[^\]]*\]\]|\[Op:[^\]]*\](?: name:)?|Graph execution error:"
    r"|; NodeDef: .*| for '\{\{node .*?\}\} = [^']*'"
)
_STACK = re.compile(r"Detected at node[\s\S]*\n\s*File [^\n]*\n")


def reason(error: BaseException) -> str:
    """Why something failed: an error's own words on one line, without calls, stacks and names of operations."""
    text = error.message if isinstance(error, tf.errors.OpError) else str(error)
    text = _STACK.sub("", _CALL.sub("", text or ""))
    text = " ".join(_OPERATION.sub("", text).split()).strip(" ;,")
    if is_out_of_memory(error):
        return f"the memory does not suffice{f' ({text[:_MOST]})' if text else ''}"
    if isinstance(error, IndexError):
        text = f"an axis is out of range ({text})"
    if isinstance(error, KeyError | AttributeError | NotImplementedError | ZeroDivisionError) or not text:
        text = f"{type(error).__name__} {text}".strip()
    return text if len(text) <= _MOST else f"{text[:_MOST]}…"


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means insufficient memory. TensorFlow reports a full disk with the same class."""
    exhausted = isinstance(error, MemoryError | tf.errors.ResourceExhaustedError)
    return exhausted and "space left" not in str(error)
