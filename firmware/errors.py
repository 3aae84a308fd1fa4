"""Every way the box says no, sorted by what the caller must do next.

An error carries a stable ``code``, one ``sentence`` for a person and one ``advice`` (the next step). Families
follow the caller's duty: fix the request (Misused), ask the owner (Refused), stop (Missing), reread and retry
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


class BadSeal(Damaged):
    """A sealed piece does not authenticate: wrong key, or changed bytes."""

    code = "bad-seal"
    sentence = "{what} does not open: its bytes were changed."


class WrongPassphrase(Refused):
    """The passphrase opens no keyslot of this locker."""

    code = "wrong-passphrase"
    sentence = "This passphrase does not open the locker."
    advice = "Check capital letters and the keyboard language, or use the 24 words of the recovery kit."


class WeakPassphrase(Misused):
    """The passphrase can be guessed; zxcvbn puts it below the floor."""

    code = "weak-passphrase"
    sentence = "This passphrase is too easy to guess: {why}"
    advice = "Take the five words offered, or a longer sentence only you would say."


class WrongWordCount(Misused):
    """A recovery kit has exactly 24 words."""

    code = "wrong-word-count"
    sentence = "A recovery kit has 24 words; these are {count}."
    advice = "Look for a word that was left out or typed twice, line by line."


class UnknownWord(Misused):
    """A typed word is not on the kit's word list."""

    code = "unknown-word"
    sentence = "Word {position}, “{word}”, is not on the list of kit words."
    advice = "The nearest listed word is “{nearest}”. Compare it with the printed page."


class WordsDoNotMatch(Misused):
    """All 24 words exist, but their checksum is wrong: a swapped or misread word."""

    code = "words-do-not-match"
    sentence = "All 24 words are on the list, but together they are not a recovery kit."
    advice = "Two words may be swapped or one misread; compare them with the page in order."


class OtherKit(Refused):
    """A valid kit, but of another locker."""

    code = "other-kit"
    sentence = "These words are a valid recovery kit, but not of this locker."
    advice = "Each member has a kit of their own; the page carries the name."


class WrongClaimCode(Refused):
    """The claim code does not match the label."""

    code = "wrong-claim-code"
    sentence = "This is not the claim code of this box."
    advice = "It stands on the label and in the terminal that started the box. Tries left this minute: {left}."


class TooManyTries(Refused):
    """A throttle closed after too many wrong guesses."""

    code, http = "too-many-tries", 429
    sentence = "Too many wrong tries."
    advice = "Wait {seconds} seconds, then try again."


class AlreadyClaimed(Conflict):
    """The box already belongs to a household."""

    code = "already-claimed"
    sentence = "This box already belongs to a household."
    advice = "Ask its owner to add you as a member."


class BadName(Misused):
    """A file name the box will not take (it could escape a folder or fool a reader)."""

    code = "bad-name"
    sentence = "The box cannot keep a file under this name: {why}"
    advice = "Rename the file and send it again; its contents are fine."


class TooLarge(Misused):
    """Larger than the named bound."""

    code, http = "too-large", 413
    sentence = "This is larger than the box takes in one piece ({limit})."
    advice = "Split it into smaller parts."


class NewerFormat(Conflict):
    """Written by a newer version of the box."""

    code = "newer-format"
    sentence = "{what} was written by a newer version of Locker Box (format {found}, this one reads up to {known})."
    advice = "Update this box first; nothing was changed."


class AlreadyRunning(Conflict):
    """Another process holds this data folder."""

    code = "already-running"
    sentence = "A box is already running on {where}."
    advice = "Use the one that runs, or stop it first."


class NoSuchRecord(Missing):
    """No record under this id or path."""

    code = "no-such-record"
    sentence = "There is no record {what} in this locker."


class NoSuchUpload(Missing):
    """No upload under this id: finished long ago, expired, dropped, or lost with the catalog."""

    code = "no-such-upload"
    sentence = "There is no such upload."
    advice = "Begin again; what is here already is recognised."


class WrongOffset(Conflict):
    """The next bytes of an upload begin elsewhere."""

    code = "wrong-offset"
    sentence = "This upload goes on at byte {offset}."
    advice = "Ask how far it is, then send from there."


class FileChanged(Conflict):
    """A file changed while it was being read; it was not kept half."""

    code = "file-changed"
    sentence = "{what} changed while it was being sent, so it was not kept."
    advice = "Send it again when nothing writes to it."


class BadSetting(Misused):
    """A setting that does not exist or has a value it cannot have."""

    code = "bad-setting"
    sentence = "The setting “{name}” cannot be used: {why}."
    advice = "Correct settings.toml; docs/settings.md lists every setting with its default."


