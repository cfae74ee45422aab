"""Automatic model size: units that no output depends on are removed."""
