"""From windows to a product: the detector over a stream, streams of known truth, and what it is worth on them."""
