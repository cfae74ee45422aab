"""Omni-sparsity: one training for every sparsity (Yang et al. 2022, arXiv 2110.08352)."""
