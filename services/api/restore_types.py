"""Requests and responses of a restore: a locker comes back from friends' boxes with 24 words.

lockerd's main socket answers people; peerd's own socket (names with ``at_peerd_``) answers lockerd alone. Sizes are
bytes, times ms since 1970 UTC; a peer is named by its box key, 64 hex digits.
"""

from __future__ import annotations

import enum

from firmware import limits
from firmware.lean import dataclass
from services.api.circle_types import PACK, PEER
from services.api.decode import arg
from services.api.types import ID, MEMBER, Role

_NO_CONTROL = r"[^\x00-\x1f\x7f]*"
_HEX = "([0-9a-f]{2})*"
_WORDS = limits.KIT_TEXT_CHARS
_PASSPHRASE = 1024
_CONTACTS = "Codes of friends' boxes (lbh1…): from the kit, or from Help someone restore."


class RestoreIs(enum.StrEnum):
    """How far a restore is; ``none``: nothing was ever restored here."""

    NONE = "none"
    WAITING = "waiting"
    """Friends heard the old box lately, and wait until another one may take over."""
    NAMES = "names"
    """The names are on their way; the locker cannot be looked into yet."""
    SMALL = "small"
    """Names are here; what is small or precious comes."""
    REST = "rest"
    """Everything else streams in."""
    FRIENDS = "friends"
    """What is still to come lies with friends who are not there."""
    FULL = "full"
    """This box's disk has no room for what is still to come."""
    DONE = "done"


@dataclass(frozen=True, slots=True)
class RestoreLook:
    """Look what could be restored, and change nothing."""

    code: str = arg("The claim code on the label of this box.", longest=64)
    words: str = arg("The 24 words.", longest=_WORDS)
    contacts: tuple[str, ...] = arg(_CONTACTS, longest=limits.RESTORE_CONTACTS)


@dataclass(frozen=True, slots=True)
class Restore:
    """Take ownership of this box and bring a locker back to it."""

    code: str = arg("The claim code on the label of this box.", longest=64)
    words: str = arg("The 24 words.", longest=_WORDS)
    contacts: tuple[str, ...] = arg(_CONTACTS, longest=limits.RESTORE_CONTACTS)
    passphrase: str = arg("The new passphrase, at least 50 bits by zxcvbn.", longest=_PASSPHRASE)
    name: str = arg("The member's name.", shortest=1, longest=80, pattern=_NO_CONTROL)
    household: str = arg("What the household calls itself.", shortest=1, longest=80, pattern=_NO_CONTROL)
    device: str = arg("Where the session is used, shown in the list of sessions.", default="", longest=80)


@dataclass(frozen=True, slots=True)
class RestoreMember:
    """Bring the locker of a further member back to a box that is owned already."""

    words: str = arg("Her 24 words.", longest=_WORDS)
    contacts: tuple[str, ...] = arg(_CONTACTS, longest=limits.RESTORE_CONTACTS)
    passphrase: str = arg("Her new passphrase, at least 50 bits by zxcvbn.", longest=_PASSPHRASE)
    name: str = arg("Her name.", shortest=1, longest=80, pattern=_NO_CONTROL)
    role: Role = arg("What she may do.", default=Role.ADULT)


@dataclass(frozen=True, slots=True)
class RestoreCode:
    """Which boxes on the same network could help?"""

    code: str = arg("The claim code on the label of this box.", longest=64)


@dataclass(frozen=True, slots=True)
class RestoreBox:
    """A box on the same network whose owner opened *Help someone restore*."""

    label: str = arg("What it says that it is called. Whoever it is gains nothing: a false one has no kit's locker.")
    contact: str = arg("Its code (lbh1…): one of the contacts of a restore.")


@dataclass(frozen=True, slots=True)
class RestoreNear:
    """Boxes on the same network that help; a restore without any contact asks all of them."""

    boxes: tuple[RestoreBox, ...] = arg("Each of them; new ones appear within seconds.", default=())


@dataclass(frozen=True, slots=True)
class RestoreAsked:
    """What one friend's box answered to the kit."""

    peer: str = arg("Which box.", pattern=PEER)
    label: str = arg("What it is called.")
    number: int = arg("The number of the capsule it showed: ms when it was written; 0 none.", default=0)
    written_ms: int = arg("When what it says of friends was written; 0 nothing.", default=0)
    heard_ms: int = arg("When it heard the old box last, by its own clock; 0 never.", default=0)
    error: str | None = arg("Code of why it showed none, in docs/errors.md.", default=None)
    sentence: str | None = arg("Why.", default=None)
    older: bool = arg("Whether another box showed a newer one.", default=False)
    forked: bool = arg("Whether it showed another one with the number of the newest.", default=False)


