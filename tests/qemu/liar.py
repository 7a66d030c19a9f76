# SPDX-License-Identifier: Apache-2.0
"""A back end that lies to a Dormouse guest about its disk or its network interface. `liar.py vbd DOMID` or `liar.py
vif DOMID`, in dom0, for a guest that is paused and has no such device: makes one, unpauses the guest, and tells it one
lie after the other, each in a life of its own. In the life before the last it is honest, which has to work; in the
last one it goes and keeps the guest's pages.

test_dormouse.py reads the same table for what the guest has to say of each lie (xen/include/public/io/blkif.h, netif.h,
and linux/gntdev.h and evtchn.h for dom0's half).
"""

import fcntl
import mmap
import os
import struct
import subprocess
import sys
import time

PAGE, WORD = 4096, 2 ** 32
INITIALISING, INIT_WAIT, INITIALISED, CONNECTED, CLOSED = 1, 2, 3, 4, 6
BIND_INTERDOMAIN, NOTIFY, MAP_GRANT = 8 << 16 | ord("E") << 8 | 1, 4 << 16 | ord("E") << 8 | 4, 24 << 16 | ord("G") << 8
SECTOR, WRITE = 512, 1
ADDRESS = bytes([192, 168, 77, 9])


class Ring:
    """Indices, and entries of `size` bytes, of a page that both sides write."""

    def __init__(self, page, size, entries):
        self.page, self.size, self.entries = page, size, entries
        self.words = memoryview(page).cast("I")     # each is read and written at once
        self.taken = 0

    def _at(self, index):
        return 64 + (index % self.entries) * self.size

    def request(self):
        """The next one's bytes; None: there is none."""
        if self.taken == self.words[0]:
            return None
        self.taken += 1
        return self.page[self._at(self.taken - 1):self._at(self.taken - 1) + self.size]

    def answer(self, *answers):
        """All of them at once."""
        for n, answer in enumerate(answers):
            at = self._at(self.words[2] + n)
            self.page[at:at + len(answer)] = answer
        self.words[2] = (self.words[2] + len(answers)) % WORD


class Backend:
    """One life of it: a folder in xenstore, and what the front end shares."""

    def __init__(self, store, kind, domid, number):
        self.store, self.kind, self.domid, self.first = store, kind, domid, not number
        self.path = f"/local/domain/0/liar/{domid}/{number}"
        self.grants, self.events = os.open("/dev/xen/gntdev", os.O_RDWR), os.open("/dev/xen/evtchn", os.O_RDWR)
        self.pages, self.rings, self.port = [], [], None

    def folder(self, path, owner, reader, nodes):
        self.store.mkdir("", path)
        self.store.set_permissions("", path, [{"dom": owner}, {"dom": reader, "read": True}])
        for name, value in nodes.items():
            self.store.write("", f"{path}/{name}", value.encode())

    def appear(self, says, of_us):
        """Says what it is, and that it waits. `of_us`: what the front end's own folder says. The guest asks only once
        whether it has such a device."""
        self.folder(self.path, 0, self.domid, {**self.kind.nodes, **says, "state": str(INIT_WAIT)})
        self.folder(self.kind.front(self.domid), self.domid, 0, {
            **self.kind.own_nodes, "backend-id": "0", "state": str(INITIALISING), "backend": self.path, **of_us})
        if self.first:
            subprocess.run(["xl", "unpause", str(self.domid)], check=True)

    def front(self, name):
        return self.store.read("", f"{self.kind.front(self.domid)}/{name}").decode()

    def wait_front(self, state):
        while self.front("state") != str(state):
            time.sleep(0.05)

    def state(self, state):
        self.store.write("", f"{self.path}/state", str(state).encode())

    def map(self, ref):
        """The guest's page."""
        argument = bytearray(struct.pack("=IIQII", 1, 0, 0, self.domid, ref))
        fcntl.ioctl(self.grants, MAP_GRANT, argument)
        self.pages.append(mmap.mmap(self.grants, PAGE, offset=struct.unpack_from("=Q", argument, 8)[0]))
        return self.pages[-1]

    def connect(self):
        self.wait_front(self.kind.offered)
        self.rings = [Ring(self.map(int(self.front(node))), *shape) for node, *shape in self.kind.rings]
        self.port = fcntl.ioctl(self.events, BIND_INTERDOMAIN,
                                bytearray(struct.pack("=II", self.domid, int(self.front("event-channel")))))
        self.state(CONNECTED)

    def wait_requests(self, ring, n):
        while self.rings[ring].words[0] < n:
            time.sleep(0.02)

    def notify(self):
        fcntl.ioctl(self.events, NOTIFY, struct.pack("=I", self.port))

    def let_go(self):
        """Of all pages and the port."""
        for ring in self.rings:
            ring.words.release()
        for page in self.pages:
            page.close()
        os.close(self.grants)
        os.close(self.events)


