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
from services.supervisor.authority import Authority
from services.supervisor.box_folder import BoxFolder
from services.supervisor.children import Child, Children, become_reaper
from services.supervisor.greeting import say
from services.supervisor.ports import Listen

_TRIES_BEFORE_GIVING_UP = 4
_STOP_PATIENCE_SECONDS = 3.0
_LEAF_CHECK_SECONDS = 3600.0
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
_STOP_ORDER = (("webd", "peerd"), ("lockerd",))


class Box:
    """Keeps lockerd, webd and peerd running over one data folder until a signal ends it."""

    def __init__(self, folder: BoxFolder, listen: Listen, announce: bool) -> None:
        """Nothing starts before ``run``."""
        self._folder, self._listen, self._announce = folder, listen, announce
        self._authority = Authority(folder)
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
        self._authority.renew(self.heard_at())
        try:
            self._children.add(Child("lockerd", self._common))
            self._children.add(Child("webd", self._web_arguments))
            while not self._stopping:
                self._turn(wake)
                if not self._greeted and self._all_ready():
                    self._greeted = True
                    greet(self)
                    self._journal.tell(events.BOX_STARTED, box=self._folder.host, processes=len(self._names()))
        finally:
            self._children.stop(_STOP_ORDER, _STOP_PATIENCE_SECONDS)
            if self._stopping:
                self._journal.tell(events.BOX_STOPPED, box=self._folder.host)
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
        if time.monotonic() - self._leaf_checked > _LEAF_CHECK_SECONDS:
            self._renew_leaf()

    def _next_wait(self) -> float:
        due = self._children.next_due()
        return _LEAF_CHECK_SECONDS if due is None else due

    def _ready(self, name: str) -> None:
        child = self._children[name]
        if child.restarts:
            self._journal.tell(events.PROCESS_RESTARTED, process=name, why=child.died_of)
        if name == "webd":
            self._listen = self.listen
            if self._announce and "peerd" not in self._children:
                self._children.add(Child("peerd", self._web_arguments))
        elif name == "peerd" and self._children["peerd"].report:
            found = self._children["peerd"].report or {}
            if found.get("host") not in (None, self._folder.host):
                say(f"another machine is called {self._folder.host}.local; this box answers as {found['host']}.local")

    def _all_ready(self) -> bool:
        return all(self._children.report(name) is not None for name in self._names())

    def _names(self) -> tuple[str, ...]:
        return ("lockerd", "webd", "peerd") if self._announce else ("lockerd", "webd")

    def _addresses_changed(self) -> None:
        now = addresses()
        if now == self.addresses:
            return
        self.addresses = now
        say("the addresses of this machine changed: " + ", ".join(str(each) for each in now.reachable))
        self._renew_leaf()

    def _renew_leaf(self) -> None:
        self._leaf_checked = time.monotonic()
        if self._authority.renew(self.heard_at()):
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
        return ("--data", str(self._folder.data), "--run", str(self._folder.run))

    def _web_arguments(self) -> Sequence[str]:
        binds = [word for address in self._listen.addresses for word in ("--bind", address)]
        ports = ("--http-port", str(self._listen.http_port), "--https-port", str(self._listen.https_port))
        return (*self._common(), *ports, *binds)


def _noted(_number: int, _frame: object) -> None:
    """The wake-up descriptor carries the signal; nothing happens in the handler."""
