"""Runs the box in the foreground: prepares its data folder, starts its processes and keeps them running.

It opens no locker, holds no key but the private authority of this box, and speaks to nobody over the network.
"""