class PortTaken(Conflict):
    """Another program listens where the box wants to."""

    code = "port-taken"
    sentence = "Port {port} cannot be used: {why}."
    advice = "Stop the other program, or choose another port with `--port N`."


class Busy(Unreachable):
    """More at once than the box serves one member."""

    code = "busy"
    sentence = "The box takes in {count} of your files right now, and no more at once."
    advice = "Wait until one of them is here; nothing is lost."


class OtherTus(Misused):
    """An upload in another version of the tus protocol."""

    code, http = "other-tus", 412
    sentence = "This program sends files in a way this box does not speak."
    advice = "Use a program that speaks tus 1.0.0 and says so in its Tus-Resumable header."


class PartFailed(Unreachable):
    """A process of the box does not come up."""

    code = "part-failed"
    sentence = "{part} does not start."
    advice = "The lines above say why. Nothing in the data folder was harmed."


class NotRunning(Unreachable):
    """No box answers for this data folder."""

    code = "not-running"
    sentence = "No box is running on {where}."
    advice = "Start it with `./box run` in another terminal, with the same --data."


class NoSuchOperation(Missing):
    """No operation at this path of a service's socket."""

    code = "no-such-operation"
    sentence = "There is no operation at this path."
    advice = "GET /openapi.json lists all of them."


class MethodNotAllowed(Misused):
    """The path exists, but not with this method."""

    code, http = "method-not-allowed", 405
    sentence = "This path takes only {methods}."
    advice = "GET /openapi.json lists all operations."


class NoSuchRange(Misused):
    """The Range header asks for bytes the content does not have."""

    code, http = "no-such-range", 416
    sentence = "This record has only {size} bytes."
    advice = "Ask for a range inside it."


class NoSuchMember(Missing):
    """Nobody of this name or id lives here."""

    code = "no-such-member"
    sentence = "No member “{name}” lives here."
    advice = "The status lists the members of this household."


class ClaimExpired(Refused):
    """The claim code is right, but its time window is over."""

    code = "claim-expired"
    sentence = "This claim code has expired."
    advice = "Start the box again: whoever can do that stands in front of it and gets a new code."


class StepUpNeeded(Refused):
    """What was asked for cannot be undone; the member has to prove once more that it is she who asks."""

    code = "step-up-needed"
    sentence = "This needs your passphrase once more."
    advice = "Type it; for 15 minutes nothing asks again."


class LastOwner(Conflict):
    """A household without an owner could never add anybody again."""

    code = "last-owner"
    sentence = "The last owner of a household stays its owner."
    advice = "Make another member an owner first."


class GuardianOver(Refused):
    """The day came on which a guardianship ends."""

    code = "guardian-over"
    sentence = "This guardianship is over."
    advice = "The locker opens with its own passphrase."


class WrongAppPassword(Refused):
    """No app password of this locker is like that."""

    code = "wrong-app-password"
    sentence = "This app password does not fit."
    advice = "Make a new one in the settings of the locker and type it into the program."


class PasskeyUnknown(Refused):
    """The passkey is none of this locker's, or it was dropped."""

    code = "passkey-unknown"
    sentence = "This passkey is none of this locker's."
    advice = "Open the locker with its passphrase; its settings list the passkeys it knows."


class PasskeyTooLate(Refused):
    """The challenge is too old, was used already or never existed."""

    code = "passkey-too-late"
    sentence = "This took too long, or was sent twice."
    advice = "Begin again with the passkey."


class PasskeyWrong(Refused):
    """The passkey's answer is not a right answer to the challenge (origin, box, signature or counter)."""

    code = "passkey-wrong"
    sentence = "The passkey's answer is not right: {why}"
    advice = "Use the address the passkey was made for, or open the locker with its passphrase."


class PasskeyOpensNothing(Locked):
    """The passkey carries no key, so it cannot open a locker that is closed."""

    code = "passkey-opens-nothing"
    sentence = "The locker is locked, and this passkey cannot open it."
    advice = "Open it with its passphrase once; after that the passkey is enough until it is locked again."


class PeerAway(Unreachable):
    """Nobody answered for a peer's key at any address tried."""

    code = "peer-away"
    sentence = "That box does not answer right now."
    advice = "Nothing needs to be done: the box keeps trying. If it lasts, ask whether it is switched on over there."


class PeerRefused(Refused):
    """The other box closed the link: it does not know our key, or has as many links as it takes."""

    code = "peer-refused"
    sentence = "That box answers, but takes no connection from this one."
    advice = "Ask its owner whether this box is still in their circle."


class LinkLost(Unreachable):
    """A connection between two boxes, or one request on it, ended before it was done."""

    code = "link-lost"
    sentence = "The connection to the other box broke off."
    advice = "The box connects again by itself and goes on from where it stopped."
