"""TFLite files: read, convert, inspect, slim, and the one place that opens an interpreter."""
