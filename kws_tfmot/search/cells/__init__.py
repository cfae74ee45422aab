"""Differentiable search for the cells of a network (Peter, Roth, Pernkopf 2020, arXiv 2012.10138)."""
