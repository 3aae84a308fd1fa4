"""New versions of the box's own system: which to trust, when to write, what to try, when to keep it or go back.

Modules are imported by name: what speaks to the starting firmware must start at once, without cryptography.
"""
