#!/usr/bin/env python3
"""Verifies a journal of converge without any code of converge's.

Written from man/converge-journal.5 (THE CHAIN), with Python's standard library alone, so that an
auditor can read all of it before trusting it.

  verify_journal.py FILE           `whole: N entries, head SEQ HASH`, and exit status 0;
                                   `broken at SEQ: WHY`, and exit status 1;
                                   2 when FILE cannot be read or is no journal
  verify_journal.py --self-test PAGE   recomputes the worked example of the manual page's source
"""

import hashlib
import os
import sqlite3
import sys
import urllib.parse

APPLICATION_ID = 0x434E5647  # "CNVG"

# The columns under the hash, in its order, and whatever it takes to check them.
ENTRIES = """
select e.seq, e.time_us, k.name, e.pass, d.name, d.version, a.name, a.build, e.txn, e.subject,
       e.label, e.count, o.name, e.detail_sha,
       e.hash, e.detail, d.text, e.definition is not null, e.outcome is not null
from entry e left join kind k on k.id = e.kind left join definition d on d.id = e.definition
     left join actor a on a.id = e.actor left join outcome o on o.id = e.outcome
order by e.seq
"""

REDACTION = """
select 1 from entry e join kind k on k.id = e.kind left join definition d on d.id = e.definition
where k.name = 'redact' and e.subject = cast(?1 as text) and e.seq > ?2
      and (d.name is null or d.name = cast(?3 as text))
"""


class Broken(Exception):
    def __init__(self, seq, why):
        super().__init__(f"broken at {seq}: {why}")


def raise_broken(seq, error):
    """Called while the error of SQLite's is handled, which goes on if it does not tell of damage."""
    if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_CORRUPT:
        raise Broken(seq, f"the file is damaged: {error}")
    raise error


def sha256(data):
    return hashlib.sha256(data).digest()


def encode(value, tag=b"\2"):
    """Null, an integer, or bytes: a text (2) or a blob (3)."""
    if value is None:
        return b"\0"
    if isinstance(value, int):
        return b"\1" + value.to_bytes(8, "big", signed=True)
    return tag + len(value).to_bytes(8, "big") + value


def encode_entry(fields):
    *texts_and_integers, detail_sha = fields
    return b"".join(map(encode, texts_and_integers)) + encode(detail_sha, b"\3")


def first_hash(journal_id):
    return sha256(b"converge-journal-1\n" + journal_id)


def open_journal(name):
    uri = "file:" + urllib.parse.quote(os.path.abspath(name))
    # A copy where nobody may write cannot be given the WAL file that it lacks.
    for options in ["?mode=ro", "?immutable=1"]:
        database = sqlite3.connect(uri + options, uri=True, isolation_level=None)
        database.text_factory = bytes
        try:
            (application_id,) = database.execute("pragma application_id").fetchone()
            break
        except sqlite3.Error as error:
            if options == "?immutable=1" or os.path.exists(name + "-wal"):
                raise_broken(1, error)
    if application_id != APPLICATION_ID:
        raise ValueError("it is no journal of converge")
    return database


class Blocks:
    """Compares the sealed blocks, and the open one, with the entries as they come by."""

    def __init__(self, database, open_first):
        rows = database.execute("select first_seq, last_seq, min_time_us, max_time_us, hash from block")
        self.recorded = {first: rest for first, *rest in rows}
        self.open_first = open_first
        self.block = None
        self.times = None

    def meet(self, seq, time_us, entry_hash):
        if self.block is None and seq < self.open_first:
            self.block = self.recorded.pop(seq, None)
            if self.block is None:
                raise Broken(seq, "no block begins with this entry, and one should")
        least, greatest = self.times or (time_us, time_us)
        self.times = min(least, time_us), max(greatest, time_us)
        if self.block is not None and seq >= self.block[0]:
            if self.block[1:] != [*self.times, entry_hash]:
                raise Broken(seq, "its block records other times or another hash")
            self.block = self.times = None

    def end(self, seq, open_times):
        if self.block is not None or (self.times or (None, None)) != open_times:
            raise Broken(seq, "the recorded times of the newest entries are others")
        if self.recorded:
            raise Broken(min(self.recorded), "a block begins here, and none should")


def check_definition(seq, version, text):
    if text is None and version != b"":
        raise Broken(seq, "the text of its definition is missing")
    if text is not None and sha256(text).hex().encode() != version:
        raise Broken(seq, "the text of its definition was edited")


def check_detail(database, seq, subject, definition, detail, detail_sha):
    if detail is not None and sha256(detail) != detail_sha:
        raise Broken(seq, "its detail was edited")
    if detail is None and detail_sha is not None:
        if not database.execute(REDACTION, (subject, seq, definition)).fetchone():
            raise Broken(seq, "its detail is missing, and no later entry says that it was redacted")


