"""Who gets a part of a friend's key, and when: both clocks, both kinds of no, an heir in a hurry, too many who ask."""

from __future__ import annotations

from dataclasses import replace

import pytest

from firmware.errors import PartEarly, PartRefused, PeerBusy
from firmware.hosting import DAY
from firmware.hosting.asking import (
    AskedPart,
    admitted,
    asked_by_friend,
    asked_by_heir,
    begun,
    changed,
    found,
    read_asks,
    refused,
    state_of,
    write_asks,
)
from firmware.limits import PART_ASKS
from firmware.peer.parts import AskState, ask_code, ask_id, ask_proof

NOW, LIVED, HEARD = 1_800_000_000_000, 5 * DAY, 1_799_999_000_000
PUBLIC = bytes(1216)


def asking(number: int = 1) -> AskedPart:
    return asked_by_friend(bytes([number]) * 32, b"card", PUBLIC, HEARD, NOW)


def test_nothing_is_given_before_the_digits_and_both_clocks() -> None:
    one = asking()
    assert state_of(one, HEARD, NOW + 99 * DAY, LIVED + 99 * DAY) == (AskState.CONFIRM, 0)
    one = begun(one, NOW, LIVED)
    assert state_of(one, HEARD, NOW, LIVED) == (AskState.WAITING, NOW + 3 * DAY)
    moved, until = state_of(one, HEARD, NOW + 99 * DAY, LIVED + DAY)
    assert (moved, until) == (AskState.WAITING, NOW + 101 * DAY), "a clock that was moved gives nothing"
    assert state_of(one, HEARD, NOW + 3 * DAY - 1, LIVED + 99 * DAY)[0] is AskState.WAITING
    assert state_of(one, HEARD, NOW + 3 * DAY, LIVED + 3 * DAY)[0] is AskState.OPEN


def test_no_stays_no_and_the_first_one_counts() -> None:
    asks = refused((begun(asking(), NOW, LIVED), asking(2)), bytes([1]) * 32, "household")
    assert [each.no for each in asks] == ["household", ""]
    assert refused(asks, bytes([1]) * 32, "friend") == asks
    assert state_of(asks[0], HEARD, NOW + 99 * DAY, LIVED + 99 * DAY) == (AskState.NO, 0)


def test_an_heir_waits_for_silence_and_a_sign_of_life_ends_it() -> None:
    with pytest.raises(PartEarly) as told:
        asked_by_heir(bytes(32), b"card", PUBLIC, NOW - 29 * DAY, NOW, LIVED)
    assert told.value.fields["days"] == 29
    heard = NOW - 30 * DAY
    one = asked_by_heir(bytes(32), b"card", PUBLIC, heard, NOW, LIVED)
    assert state_of(one, heard, NOW, LIVED) == (AskState.WAITING, NOW + 3 * DAY)
    assert state_of(one, heard + 1, NOW + 9 * DAY, LIVED + 9 * DAY)[0] is AskState.NO
    friends = replace(one, heir=False)
    assert state_of(friends, NOW + DAY, NOW + 9 * DAY, LIVED + 9 * DAY)[0] is AskState.OPEN


def test_a_few_may_ask_at_a_time_and_what_ended_gives_way() -> None:
    asks: tuple[AskedPart, ...] = ()
    for number in range(PART_ASKS):
        asks = admitted(asks, asking(number))
    with pytest.raises(PeerBusy):
        admitted(asks, asking(9))
    asks = refused(asks, bytes([2]) * 32, "friend")
    asks = admitted(asks, asking(9))
    assert [each.id[0] for each in asks] == [0, 1, 3, 9]
    assert found(asks, bytes([9]) * 32).no == ""
    with pytest.raises(PartRefused):
        found(asks, bytes([2]) * 32)
    later = begun(asks[0], NOW, LIVED)
    assert read_asks(write_asks(changed(asks, later)))[0] == later


def test_an_ask_is_for_one_locker_one_box_and_one_key() -> None:
    whole = (bytes(16), bytes(32), PUBLIC)
    others = ((b"l" * 16, *whole[1:]), (whole[0], b"b" * 32, whole[2]), (*whole[:2], b"p" * 1216))
    ids = {ask_id(*each) for each in (whole, *others)}
    assert len(ids) == 4 and all(len(ask_code(each)) == 6 for each in ids)
    assert len({ask_proof(b"s" * 16, each) for each in ids} | {ask_proof(b"t" * 16, ask_id(*whole))}) == 5
