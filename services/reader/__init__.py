"""The reader: everything foreign is parsed here, one file per throw-away child that holds no key and sees no disk."""
