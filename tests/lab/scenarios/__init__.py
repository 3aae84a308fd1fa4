"""The stories the lab tells, one module each: ``tell(wish)`` builds a lab, returns what it found."""
