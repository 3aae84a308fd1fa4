"""What an image must be: bounds over what was found inside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

PSS_MIB_MAX: Final = 180
EXPOSURE_MAX: Final = {
    "lockerd": 0.5, "webd": 1.1, "peerd": 1.5, "certifier": 1.1, "boxd": 2.5, "fetcher": 1.5, "console": 1.1,
    "firstboot": 1.5, "clear-card": 1.5,
}  # fmt: skip
"""systemd's own score of a unit, 0 (safe) to 10."""
ALWAYS: Final = ("lockerd", "webd", "peerd", "certifier")
"""These run on every image."""

_GOOD: Final = {
    "bootable_after_every_cut": True, "acked_uploads_lost": 0, "ab_matrix_ok": True, "factory_reset_ok": True,
    "rescue_page_ok": True, "rescue_bytes_changed": 0, "fake_card_page_ok": True, "fake_card_bytes_changed": 0,
    "emulated_ok": True,
}  # fmt: skip
"""What a stage has to find; a stage that breaks off says its first one."""


def judge(boot_to_ui_s: float | None, found: Mapping[str, Any] | None, ports_answer: bool) -> dict[str, Any]:
    """Return the figures of one boot and ``ok``; ``found`` is None when nothing was heard from inside."""
    inside = found or {}
    checks: Mapping[str, bool] = inside.get("checks", {})
    pss = inside.get("pss_kib", {})
    probes = inside.get("probe", {})
    allowed = {unit: each["allowed"] for unit, each in probes.items() if each["allowed"]}
    told: dict[str, Any] = {
        "boot_to_ui_s": boot_to_ui_s,
        "services_pss_mib": round(sum(pss.values()) / 1024, 1),
        "pss_kib": pss,
        "selftest_checks": len(checks),
        "selftest_failed": sorted(name for name, ok in checks.items() if not ok),
        "open_ports_ok": ports_answer and checks.get("only_what_must_listens", False),
        "probe_denied": sum(each["denied"] for each in probes.values()),
        "probe_allowed": sum(map(len, allowed.values())),
        "probe_allowed_what": allowed,
    }
    told["services_ok"] = all(
        checks.get(name, False) for name in ("no_failed_units", *(f"{x}_is_active" for x in ALWAYS))
    )
    told["photo_ok"] = checks.get("photo_round_trip", False)
    told["selftest_ok"] = bool(checks) and not told["selftest_failed"]
    exposures: dict[str, float | None] = dict.fromkeys(ALWAYS) | inside.get("exposure", {})
    told |= {f"exposure_{unit}": value for unit, value in exposures.items()}
    walled = all(value is not None and value <= EXPOSURE_MAX[unit] for unit, value in exposures.items())
    told["kernel"], told["slot"] = inside.get("kernel"), inside.get("slot")
    told["ok"] = (
        boot_to_ui_s is not None
        and told["selftest_ok"]
        and told["open_ports_ok"]
        and walled
        and not told["probe_allowed"]
        and told["probe_denied"] > 0
        and told["services_pss_mib"] <= PSS_MIB_MAX
    )
    return told


def stages_held(told: Mapping[str, Any]) -> bool:
    """Whether every stage that ran found what it has to find."""
    return all(told[name] == good for name, good in _GOOD.items() if name in told)
