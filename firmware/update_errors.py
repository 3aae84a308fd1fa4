"""What can be wrong with a new release of the box's own system; imported from ``firmware.errors`` by everybody."""

from __future__ import annotations

from firmware.families import Conflict, Damaged, Missing, Refused


class ReleaseGarbled(Damaged):
    """The index of a release is cut off, changed or was never one."""

    code = "release-garbled"
    sentence = "The description of the new version cannot be read: {why}"
    advice = "The box asks again later; from a USB stick, copy it anew."


class ReleaseUnsigned(Refused):
    """Too few of the release keys this box knows signed the index."""

    code = "release-unsigned"
    sentence = "The new version is signed by {have} of the release keys, {need} are needed."
    advice = "The box stays as it is. Take versions only from where the box was from."


class ReleaseBoard(Refused):
    """The release was made for other hardware."""

    code = "release-board"
    sentence = "This version is made for {theirs}, this box is a {ours}."
    advice = "Take the file that is made for this box."


class ReleaseExpired(Refused):
    """Nobody vouches for this index any more: somebody may keep newer ones from the box."""

    code = "release-expired"
    sentence = "The description of this version was good until {until}; it is too old to trust."
    advice = "Look where new versions come from; a newer description is due there."


class ReleaseOlder(Refused):
    """Going back is how known holes are opened again."""

    code = "release-older"
    sentence = "This is version {theirs}; the box has or had {ours} already."
    advice = "The box never goes back to an older version. Take a newer one."


class ReleaseTooFar(Refused):
    """The release asks for a step in between."""

    code = "release-too-far"
    sentence = "Version {theirs} needs {minimum} first; the box has {ours}."
    advice = "Take the version in between, then this one."


class BundleWrong(Damaged):
    """The bundle is not the one the signed index names."""

    code = "bundle-wrong"
    sentence = "What arrived is not the version that was promised: {why}"
    advice = "The box throws it away and fetches it again later."


class NothingNew(Missing):
    """There is no release to install."""

    code = "nothing-new"
    sentence = "There is no newer version."
    advice = "The box looks again every day."


class UpdateBusy(Conflict):
    """A version is on trial; nothing may be written beside it."""

    code = "update-busy"
    sentence = "The box is trying out version {version} at the moment."
    advice = "Wait until it has decided; this takes a quarter of an hour at most."


class SlotsUnclear(Damaged):
    """What the starting firmware is told cannot be read, so nothing may be written there."""

    code = "slots-unclear"
    sentence = "The box cannot tell from which half it starts: {why}"
    advice = "It goes on running, without updates. A new image on the card puts this right."
