"""Impaired cables: links of two TUN devices each, from one network namespace to others. Needs root.

  cable.py HUB HUB_ADDRESS NAMESPACE=ADDRESS...

Says "ready" when the links are up. Each line of input is then JSON of the kind {"NAMESPACE": {"down": {"kbps": 400}}}:
`down` leads from the hub, `up` to it, and what is not named stays. It is answered by what the links carried since the last
line. The cables are gone when the input ends.
"""
import ctypes
import fcntl
import heapq
import json
import os
import random
import select
import struct
import subprocess
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TUN_WITHOUT_HEADER = 0x0001 | 0x1000
CLONE_NEWNET = 0x40000000
# Less than that of Ethernet, as over a tunnel: nobody should need more.
MTU = 1400
# Packets read from a device before others have their turn.
BATCH = 64
CLEAN = {"kbps": 0, "queue_ms": 100, "delay_ms": 0, "loss_percent": 0}  # 0 kbps: as fast as it goes
NOTHING = {"packets": 0, "bytes": 0, "lost": 0, "dropped": 0, "longest_queue_ms": 0}

libc = ctypes.CDLL(None, use_errno=True)


def run(command):
    subprocess.run(command.split(), check=True, stderr=subprocess.DEVNULL)


def tun(namespace, name, address, peer):
    """A device in a namespace: a descriptor stays with the namespace in which it was opened."""
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    there = os.open("/run/netns/" + namespace, os.O_RDONLY)
    if libc.setns(there, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN_WITHOUT_HEADER))
    run(f"ip address add {address} peer {peer} dev {name}")
    run(f"ip link set {name} mtu {MTU} txqueuelen 1000 up")
    libc.setns(home, CLONE_NEWNET)
    os.close(there)
    os.close(home)
    return device


class Way:
    """One direction of a link: a drop-tail queue before a line of some rate and length, which loses some."""

    def __init__(self, source, sink, seed):
        self.source, self.sink = source, sink
        self.settings = dict(CLEAN)
        self.luck = random.Random(seed)
        self.free_at = 0.0
        self.last_at = 0.0
        self.counts = dict(NOTHING)

    def take_counts(self):
        counts, self.counts = self.counts, dict(NOTHING)
        return counts

    def arrival(self, size, now):
        """When a packet of this size comes out at the other end; None if it never does."""
        settings, counts = self.settings, self.counts
        at = now
        if settings["kbps"]:
            at = max(now, self.free_at)
            waits_ms = (at - now) * 1000
            if waits_ms > settings["queue_ms"]:
                counts["dropped"] += 1
                return None
            counts["longest_queue_ms"] = max(counts["longest_queue_ms"], round(waits_ms))
            at = self.free_at = at + size * 8 / (settings["kbps"] * 1000)
        if self.luck.random() * 100 < settings["loss_percent"]:
            counts["lost"] += 1
            return None
        counts["packets"] += 1
        counts["bytes"] += size
        # A line that becomes shorter does not let packets overtake each other.
        self.last_at = max(self.last_at, at + settings["delay_ms"] / 1000)
        return self.last_at


class Cables:
    def __init__(self, hub, hub_address, links):
        self.ways = {}
        self.by_source = {}
        self.under_way = []
        self.sequence = 0
        self.poll = select.poll()
        for index, (namespace, address) in enumerate(links):
            near = tun(hub, f"cable{index}", hub_address, address)
            far = tun(namespace, "cable", address, hub_address)
            run(f"ip -n {namespace} route add default dev cable")
            self.ways[namespace] = {"down": Way(near, far, 2 * index), "up": Way(far, near, 2 * index + 1)}
            for way in self.ways[namespace].values():
                self.by_source[way.source] = way
                self.poll.register(way.source, select.POLLIN)

    def set(self, line):
        for namespace, directions in json.loads(line).items():
            for direction, settings in directions.items():
                self.ways[namespace][direction].settings.update(settings)
        counts = {name: {side: way.take_counts() for side, way in ways.items()} for name, ways in self.ways.items()}
        print(json.dumps(counts), flush=True)

    def receive(self, way):
        for _ in range(BATCH):
            try:
                packet = os.read(way.source, 65536)
            except BlockingIOError:
                return
            at = way.arrival(len(packet), time.monotonic())
            if at is not None:
                self.sequence += 1
                heapq.heappush(self.under_way, (at, self.sequence, way, packet))

    def deliver(self):
        """Hands over what has arrived, and says in how many milliseconds more will."""
        while self.under_way:
            left = self.under_way[0][0] - time.monotonic()
            if left > 0:
                return left * 1000
            _, _, way, packet = heapq.heappop(self.under_way)
            try:
                os.write(way.sink, packet)
            except BlockingIOError:
                way.counts["dropped"] += 1
        return None


def be_punctual():
    """Whoever waits for a processor would be a cable that shakes: this work is little, and comes first."""
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    except PermissionError:
        pass  # some containers do not allow it; the cable still works


def main():
    be_punctual()
    hub, hub_address, *links = sys.argv[1:]
    cables = Cables(hub, hub_address, [link.split("=") for link in links])
    cables.poll.register(0, select.POLLIN)
    print("ready", flush=True)
    heard = b""
    while True:
        for descriptor, _ in cables.poll.poll(cables.deliver()):
            if descriptor != 0:
                cables.receive(cables.by_source[descriptor])
                continue
            read = os.read(0, 65536)
            if not read:
                return
            *lines, heard = (heard + read).split(b"\n")
            for line in lines:
                cables.set(line)


main()
