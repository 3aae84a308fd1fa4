"""Commands about ways into a locker: init, open, lock, passwd, recover, kit, slots; and members."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Final

from firmware.errors import AlreadyClaimed, BoxError, WrongClaimCode
from services.api.decode import encode
from services.api.kit_types import KitNeeds, KitState
from services.cli.secrets_io import WordsOut, read_new_passphrase, read_passphrase, read_words
from services.cli.shelf import day
from services.cli.shell import Shell

_KIT_NEEDS: Final = {
    KitNeeds.NO_KIT: "There is no kit: `./box locker kit` makes one.",
    KitNeeds.UNPROVEN: "Nobody typed its words back yet: `./box locker kit --prove FILE` compares them.",
    KitNeeds.FRIENDS: "Print the friends' page (page “Your spare key”) and put it with the kit; the words stay good.",
}


def init(shell: Shell, args: argparse.Namespace) -> int:
    """Claim the box and make its first member; whoever may read the data folder may read the claim code."""
    if shell.status.claimed:
        raise AlreadyClaimed
    code = claim_code(shell.data)
    if args.passphrase_file is None:
        print(f"A good passphrase would be: {shell.box.call('offer').passphrase}")
    passphrase = read_new_passphrase(args.passphrase_file, "Passphrase of the new locker")
    out = WordsOut(args.words_out)
    try:
        made = shell.box.call(
            "claim",
            code=code,
            household=args.household,
            name=args.name,
            passphrase=passphrase,
            device=shell.device,
        )
    except BoxError:
        out.discard()
        raise
    out.write(made.words)
    shell.enter(made)
    if args.words_out is not None:
        print(f"The locker of {args.name} is open. Its kit is in {args.words_out}: print it, then delete the file.")
    return 0


def claim_code(data: Path) -> str:
    """Return the claim code; whoever may read the data folder may know it. Raises WrongClaimCode."""
    try:
        return str(json.loads((data / "box" / "claim").read_bytes())["code"])
    except (OSError, ValueError, KeyError):
        raise WrongClaimCode(left=0) from None


def member(shell: Shell, args: argparse.Namespace) -> int:
    """Make a further member of the household (an owner's session is needed)."""
    client = shell.mine
    passphrase = read_new_passphrase(args.passphrase_file, f"Passphrase of {args.name}")
    out = WordsOut(args.words_out)
    try:
        made = shell.surely(
            lambda: client.call("add_member", name=args.name, passphrase=passphrase, role=args.role), args.proof_file
        )
    except BoxError:
        out.discard()
        raise
    out.write(made.words)
    return 0


def open_(shell: Shell, args: argparse.Namespace) -> int:
    """Open the locker."""
    whose = shell.member
    passphrase = read_passphrase(args.passphrase_file, f"Passphrase of {whose.name}")
    shell.enter(shell.box.call("open", member=whose.id, passphrase=passphrase, device=shell.device))
    return 0


def lock(shell: Shell, args: argparse.Namespace) -> int:  # noqa: ARG001
    """Lock the locker: its keys leave the memory of the box."""
    shell.mine.call("lock")
    shell.tokens.forget(shell.member.id)
    return 0


def passwd(shell: Shell, args: argparse.Namespace) -> int:
    """Replace the passphrase."""
    client = shell.mine
    old = read_passphrase(args.passphrase_file, "Present passphrase")
    new = read_new_passphrase(args.new_passphrase_file, "New passphrase")
    client.call("passwd", passphrase=old, new=new)
    print("The new passphrase opens the locker now; the old one does not.")
    return 0


def recover(shell: Shell, args: argparse.Namespace) -> int:
    """Open the locker with the 24 words and give it a new passphrase."""
    whose = shell.member
    words = read_words(args.words_file)
    passphrase = read_new_passphrase(args.passphrase_file, "New passphrase")
    shell.enter(shell.box.call("recover", member=whose.id, words=words, passphrase=passphrase, device=shell.device))
    print(f"The locker of {whose.name} is open and has the new passphrase.")
    return 0


def kit(shell: Shell, args: argparse.Namespace) -> int:
    """Make a new recovery kit, and the old one opens nothing any more; --state and --prove look at the one there is."""
    client = shell.mine
    if args.state or args.prove is not None:
        known = args.prove is not None
        found = client.call("kit_prove", words=args.prove.read_text()) if known else client.call("kit_state")
        return _show_kit(found, as_json=args.json)
    out = WordsOut(args.words_out)
    try:
        shell.step_up(args.passphrase_file)
        made = client.call("kit")
    except BoxError:
        out.discard()
        raise
    out.write(made.words)
    return 0


def _show_kit(found: KitState, *, as_json: bool) -> int:
    if as_json:
        print(json.dumps(encode(found)))
        return 0
    print(f"Kit {found.number}: words typed back {day(found.proven_ms)}, printed {day(found.printed_ms)}.")
    for each in found.friends:
        there = "can begin a restore" if each.reachable else "cannot be reached"
        print(f"  {each.label or each.peer[:16]}: {there}{', stands on the page' if each.printed else ''}")
    for need in found.needs:
        print(_KIT_NEEDS[need])
    if not found.needs:
        print("The page on paper does; nothing has to be printed.")
    return 0


def slots(shell: Shell, args: argparse.Namespace) -> int:
    """List the ways into the locker, or close one for good."""
    client = shell.mine
    if args.drop is None:
        kinds = client.call("slots").kinds
    else:
        shell.step_up(args.passphrase_file)
        kinds = client.call("drop_slot", kind=args.drop[1]).kinds
    print("\n".join(kinds))
    return 0


def status(shell: Shell, args: argparse.Namespace) -> int:
    """Say who lives here and whose locker is open."""
    found = shell.status
    if args.json:
        open_count = sum(each.open for each in found.members)
        print(
            json.dumps(
                {"ready": found.ready, "claimed": found.claimed, "members": len(found.members), "open": open_count}
            )
        )
        return 0
    print(f"{found.host}.local: " + (found.household or "nobody owns this box yet"))
    for each in found.members:
        print(f"  {each.name} ({each.role.value}): {'open' if each.open else 'locked'}")
    return 0
