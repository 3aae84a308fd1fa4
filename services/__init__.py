"""One folder per process of the box; only ``services.api`` is seen by more than one of them."""
