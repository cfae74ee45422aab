"""A user's own network: read from a file or a builder, and written in the layers that every later stage knows."""
