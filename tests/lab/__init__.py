"""N real boxes on one bridge: `./box lab N --scenario S` (docs/lab.md)."""
