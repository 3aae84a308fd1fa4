"""The settings file on the card: read at a start, checked, kept on the data partition, taken off the card."""
