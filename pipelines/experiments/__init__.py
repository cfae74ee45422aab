"""Long comparisons whose results are committed under results/."""
