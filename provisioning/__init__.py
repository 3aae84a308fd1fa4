"""What a new box needs from whoever sets it up: a settings file on its card, and what its screen says."""