@dataclass(frozen=True, slots=True)
class RestoreFound:
    """What the words open: the newest capsule of all boxes that answered."""

    locker: str = arg("The locker's id.", pattern=ID)
    kit: int = arg("The how manieth kit of this locker it is.")
    until_ms: int = arg("What is restored is as it was at this time, or later.")
    asked: tuple[RestoreAsked, ...] = arg("Every box that was asked.")
    friends: int = arg("How many friends' boxes the locker had.")
    waits: bool = arg("Whether friends heard the old box within a day: then they wait, up to 72 hours.", default=False)


@dataclass(frozen=True, slots=True)
class RestoreBegun:
    """The member lives here from now on; her names and files follow."""

    member: str = arg("Her id.", pattern=MEMBER)
    found: RestoreFound = arg("What the words opened.")
    token: str | None = arg("A session of hers (only when she took ownership of the box).", default=None)


@dataclass(frozen=True, slots=True)
class RestoreFriend:
    """One friend's box in a restore."""

    peer: str = arg("Which box.", pattern=PEER)
    label: str = arg("What it is called.")
    there: bool = arg("Whether it answers and gives.")
    shards: int = arg("Pieces that came from it.", default=0)
    bytes: int = arg("Bytes that came from it.", default=0)
    wrong: int = arg("Pieces that were missing or not what they should be; others took their place.", default=0)
    waits_until_ms: int | None = arg("Until when it waits for the old box.", default=None)
    error: str | None = arg("Code of why it does not give, in docs/errors.md.", default=None)
    sentence: str | None = arg("Why it does not give.", default=None)


@dataclass(frozen=True, slots=True)
class RestoreNeed:
    """Any ``wanted`` of these boxes must come back."""

    wanted: int = arg("How many.")
    labels: tuple[str, ...] = arg("What they are called; none: nobody has what is missing.")


@dataclass(frozen=True, slots=True)
class RestoreStatus:
    """How far the restore of a member's locker is."""

    state: RestoreIs = arg("How far, in one word.")
    began_ms: int = arg("When it began.", default=0)
    until_ms: int = arg("What is restored is as it was at this time, or later.", default=0)
    names_ms: int = arg("When the names were here; 0 not yet.", default=0)
    done_ms: int = arg("When everything was here; 0 not yet.", default=0)
    names_listed: int = arg("How many names are here.", default=0)
    files: int = arg("Files that are here whole.", default=0)
    bytes: int = arg("Bytes of all files by name, here or still to come.", default=0)
    packs: int = arg("Packs there are.", default=0)
    packs_here: int = arg("Packs that are here.", default=0)
    needed_bytes: int = arg("Bytes of all packs.", default=0)
    here_bytes: int = arg("Bytes of packs that are here.", default=0)
    received_bytes: int = arg("Bytes that came from friends.", default=0)
    now_bytes: int = arg("Bytes of what is still to come that can be had with the friends who are there.", default=0)
    lost_bytes: int = arg("Bytes that too few friends ever had.", default=0)
    friends: tuple[RestoreFriend, ...] = arg("Where it comes from.", default=())
    asked: tuple[RestoreAsked, ...] = arg("What each friend's box answered to the kit when it began.", default=())
    needs: tuple[RestoreNeed, ...] = arg("Who must come back for the rest, the hardest first.", default=())
    waits_until_ms: int | None = arg("Until when friends wait for the old box at most.", default=None)
    error: str | None = arg("Code of what keeps it from going on, in docs/errors.md.", default=None)
    sentence: str | None = arg("What keeps it from going on.", default=None)
    advice: str | None = arg("What to do about it.", default=None)


@dataclass(frozen=True, slots=True)
class RestoreContact:
    """Codes that say where boxes are, to be scanned or typed on a box that comes back."""

    text: str = arg("This box: shown by Help someone restore.")
    label: str = arg("What this box tells friends it is called.")
    until_ms: int = arg("Until when the address in it is good.")


# ---------------------------------------------------------------- between lockerd and peerd


@dataclass(frozen=True, slots=True)
class KitFind:
    """Ask friends' boxes for the capsule of a kit."""

    lookup: str = arg("The kit's lookup id.", pattern=PACK)
    request: str = arg("The seed of the kit's request key; kept in memory alone.", pattern=PACK)
    contacts: tuple[str, ...] = arg("Codes of boxes.", default=(), longest=limits.RESTORE_CONTACTS)
    cards: tuple[str, ...] = arg("Cards of boxes.", default=(), longest=limits.CIRCLE_FRIENDS, pattern=_HEX)


@dataclass(frozen=True, slots=True)
class KitShown:
    """What one box showed, or why not."""

    peer: str = arg("Which box.", pattern=PEER)
    label: str = arg("What it calls itself.")
    capsule: str = arg("The capsule in base64; empty: none.", default="")
    custody: str = arg("The custody record in force there.", default="")
    heard_ms: int = arg("When the box in force was heard last.", default=0)
    now_ms: int = arg("What time it is there.", default=0)
    error: str | None = arg("Why none was shown.", default=None)
    sentence: str | None = arg("Why none was shown.", default=None)
    seconds: int = arg("When to ask again; 0: whenever.", default=0)


