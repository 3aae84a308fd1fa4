"""What can go wrong between boxes: pairing, the wire, custody, room at other households. See ``firmware.errors``."""

from __future__ import annotations

from firmware.families import Conflict, Damaged, Full, Missing, Misused, Refused, Unreachable


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
    advice = "They were thrown away and are fetched again. A box that does this often has a bad disk or a bad will."


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


class KitUnknown(Missing):
    """A box asks for what is kept for a kit: nothing is, or it did not prove that it has the kit. Both sound alike."""

    code = "kit-unknown"
    sentence = "That friend's box keeps nothing for this kit."
    advice = "Compare the words once more, and try another friend; a kit that was replaced opens nothing any more."


class LeaseRuns(Conflict):
    """The shards of another household must stay for now."""

    code = "lease-runs"
    sentence = "What you keep for this household has to stay {days} more days."
    advice = "Ask them whether they still need it; they can take it back themselves at any time."


class HeadForked(Damaged):
    """Two different heads of one locker carry the same number."""

    code = "head-forked"
    sentence = "Two different histories of one locker are about."
    advice = (
        "An old copy of a box may be running somewhere. Find it and switch it off; the newest kit tells which is which."
    )


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


class ShelfTaken(Conflict):
    """A disk holds the shelf of another box, or a folder of that name which is none."""

    code = "shelf-taken"
    sentence = "This disk holds the shelf of another box."
    advice = "Nothing on it was changed. Take another disk, or move the folder locker-box-shelf away on a computer."


class ShelfNoLocker(Missing):
    """A disk with a shelf on which no key file of a locker is readable."""

    code = "shelf-no-locker"
    sentence = "There is no locker on this shelf that could come back."
    advice = "Try the other disks you have, or bring the locker back from friends: `./box locker restore`."


class ShelfOwnDisk(Misused):
    """The folder is on the very disk that a shelf is to be a copy of."""

    code = "shelf-own-disk"
    sentence = "This is the disk the box itself keeps its files on."
    advice = "Plug in a disk of its own: a copy beside the original is lost together with it."


class ShelfNoDisk(Missing):
    """Nothing is mounted there."""

    code = "shelf-no-disk"
    sentence = "No disk is mounted at {where}."
    advice = "Plug the disk in, wait a moment and look again. `./box locker shelf list` names the disks that are there."


class InvitationsOpen(Conflict):
    """As many invitations are open as may be at once."""

    code = "invitations-open"
    sentence = "{count} invitations are open already."
    advice = "Withdraw one of them, or wait until it expires."


class StillAtFriends(Unreachable):
    """A restore is under way, and what was asked for lies in a pack that is not here yet."""

    code = "still-at-friends"
    sentence = "This is still with friends, on its way here."
    advice = "It comes before everything else now. Try again in a moment."


class NamesComing(Conflict):
    """A restore is under way, and the names of the locker are not here yet."""

    code = "names-coming"
    sentence = "The names of this locker are still on their way from friends."
    advice = "Wait until they are here; `./box locker restore status` says how far it is."


class NoFriendReached(Unreachable):
    """None of the boxes a kit was brought to answers."""

    code = "no-friend-reached"
    sentence = "None of {asked} friends' boxes answers."
    advice = "Ask a friend to open “Help someone restore” on their box, and use the code it shows."


class NoContact(Misused):
    """A restore was asked for without saying where a friend's box is."""

    code = "no-contact"
    sentence = "It is not known yet where a friend's box is."
    advice = "Scan the kit's code, or use the code that “Help someone restore” shows on a friend's box."


class TicketMistyped(Misused):
    """A text that should be a friend's ticket for a part of a key is none, or one with a typing mistake."""

    code = "ticket-mistyped"
    sentence = "This is not a whole ticket: {why}."
    advice = "Scan it again, or copy all of it; it begins with lbk1."


class TicketExpired(Refused):
    """A friend's ticket for a part of a key is older than it may be."""

    code = "ticket-expired"
    sentence = "This ticket is no longer good."
    advice = "Ask your friend for a new one: it is made on their box under Circle, “Help somebody back”."


class ContactMistyped(Misused):
    """A text that should say where a friend's box is does not."""

    code = "contact-mistyped"
    sentence = "This is not the code of a friend's box: {why}."
    advice = "Scan it again, or copy all of it; it begins with lbh1."


class NothingForKit(Missing):
    """Friends' boxes answer, and none keeps anything for these words."""

    code = "nothing-for-kit"
    sentence = "No friend's box that answered ({asked}) keeps anything for these 24 words."
    advice = "Compare the words with the newest kit of this locker, and ask a friend who kept its backup."


class TooFewFriends(Unreachable):
    """What a restore still needs lies with friends who are not there."""

    code = "too-few-friends"
    sentence = "The rest needs {wanted} more of these boxes: {who}."
    advice = "Ask their owners to switch them on. Everything goes on by itself when they answer."


class CustodyWaits(Unreachable):
    """Friends heard the old box lately, so they wait before another box takes over."""

    code = "custody-waits"
    sentence = "Friends heard the old box lately, so they wait for its owner's word before another box takes over."
    advice = "Say yes on the old box, or wait: they let go by themselves at the time shown."


class KitReplaced(Refused):
    """Custody of the locker has gone over to a newer kit or another box."""

    code = "kit-replaced"
    sentence = "Friends follow a newer kit of this locker."
    advice = "Use the newest kit; the old words open nothing at friends any more."
