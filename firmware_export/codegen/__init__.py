"""From a lowered program to C: memory plan, calls, source."""
