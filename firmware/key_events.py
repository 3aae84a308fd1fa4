"""Events about keys split among friends, and boxes reported stolen; part of the catalogue ``firmware.events``."""

from __future__ import annotations

from firmware.event import Event, Severity

PART_ASKED = Event(
    "part_asked",
    "f65c72efc03f53e35833364a51e0fffb",
    Severity.WARNING,
    "Another box asks for the part of a key that the household {peer} left here.",
    ("peer",),
)
PART_REFUSED = Event(
    "part_refused",
    "f7e6108cce45b83d2bfcaa2c1f8c97bd",
    Severity.WARNING,
    "Somebody asked for part of a key without a ticket of this box, {count} times within the hour.",
    ("count",),
)
PART_GIVEN = Event(
    "part_given",
    "7ab1da6cd93e2f21d19816e5d4a6db07",
    Severity.WARNING,
    "The part of a key that the household {peer} left here was given; nobody had said no.",
    ("peer",),
)
PART_SAID_NO = Event(
    "part_said_no",
    "39192044688cbaa0d42e5b2facb8b0b5",
    Severity.NOTICE,
    "No part of the key of the household {peer} is given: somebody said no.",
    ("peer",),
)
BOX_REPORTED = Event(
    "box_reported",
    "e31810fbb15edc1acaef9c4629bf43e3",
    Severity.WARNING,
    "The box {peer} was reported stolen; it is refused from now on.",
    ("peer",),
)
FRIENDS_KEY_MADE = Event(
    "friends_key_made",
    "0b611179ddd8a3505b3d1eec78d687c2",
    Severity.NOTICE,
    "Member {member} split a key among friends: any {k} of {n} parts open her locker.",
    ("member", "k", "n"),
)
FRIENDS_KEY_DROPPED = Event(
    "friends_key_dropped",
    "882f11dbb4be059ead412eae36e34147",
    Severity.NOTICE,
    "Member {member} took the parts of her key back; they open nothing any more.",
    ("member",),
)
KEY_ASKED = Event(
    "key_asked",
    "4fc3f9473b2b04a5f4fcf287bb40f773",
    Severity.WARNING,
    "Somebody asks friends for the key of member {member}; anybody here may say no.",
    ("member",),
)
KEY_ASK_OVER = Event(
    "key_ask_over",
    "c8b138a6eb26bf833bd49bc20d644d4f",
    Severity.NOTICE,
    "An ask for the key of member {member} is over: {state}.",
    ("member", "state"),
)
