"""What a disk could hold after power loss, worked out from a recording of power_recorder.cc.

A write is certain once a sync of its file that began after it has returned, or when its descriptor
has O_DSYNC; names (files made, renamed, removed) once a sync of the directory has. What is not
certain depends on the kind of loss:

    prefix  all of it is there
    drop    each write is there or not, at random
    tear    as drop, and some are there in part, in units of 512 bytes (a sector is whole: LMDB's
            meta page relies on that)

Names change in order, as journaling file systems keep them: some first part of the uncertain
changes has happened. The call that was running when the power went may have happened, too.
"""

import dataclasses
import json
import struct

HEADER = struct.Struct("<IIiIQQ")
OPEN, CLOSE, WRITE, TRUNCATE, SYNC, UNLINK, RENAME, MKDIR = range(1, 9)
NOTE = 100  # the test's own
CREATED, EMPTIED, SYNCED_WRITES, DIRECTORY = 1, 2, 4, 8
SECTOR = 512
LOSSES = ("prefix", "drop", "tear")


def note(log, **facts):
    """Appends what the test knows to the recording, behind all that has happened."""
    text = json.dumps(facts).encode()
    with open(log, "ab", buffering=0) as file:
        file.write(HEADER.pack(NOTE, 0, -1, len(text), 0, 0) + text)


@dataclasses.dataclass
class Event:
    kind: int
    pid: int
    fd: int
    number: int
    offset: int
    bytes: bytes

    @property
    def facts(self):
        return json.loads(self.bytes)


def read_recording(log):
    content, at, events = log.read_bytes(), 0, []
    while at < len(content):
        kind, pid, fd, size, number, offset = HEADER.unpack_from(content, at)
        at += HEADER.size
        events.append(Event(kind, pid, fd, number, offset, content[at:at + size]))
        at += size
    return events


class File:
    def __init__(self):
        self.certain = bytearray()
        self.pending = []  # Events, oldest first

    def settle(self, is_covered):
        for event in self.pending:
            if is_covered(event):
                apply(self.certain, event)
        self.pending = [event for event in self.pending if not is_covered(event)]

    def write_through(self, event):
        """A write with O_DSYNC: what lies below it in the cache goes along."""
        end = event.offset + len(event.bytes)
        self.settle(lambda old: old.kind == TRUNCATE or (
            old.offset < end and event.offset < old.offset + len(old.bytes)))
        apply(self.certain, event)

    def after_loss(self, loss, chance, running=None):
        content = bytearray(self.certain)
        for event in self.pending + ([running] if running and chance.random() < 0.5 else []):
            if loss == "prefix":
                apply(content, event)
            elif loss == "tear" and event.kind == WRITE and chance.random() < 0.3:
                tear(content, event, chance)
            elif chance.random() < 0.5:
                apply(content, event)
        return content


def put(content, offset, data):
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset:offset + len(data)] = data


def apply(content, event):
    if event.kind == WRITE:
        put(content, event.offset, event.bytes)
    elif event.offset < len(content):
        del content[event.offset:]
    else:
        put(content, event.offset, b"")


def tear(content, event, chance):
    end = event.offset + len(event.bytes)
    at = event.offset
    while at < end:
        until = min(end, (at // SECTOR + 1) * SECTOR)
        if chance.random() < 0.5:
            put(content, at, event.bytes[at - event.offset:until - event.offset])
        at = until


class Disk:
    """All files under one directory, moved on event by event."""

    def __init__(self):
        self.names, self.certain_names = {}, {}  # path -> File
        self.changes = []                        # of names, not certain: (event, function)
        self.open_files = {}                     # (pid, fd) -> (File or None, flags)

    def change_names(self, event, function):
        function(self.names)
        self.changes.append((event, function))

    def move_on(self, event):
        if event.kind == OPEN:
            self.opened(event, event.bytes.decode())
        elif event.kind == CLOSE:
            self.open_files.pop((event.pid, event.fd), None)
        elif event.kind in (WRITE, TRUNCATE):
            file, flags = self.open_files[event.pid, event.fd]
            if event.kind == WRITE and flags & SYNCED_WRITES:
                file.write_through(event)
            else:
                file.pending.append(event)
        elif event.kind == SYNC:
            self.synced(event)
        elif event.kind == UNLINK:
            path = event.bytes.decode()
            self.change_names(event, lambda names: names.pop(path, None))
        elif event.kind == RENAME:
            old, new = event.bytes.decode().split("\n")
            file = self.names[old]

            def move(names):
                names.pop(old, None)
                names[new] = file
            self.change_names(event, move)

    def opened(self, event, path):
        if event.offset & DIRECTORY:
            self.open_files[event.pid, event.fd] = (None, event.offset)
            return
        if event.offset & CREATED or path not in self.names:
            file = File()
            self.change_names(event, lambda names: names.__setitem__(path, file))
        file = self.names[path]
        if event.offset & EMPTIED:
            file.pending.append(Event(TRUNCATE, event.pid, event.fd, event.number, 0, b""))
        self.open_files[event.pid, event.fd] = (file, event.offset)

    def synced(self, event):
        file, flags = self.open_files[event.pid, event.fd]

        def is_covered(old):
            return old.pid != event.pid or old.number < event.offset
        if not flags & DIRECTORY:
            file.settle(is_covered)
            return
        for change, function in self.changes:
            if is_covered(change):
                function(self.certain_names)
        self.changes = [change for change in self.changes if not is_covered(change[0])]

    def after_loss(self, loss, chance, running=None):
        """{path: content} as it may be found; `running` is the event that was about to be."""
        names = dict(self.certain_names)
        happened = len(self.changes)
        if loss != "prefix":
            happened = chance.randrange(happened + 1)
        for _, function in self.changes[:happened]:
            function(names)
        written = None
        if running and running.kind == WRITE:
            written = self.open_files[running.pid, running.fd][0]
        return {path: file.after_loss(loss, chance, running if file is written else None)
                for path, file in names.items()}
