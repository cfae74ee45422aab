"""From a whole-window program to one that computes each row of time once: ``stream_program`` in ``plan.py``."""
