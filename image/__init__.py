"""Builds the system that a box boots: one image per board, from Debian packages, locked wheels and this clone.

Nothing here runs on a box. What decides (layouts, lists, orders, names) is pure and tested in seconds; what works
(``rootfs``, ``boot``, ``disk``) hands command lines to Debian's tools.
"""