class Journal:
    """One state of the file, whoever writes meanwhile."""

    def __init__(self, database):
        self.database = database
        self.last = self.pruned_seq = 0  # The entry that was checked last; the last one pruned.

    def verify(self):
        try:
            self.read_bounds()
            self.walk()
        except sqlite3.Error as error:
            raise_broken(self.last + 1, error)

    def read_bounds(self):
        self.database.execute("begin")
        bounds = self.database.execute(
            "select journal_id, pruned_seq, pruned_hash, head_seq, head_hash, block_first_seq,"
            " block_min_us, block_max_us from chain").fetchone()
        if bounds is None:
            raise Broken(1, "the table chain is empty")
        journal_id, self.pruned_seq, self.hash, self.head_seq, self.head_hash, *block = bounds
        if self.pruned_seq == 0 and self.hash != first_hash(journal_id):
            raise Broken(1, "the hash before the first entry is not that of this journal")
        self.last = self.pruned_seq
        self.open_times = tuple(block[1:])
        self.blocks = Blocks(self.database, block[0])

    def walk(self):
        for row in self.database.execute(ENTRIES):
            if row[0] > self.head_seq:
                self.check_end()
                raise Broken(row[0], "it stands after the recorded head")
            self.check(row)
        self.check_end()
        self.blocks.end(self.last, self.open_times)

    def check(self, row):
        (seq, time_us, kind, _, definition, version, actor, _, _, subject, _, _, outcome, detail_sha,
         entry_hash, detail, text, has_definition, has_outcome) = row
        if seq <= self.pruned_seq:
            raise Broken(seq, "it stands before the start of the chain")
        if seq != self.last + 1:
            raise Broken(self.last + 1, "the entry is missing")
        if kind is None or actor is None or has_definition != (definition is not None) or (
                has_outcome != (outcome is not None)):
            raise Broken(seq, "a number in it has no name")
        if has_definition:
            check_definition(seq, version, text)
        check_detail(self.database, seq, subject, definition, detail, detail_sha)
        self.hash = sha256(self.hash + encode_entry(row[:14]))
        if self.hash != entry_hash:
            raise Broken(seq, "its hash is not that of its content and the entries before it")
        self.blocks.meet(seq, time_us, self.hash)
        self.last = seq

    def check_end(self):
        if self.last < self.head_seq:
            raise Broken(self.last + 1, "the entry is missing, and so are all up to the head")
        if self.hash != self.head_hash:
            raise Broken(self.last, "the recorded head has another hash")


# The fields in the order of the encoding, as the manual page calls them.
EXAMPLE_ID = b"00112233445566778899aabbccddeeff"
EXAMPLE_DETAIL = b'{"reason":"transactions of a dead process settled"}'
EXAMPLE = {
    "seq": 1, "time_us": 1795341600000000, "kind": b"recovery", "pass": 1, "definition": None,
    "version": None, "actor": b"daemon", "build": 12, "txn": None, "subject": None, "label": None,
    "count": 3, "outcome": None, "detail_sha": sha256(EXAMPLE_DETAIL),
}


def self_test(page):
    """The page may break and space the example as it likes."""
    before = first_hash(EXAMPLE_ID)
    encoding = encode_entry(EXAMPLE.values())
    fields = [(name, encode(value, b"\3" if name == "detail_sha" else b"\2"))
              for name, value in EXAMPLE.items()]
    assert encoding == b"".join(code for _, code in fields)
    lines = [f"{name:<11} {code.hex()}" for name, code in fields]
    hashes = [f"hash(0)     {before.hex()}", f"hash(1)     {sha256(before + encoding).hex()}"]
    print(*lines, *hashes, sep="\n")
    with open(page, encoding="utf-8") as source:
        squeezed = "".join(source.read().split())
    parts = ["".join(lines), *hashes]
    if any("".join(part.split()) not in squeezed for part in parts):
        return f"{page} has another example than this"
    return None


def main(arguments):
    if len(arguments) == 2 and arguments[0] == "--self-test":
        sys.exit(self_test(arguments[1]))
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    try:
        journal = Journal(open_journal(arguments[0]))
        journal.verify()
    except Broken as broken:
        print(broken)
        sys.exit(1)
    except (sqlite3.Error, ValueError) as error:
        print(f"{arguments[0]}: {error}", file=sys.stderr)
        sys.exit(2)
    count = journal.last - journal.pruned_seq
    print(f"whole: {count} entries, head {journal.last} {journal.hash.hex()}")


if __name__ == "__main__":
    main(sys.argv[1:])
