"""Every way the box says no, sorted by what the caller must do next.

An error carries a stable ``code``, one ``sentence`` for a person and one ``advice`` (the next step). The families are
in ``firmware.families``, what can go wrong between boxes in ``firmware.circle_errors``, with
new versions in ``firmware.update_errors``; everybody imports from here.
"""

from __future__ import annotations

from firmware.circle_errors import (
    ContactMistyped,
    CustodyMissing,
    CustodyMoved,
    CustodyWaits,
    HeadForked,
    InvitationEnded,
    InvitationExpired,
    InvitationMissing,
    InvitationMistyped,
    InvitationOwn,
    InvitationsOpen,
    InvitationUsed,
    InvitationWord,
    InvitationWrong,
    KitReplaced,
    KitUnknown,
    LeaseRuns,
    LinkLost,
    NamesComing,
    NoContact,
    NoFriendReached,
    NothingForKit,
    PairingRefused,
    PeerAway,
    PeerBusy,
    PeerGarbled,
    PeerOffersLess,
    PeerOlder,
    PeerQuota,
    PeerRefused,
    PeerUnpaired,
    PeerVersion,
    PeerWrongHash,
    PermitWrong,
    ShardMissing,
    ShardWrong,
    ShelfNoDisk,
    ShelfNoLocker,
    ShelfOwnDisk,
    ShelfTaken,
    StillAtFriends,
    TicketExpired,
    TicketMistyped,
    TooFewFriends,
)
from firmware.families import BoxError, Conflict, Damaged, Full, Locked, Missing, Misused, Refused, Unreachable
from firmware.update_errors import (
    BundleWrong,
    NothingNew,
    ReleaseBoard,
    ReleaseExpired,
    ReleaseGarbled,
    ReleaseOlder,
    ReleaseTooFar,
    ReleaseUnsigned,
    SlotsUnclear,
    UpdateBusy,
)

__all__ = [  # what comes from elsewhere; the errors of this page need no mention
    "BoxError",
    "BundleWrong",
    "Conflict",
    "ContactMistyped",
    "CustodyMissing",
    "CustodyMoved",
    "CustodyWaits",
    "Damaged",
    "Full",
    "HeadForked",
    "InvitationEnded",
    "InvitationExpired",
    "InvitationMissing",
    "InvitationMistyped",
    "InvitationOwn",
    "InvitationUsed",
    "InvitationWord",
    "InvitationWrong",
    "InvitationsOpen",
    "KitReplaced",
    "KitUnknown",
    "LeaseRuns",
    "LinkLost",
    "Locked",
    "Missing",
    "Misused",
    "NamesComing",
    "NoContact",
    "NoFriendReached",
    "NothingForKit",
    "NothingNew",
    "PairingRefused",
    "PeerAway",
    "PeerBusy",
    "PeerGarbled",
    "PeerOffersLess",
    "PeerOlder",
    "PeerQuota",
    "PeerRefused",
    "PeerUnpaired",
    "PeerVersion",
    "PeerWrongHash",
    "PermitWrong",
    "Refused",
    "ReleaseBoard",
    "ReleaseExpired",
    "ReleaseGarbled",
    "ReleaseOlder",
    "ReleaseTooFar",
    "ReleaseUnsigned",
    "ShardMissing",
    "ShardWrong",
    "ShelfNoDisk",
    "ShelfNoLocker",
    "ShelfOwnDisk",
    "ShelfTaken",
    "SlotsUnclear",
    "StillAtFriends",
    "TicketExpired",
    "TicketMistyped",
    "TooFewFriends",
    "Unreachable",
    "UpdateBusy",
]


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
    advice = "Each member has a kit of their own, and a new one ends the old: look for the newest page with the name."


class PartWrong(Refused):
    """Typed words that are no part of a friends' key."""

    code = "part-wrong"
    sentence = "These words are no part of a friends' key: {why}."
    advice = "A part has 33 words; compare them with the paper, in order."


class PartsDoNotFit(Refused):
    """Parts that do not give a friends' key back."""

    code = "parts-do-not-fit"
    sentence = "These parts do not open anything yet: {why}."
    advice = "Ask one more friend, or look for the paper that was printed the same day."


class PartRefused(Refused):
    """Somebody asks a friend's box for a part of a key without the ticket of that box."""

    code = "part-refused"
    sentence = "That box gives no part of this key to this box."
    advice = "Ask the friend in person: the page for helping somebody back makes a ticket."


class PartEarly(Refused):
    """An heir asks before the silence was long enough."""

    code = "part-early"
    sentence = "The box was heard {days} days ago; an heir may ask after {wanted} days of silence."
    advice = "Ask again when it was silent for so long. Whoever has the kit need not wait."


class ReportedStolen(Refused):
    """A box whose owner said at a friend's that it was stolen."""

    code = "reported-stolen"
    sentence = "This box was reported stolen at a friend's, and friends do not talk to it any more."
    advice = "If it is in your hands, ask the friend to take the report back."


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


class BadShard(Damaged):
    """A shard, a leaf of one, or a pack joined from shards does not have the id, length or digest it must have."""

    code = "bad-shard"
    sentence = "{what} is not what was put there: its bytes were changed."
    advice = "It counts as lost; the box makes it anew from the others."


class TooFewShards(Unreachable):
    """Fewer shards of a pack are at hand than it takes to join it or to rebuild one."""

    code = "too-few-shards"
    sentence = "Of the {need} shards this takes, the box has {have}."
    advice = "One more box of the circle has to come back; then it goes on by itself."
