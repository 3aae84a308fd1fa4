"""What a box shows that cannot use its data partition: a page at its own name, from which nothing is written."""
