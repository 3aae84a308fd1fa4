"""``./box locker``: the whole power of a locker from a shell, through the same API as everything else.

It opens no pack and holds no key; a passphrase is read from a file or a prompt, never from the command line.
"""
