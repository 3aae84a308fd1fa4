"""Requests and responses about the circle: the other households' boxes, invitations, what is safe with friends.

lockerd's main socket answers owners and passes every call on to peerd's own socket (names with ``at_peerd_`` there),
which nobody but lockerd may call. A peer is named by its box key, 64 hex digits. Sizes are bytes.
"""

from __future__ import annotations

import enum

from firmware import limits
from firmware.lean import dataclass
from services.api.decode import arg
from services.api.types import ID

PEER = "[0-9a-f]{64}"
PACK = "[0-9a-f]{64}"
PAIRING = "[ij][0-9]{1,9}"
_HEX = "([0-9a-f]{2})*"
_NO_CONTROL = r"[^\x00-\x1f\x7f]*"
_MOST = 1 << 50
_TICKET = limits.PAIR_TICKET_CHARS
_OUR_NAME = "What friends are told this box is called; absent the name of the home."


class PeerIs(enum.StrEnum):
    """How a peer stands with this box."""

    ACTIVE = "active"
    PROBATION = "probation"
    SUSPENDED = "suspended"
    LEAVING = "leaving"
    LOST = "lost"
    LEFT = "left"


class Reach(enum.StrEnum):
    """Whether a peer can be talked to now, and how."""

    HOME = "home"
    DIRECT = "direct"
    RELAY = "relay"
    AWAY = "away"
    REFUSED = "refused"


class InviteWay(enum.StrEnum):
    """How an invitation travels: a QR code or link, or six words on one network."""

    TICKET = "ticket"
    WORDS = "words"


class PairingIs(enum.StrEnum):
    """How far an invitation or a joining is; the last five are ends."""

    OPEN = "open"
    LOOKING = "looking"
    MET = "met"
    PAIRED = "paired"
    EXPIRED = "expired"
    REFUSED = "refused"
    TRIED_OUT = "tried-out"
    WITHDRAWN = "withdrawn"
    BROKEN = "broken"


class SafetyIs(enum.StrEnum):
    """The badge: on this box only, on its way, safe with friends."""

    HERE = "here"
    GOING = "going"
    SAFE = "safe"


@dataclass(frozen=True, slots=True)
class PeerInfo:
    """One other household's box."""

    peer: str = arg("Its box key.", pattern=PEER)
    label: str = arg("What it is called here; as it calls itself when nobody named it.")
    state: PeerIs = arg("How it stands with this box.")
    reach: Reach = arg("Whether it can be talked to now.")
    since_ms: int = arg("When it was paired.")
    seen_ms: int = arg("When it was heard last; 0 never.")
    audited_ms: int = arg("When it last proved that it keeps what it took; 0 never.")
    gives: int = arg("Room it gives this household.")
    gives_used: int = arg("How much of that is in use.")
    gets: int = arg("Room this box gives it.")
    gets_used: int = arg("How much of that is in use.")
    place: str = arg("Where it stands, in the owner's words.", default="")
    household: str = arg("Boxes with the same words are one household.", default="")
    delegate: bool = arg("Whether it may repair for this box.", default=False)
    strikes: int = arg("Wrong answers that still count.", default=0)
    rtt_ms: int | None = arg("The round trip, while it is there.", default=None)
    address: str | None = arg("The address it is talked to at, while it is there.", default=None)
    leaves_ms: int | None = arg("When it leaves, if it gave notice.", default=None)


@dataclass(frozen=True, slots=True)
class LockerSafety:
    """How safe one locker of this box is with friends."""

    locker: str = arg("The locker's id.", pattern=ID)
    custody: bool = arg("Whether this box may act for it among friends; without a kit nothing ships.")
    here_bytes: int = arg("Bytes that are on this box only.")
    going_bytes: int = arg("Bytes on their way.")
    safe_bytes: int = arg("Bytes safe with friends.")
    may_fail: int = arg("So many households may fail and all that is safe can still be had; 0 when nothing is safe.")
    of: int = arg("Of so many.")
    held_bytes: int = arg("Bytes it does without that friends keep until a person says that they may go.", default=0)
    moves_ms: int | None = arg("Another box wants to act for it, from then on; 0: its owner agreed.", default=None)
    moved_ms: int | None = arg("Another box acts for it, heard then: this one was replaced.", default=None)