# --- disks ---

class Disk:
    offered, rings = INITIALISED, [("ring-ref", 112, 32)]
    nodes, own_nodes = {"sectors": "18432", "sector-size": "512", "info": "0"}, {}

    @staticmethod
    def front(domid):
        return f"/local/domain/{domid}/device/vbd/51712"

    @staticmethod
    def answer(number, status=-1):
        return struct.pack("=QBxh", number, 0, status)

    @staticmethod
    def serve(b):
        """An honest disk, until it has answered 200 requests."""
        sectors = {}
        for _ in range(200):
            while not (request := b.rings[0].request()):
                time.sleep(0.01)
            operation, segments, _, number, sector = struct.unpack_from("=BBHxxxxQQ", request)
            for segment in range(segments):
                ref, first, last = struct.unpack_from("=IBB", request, 24 + 8 * segment)
                page = b.map(ref)
                for at in range(first, last + 1):
                    data = slice(at * SECTOR, (at + 1) * SECTOR)
                    if operation == WRITE:
                        sectors[sector] = page[data]
                    else:
                        page[data] = sectors[sector]
                    sector += 1
            b.rings[0].answer(Disk.answer(number, 0))
            b.notify()


def disk_lie(*numbers):
    """Answers to requests of these numbers."""
    def tell(b):
        b.wait_requests(0, 4)
        b.rings[0].answer(*(Disk.answer(number) for number in numbers))
    return tell


def disk_index(distance):
    """The index of answers, from that of requests."""
    def tell(b):
        b.wait_requests(0, 4)
        b.rings[0].words[2] = (b.rings[0].words[0] + distance) % WORD
    return tell


# --- interfaces ---

class Interface:
    offered, rings = CONNECTED, [("tx-ring-ref", 12, 256), ("rx-ring-ref", 8, 256)]
    nodes, own_nodes = {"feature-rx-copy": "1"}, {"mac": "00:16:3e:00:00:09"}

    @staticmethod
    def front(domid):
        return f"/local/domain/{domid}/device/vif/0"

    @staticmethod
    def packet(number, offset=0, flags=0, status=60):
        return struct.pack("=HHHh", number, offset, flags, status)

    @staticmethod
    def serve(b):
        """Asks who has the guest's address, until it says so."""
        asked = (b"\xff" * 6 + b"\x02\0\0\0\0\x01" + b"\x08\x06\0\x01\x08\0\x06\x04\0\x01" + b"\x02\0\0\0\0\x01" +
                 bytes([192, 168, 77, 1]) + bytes(6) + ADDRESS)
        b.wait_requests(1, 1)
        number, ref = struct.unpack("=HxxI", b.rings[1].request())
        b.map(ref)[:len(asked)] = asked
        b.rings[1].answer(Interface.packet(number, status=len(asked)))
        b.notify()
        said = b""
        while said[20:22] + said[28:32] != b"\0\x02" + ADDRESS:
            while not (request := b.rings[0].request()):
                time.sleep(0.02)
            ref, offset, _, number, size = struct.unpack("=IHHHH", request)
            said = b.map(ref)[offset:offset + size]
            b.rings[0].answer(struct.pack("=Hh", number, 0))
            b.notify()


def packet_lie(*packet):
    def tell(b):
        b.wait_requests(1, 1)
        b.rings[1].answer(Interface.packet(*packet))
    return tell


