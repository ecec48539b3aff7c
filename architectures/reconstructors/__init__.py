"""The subclassed Keras models: where a code comes from, and what is trained."""
