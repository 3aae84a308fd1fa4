"""boxd: root's hands, as few as there can be: new versions, restart, reset, the clock, caps of guest work."""
