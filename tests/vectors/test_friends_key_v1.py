"""Friends' keys of the first day: what is fixed is made the same way, what was sealed opens, a second reader agrees."""

from __future__ import annotations

import json
from itertools import combinations

from shamir_mnemonic.wordlist import WORDLIST

from firmware.peer.parts import note_info, part_info, read_friends_key, read_part_ticket
from firmware.seal import Secret, derive, open_from, public_key
from firmware.seal.split import join_key
from tests.vectors import make_friends_key_v1 as made
from tests.vectors import second_friends_key_reader as second
from tests.vectors.peer_examples import HOST, HOST_CARD, LOCKER, NOW, OWNER

FROZEN = json.loads(made.FILE.read_text())


def test_what_is_fixed_is_as_on_the_first_day() -> None:
    now = made.vectors()
    for name in ("parts", "ticket", "ask", "code", "proof"):
        assert FROZEN[name] == now[name]


def test_what_was_sealed_on_the_first_day_opens() -> None:
    split = read_friends_key(bytes.fromhex(FROZEN["file"]))
    info = part_info(LOCKER, HOST.public)
    assert open_from(Secret(made.BOX_SEED), split.holders[0].part, info, "part").decode() == FROZEN["parts"][0]
    secret = join_key(FROZEN["parts"][1:])
    assert secret.reveal() == made.SECRET
    assert open_from(derive(secret, "slot/friends"), split.note, note_info(LOCKER), "note") == made.KIT
    ticket = read_part_ticket(f" {FROZEN['ticket'].upper()}", NOW)
    assert (ticket.card, ticket.locker, ticket.secret) == (HOST_CARD, LOCKER, made.TICKET_SECRET)
    assert split.to_bytes().hex() == FROZEN["file"]


def test_the_second_reader_agrees() -> None:
    for two in combinations(FROZEN["parts"], 2):
        assert second.join(two, WORDLIST) == made.SECRET
    file = second.read_file(bytes.fromhex(FROZEN["file"]))
    holders = file["holders"]
    assert isinstance(holders, list)
    assert second.open_part(made.BOX_SEED, holders[0][3], LOCKER, HOST.public) == FROZEN["parts"][0]
    assert isinstance(file["note"], bytes)
    assert second.open_note(made.SECRET, file["note"], LOCKER) == made.KIT
    assert second.read_ticket(FROZEN["ticket"]) == [HOST_CARD, LOCKER, made.TICKET_SECRET, NOW]
    public = public_key(Secret(made.ASK_SEED))
    ask, code, proof = second.ask_of(LOCKER, OWNER.public, public, made.TICKET_SECRET)
    assert (ask.hex(), code, proof.hex()) == (FROZEN["ask"], FROZEN["code"], FROZEN["proof"])
    assert second.open_part(made.ASK_SEED, bytes.fromhex(FROZEN["given"]), LOCKER, ask) == FROZEN["parts"][1]