@dataclass(frozen=True, slots=True)
class LockerOf:
    """One locker of this box."""

    locker: str = arg("The locker's id.", pattern=ID)


@dataclass(frozen=True, slots=True)
class CircleNotice:
    """Something the owner should see: from a peer, or about one."""

    kind: str = arg("leaving, full, quota, moved, alarm, rebuilt, or one of this box: see docs/events.md.")
    time_ms: int = arg("When.")
    text: str = arg("What the peer wrote; may be empty.", default="")
    peer: str | None = arg("Who or about whom.", default=None, pattern=PEER)
    locker: str | None = arg("About which locker.", default=None, pattern=ID)
    amount: int = arg("Bytes, packs or strikes it is about.", default=0)


@dataclass(frozen=True, slots=True)
class Pairing:
    """An invitation this box gave, or one it was given."""

    id: str = arg("Names it until the box restarts; i… was given by this box, j… to it.", pattern=PAIRING)
    way: InviteWay = arg("How it travels.")
    state: PairingIs = arg("How far it is.")
    expires_ms: int = arg("Until when it is good in this state.")
    text: str | None = arg("The ticket or the six words, while this box's invitation is open.", default=None)
    code: str | None = arg("Six digits to compare, once both boxes met.", default=None, pattern="[0-9]{6}")
    label: str | None = arg("What the other box calls itself.", default=None)
    peer: str | None = arg("The other box, once both met.", default=None, pattern=PEER)
    mine: bool | None = arg("What our owner said about the code.", default=None)
    theirs: bool | None = arg("What the other owner said, as far as it is known.", default=None)
    left: int | None = arg("Wrong tries left, while it is open.", default=None)
    error: str | None = arg("Code of what ended it, in docs/errors.md.", default=None)
    sentence: str | None = arg("What ended it.", default=None)
    advice: str | None = arg("What to do about it.", default=None)


@dataclass(frozen=True, slots=True)
class Pairings:
    """Invitations and joinings since the box started, oldest first; 16 at most on each side."""

    pairings: tuple[Pairing, ...] = arg("All of them, with their ends.")


@dataclass(frozen=True, slots=True)
class InCare:
    """A friend's locker this box repairs while the friend's box is away."""

    peer: str = arg("Whose it is: a box key.", pattern=PEER)
    locker: str = arg("The locker's id.", pattern=ID)
    packs: int = arg("How many packs it has, as far as this box was told.")
    silent_ms: int = arg("How long the friend's box was not heard while others were.")
    acting: bool = arg("Whether that is long enough to repair for it.")
    away: int = arg("Boxes that keep pieces of it and count as lost.")
    lacking: int = arg("Pieces that nobody has who is not lost; as of the last round.")
    made: int = arg("Pieces that were made again, or found elsewhere, and the friend does not know of yet.")


@dataclass(frozen=True, slots=True)
class Circle:
    """Everything about the circle on one page; members who own no box see it without addresses, notices and lockers."""

    box: str = arg("This box's key.", pattern=PEER)
    label: str = arg("What this box tells friends it is called.")
    addresses: tuple[str, ...] = arg("Where it can be dialled, as far as it knows.")
    peers: tuple[PeerInfo, ...] = arg("All peers, those that left at the end.")
    lockers: tuple[LockerSafety, ...] = arg("The lockers of this box.")
    notices: tuple[CircleNotice, ...] = arg("Newest first, 50 at most.")
    waits_bytes: int = arg("Bytes that still have to go to friends.")
    moving: bool = arg("Whether bytes go out just now.")
    paused: bool = arg("Whether the caps say that nothing moves now.")
    hosted_bytes: int = arg("Bytes kept here for friends.")
    free_bytes: int = arg("Free bytes of this box's disk.")
    care: tuple[InCare, ...] = arg("Friends' lockers this box is a delegate for.", default=())
    short_until_ms: int | None = arg(
        "Shards lie at one household less than they should; unless another comes, everything is laid anew then.",
        default=None,
    )
    asleep: bool = arg("Whether nobody asked for friends yet: only the free bytes mean something.", default=False)


