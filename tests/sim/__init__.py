"""Simulated worlds: a disk that loses power, processes that are killed, a medium that rots."""
