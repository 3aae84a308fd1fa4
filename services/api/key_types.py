"""Requests and responses about a key split among friends, and about boxes reported stolen.

The words of parts and kits travel between page and worker alone; peerd sees sealed parts. A part kept for a friend is
named by its place: 16 bytes, hex.
"""

from __future__ import annotations

from firmware import limits
from firmware.lean import dataclass
from services.api.circle_types import PEER
from services.api.decode import arg
from services.api.types import ID

_NO_CONTROL = r"[^\x00-\x1f\x7f]*"
_HEX = "([0-9a-f]{2})*"
_PUBLIC = "([0-9a-f]{2}){1216}"
_SECRET = "[0-9a-f]{64}"
_STATE = "confirm, waiting, open, no."
_WORDS = limits.KIT_TEXT_CHARS


@dataclass(frozen=True, slots=True)
class PartBox:
    """A friend's box that may get a part."""

    peer: str = arg("Its key.", pattern=PEER)
    label: str = arg("What it is called.")
    public: str | None = arg("What a part for it is sealed to; absent as long as it was never asked.", default=None)


@dataclass(frozen=True, slots=True)
class PartBoxes:
    """Friends' boxes."""

    boxes: tuple[PartBox, ...] = arg("All that are in the circle.")


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """Who has a part of a split key of this box."""

    number: int = arg("Which part, from 1.")
    peer: str | None = arg("The friend's box; absent for paper.", default=None, pattern=PEER)
    label: str = arg("Its name, or what stands on the paper.", default="")
    kept: bool = arg("Whether that box said that it has it.", default=False)


@dataclass(frozen=True, slots=True)
class KeyAsk:
    """Somebody asks for a part."""

    ask: str = arg("Names it.", pattern=PEER)
    state: str = arg(_STATE)
    label: str = arg("What the asking box calls itself.")
    until_ms: int = arg("Until when somebody may say no; 0 while nobody compared the digits.")
    heir: bool = arg("Whether the heir asks.")
    peer: str | None = arg("The friend's box that is asked.", default=None, pattern=PEER)
    code: str | None = arg("The six digits the asking box shows.", default=None)
    no: bool = arg("Whether somebody here said no.", default=False)


@dataclass(frozen=True, slots=True)
class OwnKey:
    """How the key of one locker of this box is split."""

    locker: str = arg("The locker's id.", pattern=ID)
    member: str = arg("Whose it is.")
    number: int = arg("Grows with every change.")
    k: int = arg("So many parts open it.")
    made_ms: int = arg("When it was split.")
    holders: tuple[KeyHolder, ...] = arg("Who has the parts; nobody: they were taken back.")
    heir: str | None = arg("The friend's box that may ask after a long silence.", default=None, pattern=PEER)
    asks: tuple[KeyAsk, ...] = arg("Who asks, as far as friends said.", default=())


@dataclass(frozen=True, slots=True)
class KeptPart:
    """A part kept here for a friend."""

    place: str = arg("Names it.", pattern=ID)
    peer: str = arg("The friend's box.", pattern=PEER)
    box_label: str = arg("What that box is called here.")
    label: str = arg("Whose key it is.")
    k: int = arg("So many parts open it.")
    n: int = arg("Of so many.")
    heard_ms: int = arg("Last sign of life of the friend's box.")
    heir: bool = arg("Whether this box is the heir.")
    heir_after_ms: int = arg("From when on the heir may ask, if the box stays silent.", default=0)
    ticket_until_ms: int = arg("Until when a ticket of ours is good; 0 there is none.", default=0)
    holders: tuple[str, ...] = arg("Who has parts, told to the heir alone: box keys.", default=())
    asks: tuple[KeyAsk, ...] = arg("Who asks for it here.", default=())


@dataclass(frozen=True, slots=True)
class StolenBox:
    """A friend's box that was reported stolen here."""

    peer: str = arg("Its key.", pattern=PEER)
    label: str = arg("What it is called here.")
    when_ms: int = arg("When that was.")


@dataclass(frozen=True, slots=True)
class Keys:
    """Split keys of this household, parts kept for friends, boxes reported stolen."""

    own: tuple[OwnKey, ...] = arg("Keys of lockers of this box.")
    kept: tuple[KeptPart, ...] = arg("Parts kept for friends.")
    stolen: tuple[StolenBox, ...] = arg("Boxes reported stolen.")


@dataclass(frozen=True, slots=True)
class KeyMake:
    """Split my key among friends; a key that is split already is split anew, and the old parts open nothing."""

    k: int = arg("So many parts open my locker.", low=limits.FRIENDS_LEAST, high=limits.FRIENDS_MOST)
    boxes: tuple[str, ...] = arg("Friends' boxes that get one part each.", longest=limits.FRIENDS_MOST, pattern=PEER)
    papers: int = arg("So many parts are printed instead.", default=0, low=0, high=limits.FRIENDS_MOST)
    heir: str | None = arg("One of the boxes, which may ask after 30 days of silence.", default=None, pattern=PEER)
    words: str | None = arg("The 24 words of my kit; absent: a new kit is made.", default=None, longest=_WORDS)


@dataclass(frozen=True, slots=True)
class PaperPart:
    """A part to be printed."""

    number: int = arg("Which part, from 1.")
    words: str = arg("Its 33 words, shown once.")


@dataclass(frozen=True, slots=True)
class KeyMade:
    """The key is split; friends get their parts as soon as they are there."""

    papers: tuple[PaperPart, ...] = arg("Parts to be printed now.")
    words: str | None = arg("The words of the new kit, when one was made.", default=None)


@dataclass(frozen=True, slots=True)
class KeyPlace:
    """Names a part kept here."""

    place: str = arg("Which one.", pattern=ID)


