"""One conformance suite per port, run against every implementation of it."""
