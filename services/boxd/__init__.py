"""boxd: root's hands."""