@dataclass(frozen=True, slots=True)
class KeyTicket:
    """What our friend needs to ask this box."""

    text: str = arg("The ticket: lbk1…")
    until_ms: int = arg("Until when it is good.")


@dataclass(frozen=True, slots=True)
class KeyAnswer:
    """What we say to an ask for a part kept here."""

    place: str = arg("Which part.", pattern=ID)
    ask: str = arg("Which ask.", pattern=PEER)
    yes: bool = arg("The digits are the same and it is she; no is for ever.")


@dataclass(frozen=True, slots=True)
class KeyNo:
    """Nobody shall get a part of this key for this ask."""

    locker: str = arg("Which locker of this box.", pattern=ID)
    ask: str = arg("Which ask.", pattern=PEER)


@dataclass(frozen=True, slots=True)
class KeyTheft:
    """A friend's box was stolen; or it was found again."""

    peer: str = arg("Which box.", pattern=PEER)
    stolen: bool = arg("False takes the report back.", default=True)
    words: str | None = arg(
        "24 words of a kit of that box: then all its friends hear of it.", default=None, longest=_WORDS
    )


@dataclass(frozen=True, slots=True)
class TheftHeard:
    """Who heard of it."""

    friends: int = arg("So many friends' boxes refuse it from now on, beside this one.")


@dataclass(frozen=True, slots=True)
class Regain:
    """Ask friends for my key: from a new box, or from one where nothing else opens my locker any more."""

    tickets: tuple[str, ...] = arg(
        "Tickets that friends gave (lbk1…).",
        default=(),
        longest=limits.FRIENDS_MOST,
    )
    parts: tuple[str, ...] = arg("Parts on paper: 33 words each.", default=(), longest=limits.FRIENDS_MOST)
    code: str | None = arg("The claim code, on a box that belongs to nobody yet.", default=None, longest=64)
    handle: str | None = arg(
        "What an earlier call gave, to ask again or to add tickets.", default=None, pattern=_SECRET
    )
    place: str | None = arg("As heir: the part kept here.", default=None, pattern=ID)


@dataclass(frozen=True, slots=True)
class RegainAt:
    """How far it is at one friend's box."""

    label: str = arg("The friend's box; empty as long as it never answered.")
    state: str = arg(_STATE + " Else the code of the error that asking it ended with just now.")
    until_ms: int = arg("Until when somebody may say no.", default=0)
    sentence: str | None = arg("Why not.", default=None)


@dataclass(frozen=True, slots=True)
class Regained:
    """How far it is; the words once enough parts are here."""

    handle: str = arg("To ask again; keep it.", pattern=_SECRET)
    code: str = arg("Six digits: friends compare them with what their box shows.")
    label: str = arg("Whose key it is, as friends know it.")
    k: int = arg("So many parts are needed; 0 nobody said yet.")
    have: int = arg("So many are here.")
    at: tuple[RegainAt, ...] = arg("Each friend's box that was asked.")
    words: str | None = arg("The 24 words of the kit.", default=None)


# ---------------------------------------------------------------- between lockerd and peerd


@dataclass(frozen=True, slots=True)
class KeyAskOf:
    """Ask one friend's box."""

    public: str = arg("What the part is sealed to.", pattern=_PUBLIC)
    ticket: str | None = arg("Its ticket.", default=None, longest=limits.PAIR_TICKET_CHARS)
    place: str | None = arg("As heir: the part kept here.", default=None, pattern=ID)
    holder: str | None = arg("As heir: who is asked.", default=None, pattern=PEER)


@dataclass(frozen=True, slots=True)
class KeyAsked:
    """What it said."""

    locker: str = arg("The locker's id.", pattern=ID)
    ask: str = arg("Names the ask.", pattern=PEER)
    label: str = arg("Whose key it is.")
    box_label: str = arg("What the friend's box calls itself.")
    state: str = arg(_STATE)
    until_ms: int = arg("Until when somebody may say no.")
    k: int = arg("So many parts open it.")
    part: str | None = arg("The part, sealed.", default=None, pattern=_HEX)
    note: str | None = arg("The note, sealed.", default=None, pattern=_HEX)


@dataclass(frozen=True, slots=True)
class KeyNews:
    """Something about a key of this box that its members were not told yet."""

    member: str = arg("Whose key.")
    state: str = arg(_STATE)


@dataclass(frozen=True, slots=True)
class KeyNewsAll:
    """What is new."""

    news: tuple[KeyNews, ...] = arg("The oldest first; told once.")


@dataclass(frozen=True, slots=True)
class TheftPlace:
    """A locker of the box in question that is kept here."""

    locker: str = arg("Its id.", pattern=ID)
    public: str = arg("Its custody key.", pattern=PEER)
    epoch: int = arg("The epoch in force.")
    capsule: str | None = arg("Its newest capsule, base64.", default=None)


@dataclass(frozen=True, slots=True)
class TheftPlaces:
    """All of them."""

    places: tuple[TheftPlace, ...] = arg("Lockers of that box.")


@dataclass(frozen=True, slots=True)
class PeerKey:
    """Names a friend's box."""

    peer: str = arg("Which one.", pattern=PEER)


@dataclass(frozen=True, slots=True)
class KeyTheftAt:
    """What peerd does about a theft."""

    peer: str = arg("Which box.", pattern=PEER)
    stolen: bool = arg("False takes the report back.", default=True)
    reports: tuple[str, ...] = arg(
        "Signed reports, for all who keep something of it.", default=(), longest=64, pattern=_HEX
    )
    cards: tuple[str, ...] = arg("Cards of its friends' boxes.", default=(), longest=255, pattern=_HEX)
