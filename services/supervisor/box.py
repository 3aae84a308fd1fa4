"""The running box: one loop over signals, deaths, ready reports and address changes."""

from __future__ import annotations

import os
import selectors
import signal
import time
from collections.abc import Callable, Sequence

from firmware import events
from firmware.errors import PartFailed
from firmware.linux.journal import Journal
from firmware.linux.netlink import Addresses, AddressWatch, addresses
from services.supervisor.children import Child, Children, become_reaper
from services.supervisor.leaf import LOOK_SECONDS, LeafCare, LeafKnown
from services.supervisor.listening import Listen
from services.supervisor.prepared import BoxFolder
from services.supervisor.saying import say

_TRIES_BEFORE_GIVING_UP = 4
_STOP_PATIENCE_SECONDS = 3.0
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
_STOP_ORDER = (("webd", "peerd"), ("lockerd",))


class Box:
    """Keeps lockerd, webd and peerd running over one data folder until a signal ends it."""

    def __init__(
        self, folder: BoxFolder, listen: Listen, leaf: LeafKnown, *, announce: bool, circle_port: int = 0
    ) -> None:
        """``leaf`` is the one just made. Nothing starts before ``run``."""
        self.folder, self._listen = folder, listen
        self._peer_words = ("--circle-port", str(circle_port), *(() if announce else ("--quiet",)))
        self.name = folder.host
        """The name the network knows this box by, without ``.local``: another one may have been there first."""
        self._leaf = LeafCare(folder.keys, leaf)
        self._selector = selectors.DefaultSelector()
        self._children = Children(self._selector, (folder.lock_fd,), say)
        self._journal = Journal("supervisor")
        self._stopping = False
        self._greeted = False
        self._watch = AddressWatch()
        self._leaf_checked = time.monotonic()
        self.addresses = addresses()

    def run(self, greet: Callable[[Box], None]) -> None:
        """Start everything, call ``greet`` once all answer, return after a stop signal; raises PartFailed."""
        become_reaper()
        wake = self._catch_signals()
        self._selector.register(self._watch, selectors.EVENT_READ, "addresses")
        self._leaf.renew(self._hosts(), self.heard_at())
        try:
            self._children.add(Child("lockerd", self._common))
            self._children.add(Child("webd", self._web_arguments))
            while not self._stopping:
                self._turn(wake)
                if not self._greeted and self._all_ready():
                    self._greeted = True
                    greet(self)
                    self._journal.tell(events.BOX_STARTED, box=self.folder.host, processes=len(self._names()))
        finally:
            self._children.stop(_STOP_ORDER, _STOP_PATIENCE_SECONDS)
            if self._stopping:
                self._journal.tell(events.BOX_STOPPED, box=self.folder.host)
            self._watch.close()
            self._selector.close()

    @property
    def listen(self) -> Listen:
        """The addresses and the ports webd really has."""
        said = self._children.report("webd") or {}
        http, https = (said.get(name) for name in ("http", "https"))
        known = isinstance(http, int) and isinstance(https, int)
        return Listen(self._listen.addresses, http, https) if known else self._listen  # type: ignore[arg-type]

    def heard_at(self) -> Addresses:
        """The machine's addresses that webd listens on."""
        return self.addresses.among(self._listen.addresses)

    def _turn(self, wake: int) -> None:
        self._children.start_due()
        for key, _ in self._selector.select(self._next_wait()):
            if key.data == "signals":
                self._take_signals(os.read(wake, 4096))
            elif key.data == "addresses":
                self._watch.drain()
                self._addresses_changed()
            elif self._children.hear(key.data):
                self._ready(key.data)
        for child in self._children.reap():
            if not self._greeted and child.early_deaths >= _TRIES_BEFORE_GIVING_UP:
                raise PartFailed(part=child.name)
        if time.monotonic() - self._leaf_checked > LOOK_SECONDS:
            self._renew_leaf()

    def _next_wait(self) -> float:
        due = self._children.next_due()
        return LOOK_SECONDS if due is None else due

    def _ready(self, name: str) -> None:
        child = self._children[name]
        if child.restarts > child.restarts_told:
            child.restarts_told = child.restarts
            self._journal.tell(events.PROCESS_RESTARTED, process=name, why=child.died_of)
        if name == "webd":
            self._listen = self.listen
            if "peerd" not in self._children:
                self._children.add(Child("peerd", self._peer_arguments, keeps_telling=True))
        elif name == "peerd":
            self._named(str((child.report or {}).get("host") or self.folder.host))

    def _named(self, name: str) -> None:
        """Peerd found out under which name the network knows this box."""
        if name == self.name:
            return
        self.name = name
        if name != self.folder.host:
            say(f"another machine is called {self.folder.host}.local; this box answers as {name}.local")
        self._renew_leaf()

    def _hosts(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((self.folder.host, self.name)))

    def _all_ready(self) -> bool:
        return all(self._children.report(name) is not None for name in self._names())

    def _names(self) -> tuple[str, ...]:
        return ("lockerd", "webd", "peerd")

    def _addresses_changed(self) -> None:
        now = addresses()
        if now == self.addresses:
            return
        self.addresses = now
        say("the addresses of this machine changed: " + ", ".join(str(each) for each in now.reachable))
        self._renew_leaf()

    def _renew_leaf(self) -> None:
        self._leaf_checked = time.monotonic()
        if self._leaf.renew(self._hosts(), self.heard_at()):
            self._children.signal("webd", signal.SIGHUP)

    def _catch_signals(self) -> int:
        wake, alarm = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(alarm, warn_on_full_buffer=False)
        for number in _SIGNALS:
            signal.signal(number, _noted)
        self._selector.register(wake, selectors.EVENT_READ, "signals")
        return wake

    def _take_signals(self, numbers: bytes) -> None:
        if set(numbers) & {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}:
            self._stopping = True
            for number in _SIGNALS:
                signal.signal(number, signal.SIG_DFL if number is signal.SIGCHLD else signal.SIG_IGN)

    def _common(self) -> Sequence[str]:
        return ("--data", str(self.folder.data), "--run", str(self.folder.run))

    def _web_arguments(self) -> Sequence[str]:
        binds = [word for address in self._listen.addresses for word in ("--bind", address)]
        ports = ("--http-port", str(self._listen.http_port), "--https-port", str(self._listen.https_port))
        return (*self._common(), *ports, *binds)

    def _peer_arguments(self) -> Sequence[str]:
        return (*self._web_arguments(), *self._peer_words)


def _noted(_number: int, _frame: object) -> None:
    """The wake-up descriptor carries the signal; nothing happens in the handler."""
