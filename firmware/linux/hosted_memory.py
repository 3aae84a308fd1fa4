"""What a host remembers for a locker beside its shards: the highest head, capsules, manifests (hosted.md)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from firmware import events
from firmware.errors import BadSeal, BoxError, Conflict, HeadForked, KitUnknown, Missing, TooManyTries
from firmware.hosting import CapsuleKept, capsules_going, charge
from firmware.linux.hosted_places import Place, capsule_file, manifest_file
from firmware.linux.hosted_state import HostedState
from firmware.peer import Authority, Caller, Card, HeadOrder, head_order
from firmware.peer.capsules import KitCard, read_capsule
from firmware.peer.kit_asking import check_question
from firmware.peer.messages import Capsule, Head, KitGet, KitGiven, ManifestPart
from firmware.seal import same_bytes


class HostedMemory(HostedState):
    """The part of ``firmware.peer.host.Host`` that is about remembering."""

    def head(self, authority: Authority, shown: Head | None, now_ms: int) -> Head | None:  # noqa: ARG002 a port
        """Keep the highest head, durably; return it. Raises HeadForked."""
        with self._lock:
            place = self._place(authority)
            if shown is None:
                return place.head
            order = head_order(place.head, shown)
            if order is HeadOrder.FORKED:
                self._say(events.HEADS_FORKED, peer=place.box.hex()[:8])
                raise HeadForked
            if order is HeadOrder.NEWER:
                self._files.keep_head(place, shown)
                place.head = shown
            return place.head

    # Capsules

    def capsule_put(self, authority: Authority, number: int, data: bytes, now_ms: int) -> None:
        """Keep a capsule; one of a number that is here already must be the same. Raises Conflict, PeerQuota, Full."""
        now_ms = self._now(now_ms)
        with self._lock:
            place = self._place(authority)
            known = next((each for each in place.capsules if each.number == number), None)
            if known is not None:
                if self._files.data(place, capsule_file(known)) != data:
                    raise Conflict(why="another capsule has this number")
                return
            self._house().admit(self._peer(place.box).account, charge(len(data)))
            latest = place.capsules[-1].received_ms + 1 if place.capsules else 0
            kept = CapsuleKept(max(now_ms, latest), number)
            self._files.keep(f"{place.name.hex()}/{capsule_file(kept)}", data)
            place.capsules.append(kept)
            self._spend(place, charge(len(data)))
            self._thin_capsules(place, now_ms, charge(len(data)))

    def _thin_capsules(self, place: Place, now_ms: int, size: int) -> None:
        for each in capsules_going(place.capsules, now_ms):
            self._disk.remove(f"{place.name.hex()}/{capsule_file(each)}")
            place.capsules.remove(each)
            self._spend(place, -size)

    def capsule_get(self, authority: Authority, number: int | None) -> tuple[Capsule, bytes]:
        """Return the capsule of that number, or the one that came last; raises Missing."""
        with self._lock:
            place = self._place(authority)
            found = [each for each in place.capsules if number in (None, each.number)]
            if not found:
                raise Missing(what="capsule")
            numbers = tuple(sorted({each.number for each in place.capsules}))
            return Capsule(found[-1].number, numbers), self._files.data(place, capsule_file(found[-1]))

    # Kits

    def keeps_kits(self, now_ms: int) -> bool:  # noqa: ARG002 a port
        """Whether there is anything a kit could ask for."""
        with self._lock:
            return any(place.capsules for place in self._places.values())

    def kit_get(
        self, caller: Caller, card: Card, request: KitGet, endpoint: bytes, now_ms: int
    ) -> tuple[KitGiven, bytes]:
        """Return the capsule a kit asks for. Everything that does not fit is one KitUnknown; raises TooManyTries."""
        now_ms = self._now(now_ms)
        with self._lock:
            wait_ms = self._tries.wait_ms(caller.address, now_ms)
            if wait_ms > 0:
                raise TooManyTries(seconds=-(-wait_ms // 1000))
            found = [place for place in self._places.values() if self._asks_for(place, request, endpoint)]
            kept = self._kit_capsule(found, request)
            if kept is None:
                self._tries.wrong(caller.address, now_ms)
                self._say(events.KIT_WRONG)
                raise KitUnknown
            place, capsule = kept
            numbers = tuple(sorted({each.number for each in place.capsules}))[-64:]
            heard_ms = self._peer(place.box).heard_ms
            given = KitGiven(len(found), capsule.number, numbers, place.held.data, heard_ms, now_ms)
            body = self._files.data(place, capsule_file(capsule))
            locker, public, box = place.held.record.locker, place.held.public, place.box
        self._say(events.KIT_SHOWN, peer=box.hex()[:8])
        self._ears.kit_shown(caller.endpoint, card, request.card, locker, public)
        return given, body

    def _asks_for(self, place: Place, request: KitGet, endpoint: bytes) -> bool:
        """Whether this is the kit of a place: every one is checked the same way, whether its lookup id fits or not."""
        kit = self._kit_of(place)
        key = kit.request if kit is not None else bytes(32)
        try:
            check_question(request, endpoint, key)
        except BadSeal:
            return False
        return kit is not None and same_bytes(kit.lookup, request.lookup)

    def _kit_of(self, place: Place) -> KitCard | None:
        """The kit of the newest capsule, as long as custody is with its key: a kit that was replaced opens nothing."""
        if not place.capsules:
            return None
        if place.kit is None or place.kit[0] != place.capsules[-1]:
            kit: KitCard | None = None
            with suppress(BoxError):
                kit = read_capsule(self._files.data(place, capsule_file(place.capsules[-1]))).kit
            place.kit = (place.capsules[-1], kit)
        kit = place.kit[1]
        return kit if kit is not None and kit.custody() == place.held.public else None

    def _kit_capsule(self, found: Sequence[Place], request: KitGet) -> tuple[Place, CapsuleKept] | None:
        at = request.at or 0
        if at >= len(found):
            return None
        place = found[at]
        kept = [each for each in place.capsules if request.number in (None, each.number)]
        return (place, kept[-1]) if kept else None

    # Manifests

    def manifest_put(
        self,
        authority: Authority,
        at: ManifestPart,
        data: bytes,
        permit: bytes,
        now_ms: int,  # noqa: ARG002 a port
    ) -> None:
        """Keep a part; when all parts of its number are here, other numbers go. Raises PeerQuota, Full."""
        with self._lock:
            place = self._place(authority)
            whole = place.whole_manifest()
            self._drop_manifest(place, [key for key in place.manifest if key[0] not in (whole, at.number)])
            if at.number == whole and (at.number, at.part) in place.manifest:
                return
            before = place.manifest.get((at.number, at.part))
            self._house().admit(self._peer(place.box).account, charge(len(data)))
            if before is not None:
                self._drop_manifest(place, [(at.number, at.part)])
            self._files.keep(f"{place.name.hex()}/manifest/permit-{at.number}", permit)
            self._files.keep(f"{place.name.hex()}/{manifest_file(at)}", data)
            place.manifest[at.number, at.part] = (at, len(data))
            self._spend(place, charge(len(data)))
            if all((at.number, part) in place.manifest for part in range(at.parts)):
                self._drop_manifest(place, [key for key in place.manifest if key[0] != at.number])

    def _drop_manifest(self, place: Place, keys: list[tuple[int, int]]) -> None:
        for key in keys:
            at, size = place.manifest.pop(key)
            self._disk.remove(f"{place.name.hex()}/{manifest_file(at)}")
            self._spend(place, -charge(size))
        for number in {key[0] for key in keys} - {key[0] for key in place.manifest}:
            self._disk.remove(f"{place.name.hex()}/manifest/permit-{number}")

    def manifest_get(self, authority: Authority, part: int) -> tuple[ManifestPart, bytes]:
        """Return a part of the newest whole manifest; raises Missing."""
        with self._lock:
            place = self._place(authority)
            return self._manifest_part(place, part)

    def _manifest_part(self, place: Place, part: int) -> tuple[ManifestPart, bytes]:
        number = place.whole_manifest()
        if number is None or (number, part) not in place.manifest:
            raise Missing(what="manifest")
        at, _size = place.manifest[number, part]
        return at, self._files.data(place, manifest_file(at))

    def manifests(self) -> list[tuple[bytes, int]]:
        """Places that have a whole manifest, with its number: this box is a delegate of theirs, or was."""
        with self._lock:
            found = [(place.name, place.whole_manifest()) for place in self._places.values()]
        return [(name, number) for name, number in found if number is not None]

    def manifest_of(self, place: bytes) -> tuple[bytes, list[bytes]] | None:
        """For a delegate's repairs: return (permit, parts) of a place's whole manifest, None without one."""
        with self._lock:
            found = self._places.get(place)
            number = found.whole_manifest() if found else None
            if found is None or number is None:
                return None
            parts = next(at.parts for at, _ in found.manifest.values() if at.number == number)
            data = [self._manifest_part(found, part)[1] for part in range(parts)]
            return self._files.data(found, f"manifest/permit-{number}"), data
