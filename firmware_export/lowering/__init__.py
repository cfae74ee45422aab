"""From a checked TFLite graph to the layers that the runtime has kernels for."""
