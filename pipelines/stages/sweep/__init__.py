"""Many trials of a recipe on Ray Tune, here or on a cluster."""
