"""What a caller must do after a no: the families of errors, from which every error of ``firmware.errors`` comes.

Families follow the caller's duty: fix the request (Misused), ask the owner (Refused), stop (Missing), reread and retry
(Conflict), open the locker (Locked), free room (Full), come back later (Unreachable), never retry blindly (Damaged).
"""

from __future__ import annotations

from typing import ClassVar


class BoxError(Exception):
    """Root of all errors the box raises on purpose; ``fields`` fill the sentence's ``{placeholders}``."""

    code: ClassVar[str] = "box-error"
    http: ClassVar[int] = 500
    sentence: ClassVar[str] = "Something the box did not expect happened."
    advice: ClassVar[str] = "Try again; if it happens again, look at the journal of the box."

    def __init__(self, **fields: str | int) -> None:
        """Keep ``fields`` (plain words and numbers, never secrets) and format the sentence with them."""
        self.fields = fields
        super().__init__(self.sentence.format_map(_Fields(fields)))

    def as_dict(self) -> dict[str, object]:
        """Return the wire form every API answers with: code, sentence, advice and the fields."""
        advice = self.advice.format_map(_Fields(self.fields))
        return {"code": self.code, "sentence": str(self), "advice": advice, "fields": self.fields}


class _Fields(dict[str, str | int]):
    """Formats a missing field as its own name, so that an error can never fail to be shown."""

    def __missing__(self, key: str) -> str:
        return key


class Misused(BoxError):
    """The request makes no sense; fix it."""

    code, http = "misused", 400
    sentence = "The box cannot do that: {why}"
    advice = "Change the request and send it again."


class Refused(BoxError):
    """A clear question whose answer is no; ask the owner or prove more."""

    code, http = "refused", 403
    sentence = "That is not allowed here."
    advice = "Open the locker first, or ask its owner."


class Missing(BoxError):
    """It is not here; stop asking."""

    code, http = "missing", 404
    sentence = "There is no {what} here."
    advice = "Check the name; `ls` and `search` list what is there."


class Conflict(BoxError):
    """Somebody was faster; read again, then retry."""

    code, http = "conflict", 409
    sentence = "Something changed in the meantime: {why}"
    advice = "Look again, then repeat what you wanted."


class Locked(BoxError):
    """The locker is sealed; open it, then go on."""

    code, http = "locked", 423
    sentence = "This locker is locked."
    advice = "Open it with its passphrase; what was sent goes on from where it stopped."


class Full(BoxError):
    """No room; free some or raise the caps."""

    code, http = "full", 507
    sentence = "The disk has no room for this: {need_mib} MiB are needed, {free_mib} MiB are free."
    advice = "Free some space or add a disk. Everything already kept stays readable."


class Unreachable(BoxError):
    """It may work later; back off and retry."""

    code, http = "unreachable", 503
    sentence = "The box cannot reach {what} right now."
    advice = "Wait a moment and try again."


class Damaged(BoxError):
    """Bytes are not what they were; never retry blindly."""

    code, http = "damaged", 500
    sentence = "{what} is damaged on this disk."
    advice = "Run `./box locker verify` to see everything that is touched; nothing else is affected."
