"""One member's locker: puts, lists, finds, forgets, verifies, rebuilds. Sees a Disk and a Catalog, nothing else."""

from firmware.locker.home import Home
from firmware.locker.locker import Locker
from firmware.locker.put import Put
from firmware.locker.reader import LockerReader

__all__ = ["Home", "Locker", "LockerReader", "Put"]
