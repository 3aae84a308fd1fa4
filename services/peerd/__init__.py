"""Speaks to the networks around the box. Today: the box's name on the home network (mDNS).

It holds no locker key and never a plaintext.
"""
