"""The locker service: a main process without keys, one worker process per open locker; no network, no HTML."""
