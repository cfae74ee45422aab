"""One file a TFLite operator: its lowering, its checks and its random samples. ``registry`` finds them.

``kernels`` holds the operations they are lowered to: what the runtime has code for, with emission, scratch and in-place
rule. ``shared`` holds what several operators need: the lowering context, fixed-point arithmetic, windows, weights.
"""
