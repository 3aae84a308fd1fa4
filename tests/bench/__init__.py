"""Benches against the best peers: what one gigabyte, one year and 100,000 files cost. Nothing here asserts on time."""
