"""Requests and responses about people and the doors to their lockers: members, roles, sessions, passkeys, activity."""

from __future__ import annotations

from firmware import limits
from firmware.lean import dataclass
from services.api.decode import arg
from services.api.types import MEMBER, Role

_LONGEST_PASSPHRASE = 1024
_NO_CONTROL = r"[^\x00-\x1f\x7f]*"
_DAY = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_BASE64URL = "[A-Za-z0-9_-]*"


@dataclass(frozen=True, slots=True)
class MemberCard:
    """One member as the others see her."""

    id: str = arg("The member's id.", pattern=MEMBER)
    name: str = arg("The name she chose.")
    role: Role = arg("What she may do.")
    is_open: bool = arg("Whether her locker is open right now.")
    since_ms: int = arg("When she joined; 0 when nobody wrote it down.")
    guardian: str | None = arg("The id of the member who may open this locker too.", default=None, pattern=MEMBER)
    guardian_until: str | None = arg("The day on which that ends.", default=None, pattern=_DAY)


@dataclass(frozen=True, slots=True)
class Members:
    """Everybody who lives here."""

    members: tuple[MemberCard, ...] = arg("In the order in which they joined.")


@dataclass(frozen=True, slots=True)
class SetRole:
    """Give a member another role; a guardianship ends with the role of a child."""

    member: str = arg("The member's id or name.", shortest=1, longest=80)
    role: Role = arg("The new role.")


@dataclass(frozen=True, slots=True)
class Leave:
    """A member leaves: she herself, or one whom an owner sends away (never another owner)."""

    member: str = arg("Who leaves: id or name.", shortest=1, longest=80)
    proof: str = arg("The passphrase of the one who asks.", longest=_LONGEST_PASSPHRASE)
    erase: bool = arg("Destroy her locker at once (herself only); else it is moved out, sealed.", default=False)


@dataclass(frozen=True, slots=True)
class OpenWard:
    """A guardian opens the locker of her ward."""

    member: str = arg("The ward's id or name.", shortest=1, longest=80)
    device: str = arg("Where the session is used.", default="", longest=80)


@dataclass(frozen=True, slots=True)
class StepUp:
    """Prove once more who asks, for what cannot be undone."""

    proof: str = arg("The passphrase.", longest=_LONGEST_PASSPHRASE)


@dataclass(frozen=True, slots=True)
class SteppedUp:
    """The session may do everything for a while."""

    until_ms: int = arg("When that ends.")


@dataclass(frozen=True, slots=True)
class Ended:
    """Sessions that ended."""

    count: int = arg("How many.", low=0)


@dataclass(frozen=True, slots=True)
class ActivityArgs:
    """Which page of the activity."""

    cursor: str | None = arg("“next” of the page before.", default=None, longest=64, pattern="[0-9]{1,16}-[0-9]{1,9}")
    limit: int = arg("Entries in one answer.", default=50, low=1, high=limits.PAGE_RECORDS)


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happened to a locker or to the ways into it."""

    time_ms: int = arg("When; of several alike, when the first of them happened.")
    event: str = arg("Its name in docs/events.md.")
    fields: dict[str, str] = arg("What the event says more: counts, a device; “times” when it happened several times.")


@dataclass(frozen=True, slots=True)
class Activity:
    """A page of what happened."""

    items: tuple[Happening, ...] = arg("Newest first.")
    next: str | None = arg("Cursor of the next page; absent at the end.", default=None)


@dataclass(frozen=True, slots=True)
class Device:
    """Names the device or program a password is for."""

    device: str = arg("What the member calls it.", shortest=1, longest=80, pattern=_NO_CONTROL)


@dataclass(frozen=True, slots=True)
class AppPassword:
    """An app password just made."""

    id: str = arg("Names it in lists.", pattern=MEMBER)
    device: str = arg("What it is for.")
    password: str = arg("Shown this once; case, spaces and hyphens do not matter.")
    created_ms: int = arg("When it was made.")


@dataclass(frozen=True, slots=True)
class AppPasswordInfo:
    """One app password as lists show it."""

    id: str = arg("Names it.", pattern=MEMBER)
    device: str = arg("What it is for.")
    created_ms: int = arg("When it was made.")
    last_used_ms: int | None = arg("When it last opened a session (to ten minutes).", default=None)


@dataclass(frozen=True, slots=True)
class AppPasswords:
    """All app passwords of one locker."""

    app_passwords: tuple[AppPasswordInfo, ...] = arg("Newest first.")


@dataclass(frozen=True, slots=True)
class DoorId:
    """Names an app password or a passkey."""

    id: str = arg("Its id in the list.", pattern=MEMBER)


@dataclass(frozen=True, slots=True)
class AppOpen:
    """A program asks for a session on an open locker."""

    member: str = arg("The member's id or name.", shortest=1, longest=80)
    password: str = arg("The app password.", longest=256)


@dataclass(frozen=True, slots=True)
class PasskeyOptions:
    """What the browser's passkey call is given."""

    options: str = arg("JSON text for parseCreationOptionsFromJSON or parseRequestOptionsFromJSON.")


@dataclass(frozen=True, slots=True)
class PasskeyAdd:
    """A passkey the browser just made."""

    credential: str = arg("JSON text of PublicKeyCredential.toJSON().", shortest=2, longest=limits.PASSKEY_CHARS)
    label: str = arg("What the member calls it.", shortest=1, longest=80, pattern=_NO_CONTROL)
    prf: str | None = arg(
        "Its PRF output for the salt of the options, 32 bytes in base64url; it then opens the closed locker.",
        default=None,
        longest=44,
        pattern=_BASE64URL,
    )


@dataclass(frozen=True, slots=True)
class PasskeyInfo:
    """One passkey as lists show it."""

    id: str = arg("Names it.", pattern=MEMBER)
    label: str = arg("What the member calls it.")
    opens: bool = arg("Whether it opens the locker when it is closed.")
    created_ms: int = arg("When it was added.")
    last_used_ms: int | None = arg("When it last opened a session (to ten minutes).", default=None)


@dataclass(frozen=True, slots=True)
class Passkeys:
    """All passkeys of one locker."""

    passkeys: tuple[PasskeyInfo, ...] = arg("Newest first.")


@dataclass(frozen=True, slots=True)
class PasskeyWho:
    """Whose passkey is asked for."""

    member: str = arg("The member's id or name.", shortest=1, longest=80)


@dataclass(frozen=True, slots=True)
class PasskeyLogin:
    """What the browser answers to a request for a passkey."""

    member: str = arg("The member's id or name.", shortest=1, longest=80)
    credential: str = arg("JSON text of PublicKeyCredential.toJSON().", shortest=2, longest=limits.PASSKEY_CHARS)
    prf: str | None = arg(
        "Its PRF output for the salt of the options, 32 bytes in base64url.",
        default=None,
        longest=44,
        pattern=_BASE64URL,
    )
    device: str = arg("Where the session is used.", default="", longest=80)
