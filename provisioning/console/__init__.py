"""What stands on the screen of a box: its address and, until it is claimed, the claim code."""