@dataclass(frozen=True, slots=True)
class KitsFound:
    """All boxes that were asked."""

    box: str = arg("This box's key.", pattern=PEER)
    shown: tuple[KitShown, ...] = arg("Each of them.")


@dataclass(frozen=True, slots=True)
class RestoreJoin:
    """This box acts for a locker from now on: greet its friends, and be let in by the kit where need be."""

    locker: str = arg("The locker's id.", pattern=ID)
    folder: str = arg("Its folder below lockers/.", longest=64, pattern="[0-9a-f]+")
    lookup: str = arg("The kit's lookup id.", pattern=PACK)
    request: str = arg("The seed of the kit's request key; kept in memory alone.", pattern=PACK)
    custody: str = arg("The signed custody record.", longest=1024, pattern=_HEX)
    cards: tuple[str, ...] = arg("Friends' cards.", longest=limits.CIRCLE_FRIENDS, pattern=_HEX)
    labels: tuple[str, ...] = arg("What our owner calls them, in this order.", longest=limits.CIRCLE_FRIENDS)
    handovers: tuple[str, ...] = arg(
        "How custody went from kit to kit.", default=(), longest=limits.PEER_HANDOVERS, pattern=_HEX
    )


@dataclass(frozen=True, slots=True)
class RestoreOf:
    """Names a locker."""

    locker: str = arg("The locker's id.", pattern=ID)


@dataclass(frozen=True, slots=True)
class RestoreSource:
    """How one friend stands with a locker that comes back."""

    friend: RestoreFriend = arg("As its owner sees it.")
    verdict: str = arg("What it said about custody; empty: nothing yet.", default="")
    wrong: tuple[str, ...] = arg("Shards that were missing there or not what they should be.", default=(), pattern=PACK)


@dataclass(frozen=True, slots=True)
class RestoreSources:
    """All friends; empty when peerd was restarted and has to be told again."""

    sources: tuple[RestoreSource, ...] = arg("Each of them.")


@dataclass(frozen=True, slots=True)
class RestoreShard:
    """A shard and the box that should have it."""

    index: int = arg("Its number in the pack.", low=0, high=63)
    shard: str = arg("Its id.", pattern=PACK)
    peer: str = arg("Who has it.", pattern=PEER)


@dataclass(frozen=True, slots=True)
class RestorePack:
    """One pack as the book has it."""

    pack: str = arg("The pack's id.", pattern=PACK)
    prelude: str = arg("Its prelude, 16 bytes.", pattern=ID)
    kind: int = arg("Its kind by number.", low=0, high=255)
    size: int = arg("Bytes behind the prelude.", low=1, high=1 << 34)
    digest: str = arg("BLAKE3 of these bytes.", pattern=PACK)
    precious: bool = arg("Whether it is precious.")
    k: int = arg("So many shards give it back.", low=1, high=64)
    n: int = arg("Of so many.", low=1, high=64)
    shards: tuple[RestoreShard, ...] = arg("Where they are.", longest=64)


@dataclass(frozen=True, slots=True)
class RestorePage:
    """Bring one page of the book: a shard that friends keep whole."""

    locker: str = arg("The locker's id.", pattern=ID)
    shard: str = arg("Its id.", pattern=PACK)
    size: int = arg("Its bytes.", low=1, high=1 << 34)
    peers: tuple[str, ...] = arg("Who has it.", longest=limits.CIRCLE_FRIENDS, pattern=PEER)


@dataclass(frozen=True, slots=True)
class RestoreFetch:
    """Bring one pack."""

    locker: str = arg("The locker's id.", pattern=ID)
    place: RestorePack = arg("Which one.")


@dataclass(frozen=True, slots=True)
class RestoreEnd:
    """Everything is here again, and friends may do without the pages of the book that the box before wrote."""

    locker: str = arg("The locker's id.", pattern=ID)
    pages: tuple[RestorePageAt, ...] = arg("Those pages.", default=(), longest=limits.CIRCLE_PAGES)


@dataclass(frozen=True, slots=True)
class RestorePageAt:
    """A page of the book, and who has it."""

    shard: str = arg("Its id.", pattern=PACK)
    peers: tuple[str, ...] = arg("Who has it.", longest=limits.CIRCLE_FRIENDS, pattern=PEER)


@dataclass(frozen=True, slots=True)
class RestoreKept:
    """Packs that are here again: friends keep their shards, and are asked for receipts in our name."""

    locker: str = arg("The locker's id.", pattern=ID)
    packs: tuple[RestorePack, ...] = arg("Which ones.", longest=limits.RESTORE_KEPT)