@dataclass(frozen=True, slots=True)
class Invite:
    """Make an invitation."""

    way: InviteWay = arg("ticket: 72 hours, anywhere. words: ten minutes, on one network.", default=InviteWay.TICKET)
    label: str | None = arg(_OUR_NAME, default=None, longest=63, pattern=_NO_CONTROL)


@dataclass(frozen=True, slots=True)
class PairingId:
    """Names an invitation or a joining."""

    id: str = arg("Its id.", pattern=PAIRING)


@dataclass(frozen=True, slots=True)
class Join:
    """Accept an invitation."""

    invitation: str = arg("The ticket (lbx1…, or a link with it behind #) or the six words.", longest=_TICKET)
    label: str | None = arg(_OUR_NAME, default=None, longest=63, pattern=_NO_CONTROL)


@dataclass(frozen=True, slots=True)
class Confirm:
    """The owner compared the six digits."""

    id: str = arg("Which pairing.", pattern=PAIRING)
    yes: bool = arg("Whether both boxes show the same digits.")
    gets: int | None = arg("Room this box gives the other one.", default=None, low=0, high=_MOST)


@dataclass(frozen=True, slots=True)
class PeerSet:
    """Change what the owner decides about a peer; what is absent stays."""

    peer: str = arg("Which one.", pattern=PEER)
    gets: int | None = arg("Room this box gives it.", default=None, low=0, high=_MOST)
    label: str | None = arg("What it is called here.", default=None, longest=63, pattern=_NO_CONTROL)
    place: str | None = arg("Where it stands.", default=None, longest=63, pattern=_NO_CONTROL)
    household: str | None = arg("Whose it is.", default=None, longest=63, pattern=_NO_CONTROL)
    delegate: bool | None = arg("Whether it may repair for this box.", default=None)


@dataclass(frozen=True, slots=True)
class PeerLeave:
    """End the exchange with one peer: it is told, and what each keeps for the other goes 30 days later."""

    peer: str = arg("Which one.", pattern=PEER)


@dataclass(frozen=True, slots=True)
class CapWindow:
    """A part of the day with its own caps; across midnight when ``to`` is not after ``start``."""

    start: int = arg("Minute of the local day.", low=0, high=1439)
    to: int = arg("Minute of the local day it ends before.", low=0, high=1439)
    up_kib_s: int | None = arg("KiB a second out; absent no cap, 0 a pause.", default=None, low=0, high=1 << 24)
    down_kib_s: int | None = arg("KiB a second in; absent no cap, 0 a pause.", default=None, low=0, high=1 << 24)


@dataclass(frozen=True, slots=True)
class CircleCaps:
    """How much may flow and be kept for friends. PUT replaces all of it."""

    up_kib_s: int | None = arg("KiB a second out; absent no cap, 0 a pause.", default=None, low=0, high=1 << 24)
    down_kib_s: int | None = arg("KiB a second in; absent no cap, 0 a pause.", default=None, low=0, high=1 << 24)
    windows: tuple[CapWindow, ...] = arg("The first that holds decides.", default=(), longest=12)
    total: int | None = arg("Room for all friends together; absent as much as the disk has.", default=None, low=0)
    paused_until_ms: int = arg("Nothing flows before this; 0 is not paused.", default=0, low=0)


# ---------------------------------------------------------------- between lockerd and peerd


@dataclass(frozen=True, slots=True)
class FeedHead:
    """The newest signed head of a locker's chain (docs/formats/chain.md)."""

    number: int = arg("The number of its link.", low=0)
    header: str = arg("The link's header.", longest=512, pattern=_HEX)
    signature: str = arg("Its signature.", shortest=128, longest=128, pattern=_HEX)
    public: str = arg("The head key.", pattern=PEER)


