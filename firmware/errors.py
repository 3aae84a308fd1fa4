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
    advice = "Each member has a kit of their own, and a new one ends the old: look for the newest page with the name."


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


class PeerGarbled(Damaged):
    """What another box sent is not what the protocol says; guards against a faulty or hostile peer."""

    code = "peer-garbled"
    sentence = "What came from the other box makes no sense: {why}."
    advice = "Nothing of it was kept. If it happens again, update both boxes, or let that box leave the circle."


class PeerWrongHash(Damaged):
    """Bytes between two boxes have another hash than was announced."""

    code = "peer-wrong-hash"
    sentence = "The bytes that arrived are not those that were announced."
    advice = "They were thrown away and are fetched again. A peer that does this often has a bad disk or a bad will."


class PeerVersion(Conflict):
    """Two boxes have no version of the protocol in common."""

    code = "peer-version"
    sentence = "The other box speaks versions {low} to {high} of the circle's language, this one does not."
    advice = "Update the older of the two boxes. What each keeps for the other stays where it is."


class PeerOlder(Missing):
    """The other box does not know this operation yet."""

    code = "peer-older"
    sentence = "The other box runs an older version and cannot do this yet ({what})."
    advice = "Ask its owner to update it; everything else goes on working."


class PeerUnpaired(Refused):
    """A box asks for something before it is in the circle."""

    code = "peer-unpaired"
    sentence = "The two boxes are not in one circle."
    advice = "Invite that household, or open the invitation it sent."


class PeerBusy(Unreachable):
    """A peer asks for more at once than a host serves."""

    code = "peer-busy"
    sentence = "The other box has its hands full."
    advice = "It is asked again in a moment; nothing is lost."


class PeerOffersLess(Full):
    """A host sets aside less than was asked for."""

    code = "peer-offers-less"
    sentence = "The other household gives {offered_mib} MiB; {asked_mib} MiB were asked for."
    advice = "The box uses what it gets. Ask them for more room, or invite one more household."


class PeerQuota(Full):
    """What a host has set aside for a peer is used up."""

    code = "peer-quota"
    sentence = "The room at the other household is used up: {need_mib} MiB are needed, {free_mib} MiB are left."
    advice = "What is there stays there. Ask them for more room, or invite one more household."


class CustodyMoved(Conflict):
    """Another box acts for this locker among the peers."""

    code = "custody-moved"
    sentence = "Another box acts for this locker now."
    advice = "If you moved it with its kit, all is well. If not, lock the locker and ask your circle which box it is."


class CustodyMissing(Refused):
    """A box acts for a locker without showing that it may."""

    code = "custody-missing"
    sentence = "The other box was not shown that this one may act for this locker."
    advice = "Open the locker once and look at its kit; the box then introduces itself again."


class PermitWrong(Refused):
    """A delegate's permit is not for this, has expired, or was signed by somebody else."""

    code = "permit-wrong"
    sentence = "The permit to repair does not fit: {why}."
    advice = "The owner's box gives out a new one by itself when both boxes meet."


class ShardMissing(Missing):
    """A host does not keep this shard."""

    code = "shard-missing"
    sentence = "The other box does not keep this piece."
    advice = "The box makes it again from what it has, or from the other peers."


class ShardWrong(Damaged):
    """The bytes of a shard do not have the id they were sent under."""

    code = "shard-wrong"
    sentence = "A piece that arrived is not what it was called."
    advice = "Nothing of it was kept; it is sent again. If it happens again, let the health page test both disks."


class HeadForked(Damaged):
    """Two different heads of one locker carry the same number."""

    code = "head-forked"
    sentence = "Two different histories of one locker are about."
    advice = "An old copy of a box may be running somewhere. Find it and switch it off; the newest kit tells which is which."


class InvitationMistyped(Misused):
    """A text is no invitation, or one with a typing mistake."""

    code = "invitation-mistyped"
    sentence = "This is not a whole invitation: {why}."
    advice = "Copy the whole link once more, or compare the six words one by one."


class InvitationWord(Misused):
    """A typed word is on no list."""

    code = "invitation-word"
    sentence = "Word {position}, “{word}”, is in no invitation."
    advice = "It may be “{nearest}”. Ask the other household to read it out again."


class InvitationExpired(Refused):
    """The invitation is older than it may be."""

    code = "invitation-expired"
    sentence = "This invitation has expired."
    advice = "Ask for a new one: six words live ten minutes, a link three days."


class InvitationUsed(Refused):
    """Somebody came with this invitation already."""

    code = "invitation-used"
    sentence = "This invitation was used already."
    advice = "If that was not you, tell the other household not to confirm. Then ask for a new one."


class InvitationMissing(Missing):
    """No such invitation is open at the box that was asked."""

    code = "invitation-missing"
    sentence = "The other box has no such invitation open."
    advice = "Ask the other household to open a new one and to leave the page open until you are through."


class InvitationWrong(Refused):
    """The secret that came with an invitation is not its secret."""

    code = "invitation-wrong"
    sentence = "These are not the words of this invitation."
    advice = "Compare them once more; {left} tries are left."


class InvitationEnded(Refused):
    """Too many wrong tries ended the invitation."""

    code = "invitation-ended"
    sentence = "Too many wrong tries ended this invitation."
    advice = "Ask for a new one. If nobody of you mistyped, somebody else was trying."


class InvitationOwn(Misused):
    """A household opened its own invitation."""

    code = "invitation-own"
    sentence = "This is an invitation of your own box."
    advice = "Send it to the household you want in your circle."


class PairingRefused(Refused):
    """One of the two owners said that the codes differ."""

    code = "pairing-refused"
    sentence = "The other household did not confirm."
    advice = "If the two codes were different, somebody stands between you: begin again, side by side."


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


class InvitationsOpen(Conflict):
    """As many invitations are open as may be at once."""

    code = "invitations-open"
    sentence = "{count} invitations are open already."
    advice = "Withdraw one of them, or wait until it expires."
