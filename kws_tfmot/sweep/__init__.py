"""Sweeps: many trials of one recipe on Ray Tune, on the cores of this computer or on a cluster."""
