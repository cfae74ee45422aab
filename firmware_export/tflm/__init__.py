"""Export for TensorFlow Lite Micro."""
