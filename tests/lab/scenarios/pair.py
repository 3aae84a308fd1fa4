"""Two households become friends by link and by six words; every invitation that cannot be taken says why."""

from __future__ import annotations

from tests.lab import circles
from tests.lab.dwelling import LabBox, until
from tests.lab.lab import Findings, Lab, Wish

NEEDS = 2
MINUTES = 2
TICKET_HOURS = 73


def tell(wish: Wish) -> Findings:
    """The story."""
    with Lab(wish, clock=True) as lab:
        lab.start()
        ada, ben = lab.boxes[:2]
        found = lab.found
        ticket = _refusals(found, ada, ben)
        codes = circles.pair(ada, ben)
        found.check("paired_by_link", circles.sees(ada, ben) and circles.sees(ben, ada))
        found.check("same_digits", codes[0] == codes[1] and len(codes[0]) == 6, str(codes))
        _again(lab, ada, ben, ticket)
        _by_words(lab, ada, ben)
        _restarted(lab, ada, ben)
        found.figure("minutes", lab.minutes())
        return found


def _invitation(box: LabBox, *more: str) -> str:
    return str(box.said("circle", "invite", "--passphrase-file", box.passphrase, *more)["text"])


def _refused(found: Findings, name: str, box: LabBox, words: list[str], about: str) -> None:
    """A command that has to fail with a sentence about ``about`` and an advice."""
    done = box.shell(*words)
    lines = done.stderr.strip().splitlines()
    good = done.returncode == 1 and len(lines) == 2 and about in lines[0].lower() and "Traceback" not in done.stderr
    found.check(name, good, f"exit {done.returncode}, said {done.stderr.strip()[-300:]!r}")
    found.values.setdefault("sentences", {})[name] = lines[0] if lines else ""


def _refusals(found: Findings, ada: LabBox, ben: LabBox) -> str:
    ticket = _invitation(ada)
    swapped = ticket[:-6] + ("b" if ticket[-6] != "b" else "c") + ticket[-5:]
    for wrong in (ticket[:-1], swapped, "lbx1", "four words are too few"):
        _refused(found, "mistyped_says_so", ben, ["circle", "join", *wrong.split()], "")
    _refused(found, "unknown_word_says_so", ben, ["circle", "join", *["zzzz"] * 6], "zzzz")
    _refused(found, "wrong_digits_say_so", ben, ["circle", "confirm", "000000"], "digits")
    return ticket


def _again(lab: Lab, ada: LabBox, ben: LabBox, ticket: str) -> None:
    """The ticket of the first minute is open still; one that was used, and one that is too old, are not."""
    used = _invitation(ada)
    ben.said("circle", "join", used)
    for box in (ada, ben):
        box.ok("circle", "confirm", circles.code_of(box))
    until(lambda: not any(each["state"] == "met" for each in circles.pairings(ben)), "both to have said yes")
    _refused(lab.found, "reused_says_so", ben, ["circle", "join", used], "used")
    lab.clock.jump(TICKET_HOURS * 3600)
    _refused(lab.found, "expired_says_so", ben, ["circle", "join", ticket], "")


def _by_words(lab: Lab, ada: LabBox, ben: LabBox) -> None:
    words = _invitation(ada, "--by-words")
    lab.found.check("six_words", len(words.split()) == 6, words)
    joined = ben.said("circle", "join", *words.split())
    until(lambda: joined.get("code") or any(each["state"] == "met" for each in circles.pairings(ben)), "the digits")
    codes = circles.code_of(ada), circles.code_of(ben)
    for box, code in zip((ada, ben), codes, strict=True):
        box.ok("circle", "confirm", code)
    until(lambda: circles.sees(ada, ben) and circles.sees(ben, ada), "friends by words")
    lab.found.check("paired_by_words", codes[0] == codes[1], str(codes))


def _restarted(lab: Lab, ada: LabBox, ben: LabBox) -> None:
    ben.kill()
    until(lambda: not circles.sees(ada, ben), "the silence to be noticed")
    lab.start([ben])
    until(lambda: circles.sees(ada, ben) and circles.sees(ben, ada), "the friend to be back")
    lab.found.check("back_after_a_power_cut", True)
