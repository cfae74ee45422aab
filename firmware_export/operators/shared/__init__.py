"""What several operators need: the lowering context, fixed-point arithmetic, windows, weights, random samples."""
