"""The vocabulary of the route table: where a page lives, what its visitor must prove, what it is made with."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass, field

from tornado.template import Loader
from tornado.web import RequestHandler

from services.api.client import Client
from webui.dav.door import Door
from webui.files import StaticFiles
from webui.hosts import Hosts
from webui.invitations import Invitations
from webui.language import Languages
from webui.session import Sessions
from webui.under_way import Flows, Lives


class Connection(enum.Enum):
    """The two states of a connection the pages speak of."""

    OPEN = "http"
    """Plain HTTP: status and the way to the private connection; nothing secret is ever asked."""
    PRIVATE = "https"
    """TLS."""


class Proof(enum.Enum):
    """What a visitor must have proven before a handler runs."""

    NOTHING = "nothing"
    CODE = "the claim code of this box, in this session"
    MEMBER = "a session that holds the token of an open locker"
    APP = "an app password of an open locker, with every request"


@dataclass(frozen=True, slots=True)
class Route:
    """One line of the table. ``kind`` says whether refusals are pages or JSON."""

    path: str
    handler: type[RequestHandler]
    connections: tuple[Connection, ...]
    proof: Proof
    methods: tuple[str, ...]
    json: bool = False


@dataclass(frozen=True, slots=True)
class Front:
    """What all handlers share. ``now_ms`` is wall time, ``authority`` returns the public root certificate (PEM)."""

    box: Client
    sessions: Sessions
    invitations: Invitations
    languages: Languages
    files: StaticFiles
    hosts: Hosts
    templates: Loader
    now_ms: Callable[[], int]
    authority: Callable[[], bytes]
    https_port: Callable[[], int]
    door: Door = field(default_factory=Door)
    flows: Flows = field(default_factory=Flows)
    lives: Lives = field(default_factory=Lives)
