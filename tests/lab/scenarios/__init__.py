"""The stories the lab tells, one module each: ``tell(wish)`` builds a lab, tells the story and returns what it found."""
