"""The hands: disk, catalog, clock, journal. Implements ports and decides nothing."""
