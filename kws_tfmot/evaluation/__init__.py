"""What a model is worth: accuracy with its interval, agreement of interpreters, latency."""
