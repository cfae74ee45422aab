"""TFLite graphs made for tests, benchmarks and cost tables."""
