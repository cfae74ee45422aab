"""Sparse training: what is pruned, how, and how much of it is zero."""
