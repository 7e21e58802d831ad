# SPDX-License-Identifier: MIT
"""What a disk holds when the power goes, from the log of its writes.

The log has the form of the kernel's dm-log-writes, as QEMU's blklogwrites makes it: a block with the
number of entries, and for each a block of its own and then what was written. An entry stands where the
write had ended, so what stands before a flush is on the disk with it. Of what came later, up to the
moment when the power went, any part may be: each write whole, some of its blocks, or none.
"""

import dataclasses
import json
import mmap
import random
import struct

BLOCK = 4096
MAGIC = 0x6a736677736872
FLUSH, FUA, DISCARD, MARK = 1, 2, 4, 8
SHARES = (0, 0.1, 0.5, 0.9, 1)  # of the late writes that are on the disk
TORN = 0.25  # of these that are there in part
NOTHING = {"images": {}, "containers": {}, "volumes": {}, "pods": {}}


@dataclasses.dataclass
class Write:
    """One entry of the log."""

    block: int
    count: int
    flags: int
    data: int  # where what was written stands in the log


@dataclasses.dataclass
class Step:
    """A step of the workload: where in the log it begins, and where it is acknowledged."""

    name: str
    begin: int
    end: int
    before: dict
    after: dict


@dataclasses.dataclass
class Cut:
    """The power goes when @position entries have ended. Of those after the last flush no write is on the
    disk, or, with a @seed, those that it chooses."""

    position: int
    seed: int | None = None

    def __str__(self):
        return f"{self.position}" + ("" if self.seed is None else f":{self.seed}")

    @staticmethod
    def parse(text):
        position, _, seed = text.partition(":")
        return Cut(int(position), int(seed) if seed else None)


class Log:
    """A log that has ended. Blocks from @end on belong to no file system: they are the workload's marks."""

    def __init__(self, path, end):
        with open(path, "rb") as file:
            self.bytes = memoryview(mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ))
        magic, version, count, size = struct.unpack_from("<QQQI", self.bytes)
        if (magic, version, size) != (MAGIC, 1, BLOCK):
            raise ValueError(f"{path} is no log of writes of {BLOCK} bytes")
        self.writes = []
        self.steps = []
        self.end = end // BLOCK
        at = BLOCK
        for _ in range(count):
            if at + BLOCK <= len(self.bytes):
                self.writes.append(Write(*struct.unpack_from("<QQQ", self.bytes, at), at + BLOCK))
                at += BLOCK + (0 if self.writes[-1].flags & DISCARD else self.writes[-1].count * BLOCK)
        if len(self.writes) < count or at > len(self.bytes):
            raise ValueError(f"{path} ends before its last write does")
        self.read_marks()

    def read_marks(self):
        before = NOTHING
        begun = 0
        for position, write in enumerate(self.writes):
            if write.block < self.end or not write.count:
                continue
            mark = json.loads(bytes(self.content(write)).rstrip(b"\0"))
            if "begins" in mark:
                begun = position + 1
            else:
                self.steps.append(Step(mark["ends"], begun, position + 1, before, mark["state"]))
            before = mark["state"] if "ends" in mark else before

    def content(self, write):
        return self.bytes[write.data:write.data + write.count * BLOCK]

    def step_at(self, position):
        """The first step that is not acknowledged at a position, or the last one."""
        return next((step for step in self.steps if position < step.end), self.steps[-1])

    def last_flush(self, position):
        return next((at for at in range(position - 1, -1, -1) if self.writes[at].flags & FLUSH), 0)

    def next_flush(self, position):
        return next((at for at in range(position, len(self.writes)) if self.writes[at].flags & FLUSH),
                    len(self.writes))

    # -- what is on the disk

    def remaining(self, cut):
        """Yields each write that is on the disk and the blocks of it that are."""
        flush = self.last_flush(cut.position)
        chance = random.Random(cut.seed)
        share = 0 if cut.seed is None else chance.choice(SHARES)
        for write in self.writes[:flush]:
            yield write, range(write.count)
        for write in self.writes[flush:cut.position]:
            if not write.flags & FUA and chance.random() >= share:
                continue
            torn = not write.flags & FUA and write.count > 1 and chance.random() < TORN
            yield write, [block for block in range(write.count) if not torn or chance.random() < 0.5]

    def apply(self, cut, disk):
        """Makes a file with what the disk held before the first write one with what it holds after a cut."""
        for write, blocks in self.remaining(cut):
            if write.block >= self.end:
                continue
            content = bytes(write.count * BLOCK) if write.flags & DISCARD else self.content(write)
            for first, behind in runs(blocks):
                disk.seek((write.block + first) * BLOCK)
                disk.write(content[first * BLOCK:behind * BLOCK])
        disk.flush()

    def cuts(self, count, seed):
        """Chooses moments: each step at its acknowledgement with no write that was not flushed, which tells
        most about what it promised, and then at random."""
        chance = random.Random(seed)
        strict = [Cut(step.end) for step in self.steps]
        cuts = strict if len(strict) <= count // 2 else chance.sample(strict, count // 2)
        while len(cuts) < count:
            step = chance.choice(self.steps)
            position = chance.randint(step.begin, step.end)
            if chance.random() < 0.5:
                position = self.next_flush(position)
            cuts.append(Cut(position, chance.getrandbits(32)))
        return cuts


def runs(numbers):
    """Yields the first number of each row of consecutive ones, and the one behind it."""
    first = behind = None
    for number in numbers:
        if number != behind:
            if first is not None:
                yield first, behind
            first = number
        behind = number + 1
    if first is not None:
        yield first, behind