def sent_lie(*numbers):
    """What was sent is answered by these numbers; something has been sent, for a guest tells where it is."""
    def tell(b):
        b.wait_requests(0, 1)
        b.rings[0].answer(*(struct.pack("=Hh", number, 0) for number in numbers))
    return tell


def packets_beyond(b):
    b.wait_requests(1, 64)
    b.rings[1].words[2] = b.rings[1].words[0] + 1


# --- what is told, and what the guest has to say of it ---

NONSENSE = "what the back end says of it makes no sense"
NO_DOMAIN = "it has no back end's domain"
SECOND_DISK, UNKNOWN_DISK = "an answer to no request, or a second one", "an answer to a request that cannot be"
KEPT = "its back end has gone and did not let go of our pages"

# a lie of the rings, by a function, or of xenstore: the back end's nodes, and the front end's own
LIES = {
    "vbd": [
        (disk_index(1), {}, {}, "more answers than requests"),
        (disk_index(-WORD // 2), {}, {}, "more answers than requests"),
        (disk_lie(1, 1), {}, {}, SECOND_DISK),
        (disk_lie(63), {}, {}, SECOND_DISK),
        (disk_lie(64), {}, {}, UNKNOWN_DISK),
        (disk_lie(2 ** 64 - 1), {}, {}, UNKNOWN_DISK),
        (None, {"sectors": "many"}, {}, NONSENSE),
        (None, {"sectors": "-1"}, {}, NONSENSE),
        (None, {"sectors": "9" * 200}, {}, NONSENSE),
        (None, {"sector-size": "3"}, {}, NONSENSE),
        (None, {"feature-discard": "1", "discard-granularity": "513"}, {}, NONSENSE),
        (None, {}, {"backend-id": "-1"}, NO_DOMAIN),
    ],
    "vif": [
        (sent_lie(0, 0, 0, 0, 0), {}, {}, "more answers than packets"),
        (sent_lie(63), {}, {}, "an answer to no packet, or a second one"),
        (sent_lie(65535), {}, {}, "an answer to no packet, or a second one"),
        (packets_beyond, {}, {}, "more packets than buffers"),
        (packet_lie(64), {}, {}, "a packet in no buffer, or in one that it has given back"),
        (packet_lie(3, 4090), {}, {}, "a packet that ends beyond its buffer"),
        (packet_lie(3, 65535, 0, 32767), {}, {}, "a packet that ends beyond its buffer"),
        (packet_lie(3, 0, 4), {}, {}, "a packet in pieces, which it was not offered"),
        (None, {}, {"mac": "none of your business"}, NONSENSE),
        (None, {}, {"backend-id": str(WORD)}, NO_DOMAIN),
    ],
}
KINDS = {"vbd": Disk, "vif": Interface}


def lies_found(kind):
    """What the guest has to have said of them all, one line each."""
    return [found for *_, found in LIES[kind]] + [KEPT]


def tell(b, lie, says, of_us):
    """One life: a lie that the front end finds out, by which it is closed."""
    b.appear(says, of_us)
    if not of_us or "mac" in of_us:
        b.connect()
    if lie:
        lie(b)
        b.notify()
    b.wait_front(CLOSED)
    b.let_go()
    b.state(CLOSED)


def be_honest(b):
    """But for its states, before it connects."""
    b.appear({}, {})
    for nonsense in ("", "-1", "banana", "8", "4294967298", "0"):
        b.state(nonsense)
    b.state(INIT_WAIT)
    b.connect()
    b.kind.serve(b)
    b.let_go()
    b.state(CLOSED)


def keep_pages(b):
    b.appear({}, {})
    b.connect()
    b.state(CLOSED)
    b.wait_front(CLOSED)
    b.let_go()


def main():
    from xen.lowlevel.xs import xs      # pylint: disable=import-outside-toplevel
    store, kind, domid = xs(), sys.argv[1], int(sys.argv[2])
    lives = [lambda b, lie=lie: tell(b, *lie[:3]) for lie in LIES[kind]] + [be_honest, keep_pages]
    for number, live in enumerate(lives):
        live(Backend(store, KINDS[kind], domid, number))
        print(f"liar: life {number} is over", flush=True)


if __name__ == "__main__":
    main()
