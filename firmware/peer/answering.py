"""The answering side of one stream: reads a request as it comes, checks who may ask, calls the host, forms the answer.

Answers go out only when they are whole decisions; a stranger hears nothing unless an invitation is open or a kit may be
shown. A put streams into the host as its bytes arrive. Errors a peer can cause are answers; only a fault of this box
itself is raised.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from firmware.errors import BoxError, PeerGarbled, PeerUnpaired, PeerVersion
from firmware.limits import PEER_HEAD_BYTES, PEER_STRANGER_BYTES
from firmware.peer.deciding import Deciding
from firmware.peer.fields import Uint, write_part
from firmware.peer.frames import Frame, FrameBody, FrameHead, Reading, frame
from firmware.peer.host import Arriving, Caller, Host, OwnBox, PartHost
from firmware.peer.messages import PAIRING, STRANGERS, VERSIONS, Hello, KitGet, Put, Request, read_request
from firmware.peer.pairing import Invitations
from firmware.peer.saying_no import refusal
from firmware.peer.versions import Span

_V: Final = Uint(0xFFFF, 1)
_KITS: Final = frozenset({KitGet.OP})


class Answering:
    """One request of one caller. ``feed`` until ``finished``; ``close`` when the stream ended, however it ended."""

    def __init__(
        self, caller: Caller, host: Host, own: OwnBox, invitations: Invitations, *, versions: Span = VERSIONS
    ) -> None:
        """``caller`` is shared by all streams of one link; ``versions`` is what this box speaks."""
        self._caller, self._host, self._versions = caller, host, versions
        self._deciding = Deciding(caller, host, own, invitations, versions)
        self._reading = Reading(PEER_STRANGER_BYTES if caller.box is None else PEER_HEAD_BYTES)
        self._invitations = invitations
        self._request: Request[Any] | None = None
        self._arriving: Arriving | None = None
        self._body = bytearray()
        self._entered = False
        self._version = versions[0]
        self.finished = False
        """Nothing more is read; send what ``feed`` returned, then finish the stream."""
        self.silent = False
        """The caller is a stranger without an invitation: close the link without a byte."""

    def feed(self, data: bytes, now_ms: int) -> list[bytes]:
        """Take bytes as they came; return bytes to send."""
        if self._caller.box is None and not self._open(now_ms):
            self.silent = True
            self.close()
        if self.finished:
            return []
        answer: list[bytes] = []
        with self._saying_no(answer):
            for each in self._reading.feed(data):
                self._take(each, now_ms, answer)
        return answer

    def _open(self, now_ms: int) -> frozenset[str]:
        """What a stranger may ask now."""
        kits = _KITS if self._host.keeps_kits(now_ms) else frozenset()
        kits |= STRANGERS if isinstance(self._host, PartHost) and self._host.keeps_parts() else frozenset()
        return (PAIRING | kits) if self._invitations.waiting(now_ms) else kits

    @property
    def coming(self) -> int:
        """Bytes of a shard that are still to come on this stream; 0 for every other request."""
        return self._reading.coming if self._arriving is not None else 0

    def close(self) -> None:
        """The stream ended or broke: what was written of a put stays, what is open is let go. May be called twice."""
        if self._arriving is not None:
            arriving, self._arriving = self._arriving, None
            arriving.abandon()
        if self._entered:
            self._entered = False
            self._caller.leave(put=isinstance(self._request, Put))
        self._body = bytearray()
        self.finished = True

    @contextmanager
    def _saying_no(self, answer: list[bytes]) -> Iterator[None]:
        """Errors that a peer may cause become the answer."""
        try:
            yield
        except BoxError as error:
            self.close()
            answer[:] = [frame({**refusal(error), "v": self._version})]

    def _take(self, each: Frame, now_ms: int, answer: list[bytes]) -> None:
        if isinstance(each, FrameHead):
            self._begin(each, now_ms)
        elif isinstance(each, FrameBody):
            if self._arriving is not None:
                self._arriving.write(each.data)
            else:
                self._body += each.data
        else:
            answer.append(self._end(now_ms))

    def _begin(self, head: FrameHead, now_ms: int) -> None:
        op = head.fields.get("op")
        if self._caller.box is None and not (isinstance(op, str) and op in self._open(now_ms)):
            raise PeerUnpaired
        version = _V.read(head.fields.get("v"), "v")
        if not self._versions[0] <= version <= self._versions[1] and op != Hello.OP:
            raise PeerVersion(low=self._versions[0], high=self._versions[1])
        self._version = version
        request = read_request(head.fields)
        if head.size > request.BODY:
            raise PeerGarbled(why=f"{request.OP} has a body of {request.BODY} bytes at most")
        put = isinstance(request, Put)
        self._caller.enter(put=put)
        self._request, self._entered = request, True
        if isinstance(request, Put) and head.size:
            self._arriving = self._deciding.begin_put(request, head.size, now_ms)

    def _end(self, now_ms: int) -> bytes:
        assert self._request is not None, "an end comes after a head"
        if self._arriving is not None:
            arriving, self._arriving = self._arriving, None
            assert isinstance(self._request, Put), "only a put arrives"
            reply = self._deciding.end_put(self._request, arriving, self._reading.head, now_ms)
        else:
            reply = self._deciding.reply(self._request, bytes(self._body), now_ms)
        self.close()
        message, body = reply
        return frame({"v": self._version, "ok": True, **write_part(message)}, body)
