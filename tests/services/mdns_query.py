"""Asks one raw mDNS question the way a phone does and prints the answer as one JSON line. Run inside a namespace.

    python mdns_query.py MODE NAME TYPE INTERFACE-ADDRESS SECONDS
MODE: multicast (from port 5353, answer by multicast), qu (from port 5353 with the unicast bit), oneshot (legacy: any
port, as Android's resolver does), oneshot6 (the same over IPv6; INTERFACE-ADDRESS is then the interface's name).
Written from RFC 6762 and RFC 1035 without the library under test.
"""

from __future__ import annotations

import ipaddress
import json
import socket
import struct
import sys
import time

_GROUP, _GROUP6, _PORT, _ID = "224.0.0.251", "ff02::fb", 5353, 0x1234


def main(mode: str, name: str, kind: str, interface: str, seconds: str) -> None:
    """Send the question (again every second, as resolvers do) and wait for an answer from somebody else."""
    sock = _socket(mode, interface)
    deadline = time.monotonic() + float(seconds)
    again = 0.0
    while time.monotonic() < deadline:
        if time.monotonic() >= again:
            group = _GROUP6 if mode == "oneshot6" else _GROUP
            sock.sendto(_question(mode, name, int(kind)), (group, _PORT))
            again = time.monotonic() + 1.0
        try:
            packet, sender = sock.recvfrom(9000)
        except TimeoutError:
            continue
        answers = _answers(packet)
        if packet[2] & 0x80 and name.lower() in answers:
            found = {
                "id": struct.unpack_from(">H", packet)[0],
                "from": sender[0],
                "port": sender[1],
                "questions": struct.unpack_from(">H", packet, 4)[0],
                "addresses": answers[name.lower()],
            }
            print(json.dumps(found))
            return
    print("null")


def _socket(mode: str, interface: str) -> socket.socket:
    if mode == "oneshot6":
        sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        sock.settimeout(0.1)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, socket.if_nametoindex(interface))
        return sock
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.settimeout(0.1)
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(interface))
    if mode != "oneshot":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind(("", _PORT) if mode == "multicast" else (interface, _PORT))
    if mode == "multicast":
        member = socket.inet_aton(_GROUP) + socket.inet_aton(interface)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
    return sock


def _question(mode: str, name: str, kind: int) -> bytes:
    labels = b"".join(bytes([len(each)]) + each.encode() for each in name.split(".")) + b"\0"
    head = struct.pack(">6H", _ID if mode.startswith("oneshot") else 0, 0, 1, 0, 0, 0)
    return head + labels + struct.pack(">2H", kind, 0x8001 if mode == "qu" else 1)


def _answers(packet: bytes) -> dict[str, list[str]]:
    """Addresses by lower-case name from all sections of a DNS packet."""
    _, _, questions, *records = struct.unpack_from(">6H", packet)
    at = 12
    for _ in range(questions):
        _, at = _name(packet, at)
        at += 4
    found: dict[str, list[str]] = {}
    for _ in range(sum(records)):
        name, at = _name(packet, at)
        kind, _, _, size = struct.unpack_from(">2HIH", packet, at)
        at += 10
        if kind in (1, 28):
            found.setdefault(name.lower(), []).append(str(ipaddress.ip_address(packet[at : at + size])))
        at += size
    return found


def _name(packet: bytes, at: int) -> tuple[str, int]:
    labels, end = [], None
    while packet[at]:
        if packet[at] >= 0xC0:
            end = end or at + 2
            at = struct.unpack_from(">H", packet, at)[0] & 0x3FFF
            continue
        labels.append(packet[at + 1 : at + 1 + packet[at]].decode())
        at += 1 + packet[at]
    return ".".join(labels), end or at + 1


if __name__ == "__main__":
    main(*sys.argv[1:])
