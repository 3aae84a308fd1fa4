"""WebDAV (RFC 4918, classes 1, 2 and 3) at /dav/ for native clients: a carrier over ``services.api``.

A device signs in with the member's name and an app password. Folders, properties and moves are the locker's work
(firmware.locker.folders); locks, and what Finder writes beside files, live in memory.
"""