@dataclass(frozen=True, slots=True)
class FeedPack:
    """One cut pack: what ships is its file behind the prelude."""

    id: str = arg("The pack's id.", pattern=PACK)
    file: str = arg("Its name in the locker's folder packs.", longest=128, pattern="[A-Za-z0-9][A-Za-z0-9._-]*")
    kind: str = arg("meta, preview or data.", longest=16, pattern="[a-z]+")
    size: int = arg("Bytes behind the prelude.", low=1, high=1 << 34)
    digest: str = arg("BLAKE3 of these bytes.", pattern=PACK)
    prelude: str = arg("The prelude, 16 bytes.", pattern=ID)
    precious: bool = arg("Whether it ships first and survives more.", default=False)


@dataclass(frozen=True, slots=True)
class FeedKey:
    """The key file as it may leave the box: kit and friends' ways in alone, sealed."""

    revision: int = arg("Revision of the key file it was made from.", low=0)
    data: str = arg("Its bytes in base64.", longest=limits.FEED_KEY_CHARS)


@dataclass(frozen=True, slots=True)
class FeedCapsule:
    """The newest capsule of a locker: 64 KiB, sealed."""

    number: int = arg("Its number.", low=0)
    data: str = arg("Its bytes in base64.", longest=4 * (limits.PEER_CAPSULE_BYTES // 3 + 1))
    mark: str = arg("What tells it from others, given back when asked what is known.", default="", longest=64)


@dataclass(frozen=True, slots=True)
class Feed:
    """What lockerd tells of one locker; may come in pages, may be repeated. What is absent stays as it was."""

    locker: str = arg("The locker's id.", pattern=ID)
    folder: str = arg("Its folder below lockers/ in the data folder.", longest=64, pattern="[0-9a-f]+")
    packs: tuple[FeedPack, ...] = arg("Cut packs, new ones or all.", default=(), longest=limits.FEED_PACKS)
    dropped: tuple[str, ...] = arg("Packs it does without.", default=(), longest=limits.FEED_PACKS, pattern=PACK)
    head: FeedHead | None = arg("The newest head.", default=None)
    custody: str | None = arg("The signed custody record.", default=None, longest=1024, pattern=_HEX)
    handovers: tuple[str, ...] = arg(
        "How custody went from kit to kit.", default=(), longest=limits.PEER_HANDOVERS, pattern=_HEX
    )
    capsule: FeedCapsule | None = arg("The newest capsule.", default=None)
    key: FeedKey | None = arg("The newest key file.", default=None)
    friends: str | None = arg("How the key is split among friends.", default=None, longest=1 << 17, pattern=_HEX)


@dataclass(frozen=True, slots=True)
class FeedKnown:
    """What peerd knows of the locker now; lockerd feeds all packs again when the number does not fit."""

    packs: int = arg("Packs that were told and not dropped.")
    box: str = arg("This box's key: the custody record names it.", pattern=PEER)
    key: int = arg("Revision of the key file it was told; 0 none.", default=0)
    custody: str = arg("The custody record it was told.", default="")
    capsule: str = arg("The mark of the capsule it was told.", default="")
    friends: int = arg("The number of the split key it was told; 0 none.", default=0)


@dataclass(frozen=True, slots=True)
class PackGroup:
    """The packs that one record needs."""

    packs: tuple[str, ...] = arg("Their ids.", longest=limits.FEED_PACKS, pattern=PACK)


@dataclass(frozen=True, slots=True)
class PackStatesArgs:
    """Records asked about, as the packs they need."""

    groups: tuple[PackGroup, ...] = arg("One for each record.", longest=limits.FEED_PACKS)


@dataclass(frozen=True, slots=True)
class PackState:
    """How safe the packs of one record are, all together: any ``may_fail`` of ``of`` households may fail."""

    state: SafetyIs = arg("The badge.")
    may_fail: int = arg("How many may fail; 0 unless safe.", default=0)
    of: int = arg("Of how many; 0 unless safe.", default=0)
    shelf: str | None = arg("Name of a shelf that has a second copy of all of it.", default=None)
    shelf_ms: int = arg("When that shelf was seen last.", default=0)


@dataclass(frozen=True, slots=True)
class PackStates:
    """The badges, in the order of the groups."""

    states: tuple[PackState, ...] = arg("One for each group.")
