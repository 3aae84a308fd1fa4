"""The pure core of Locker Box: it decides, and it never touches a clock, a socket or the disk itself."""
