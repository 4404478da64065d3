# SPDX-License-Identifier: GPL-2.0-or-later
"""Small pictures, and how they are called (XEP-0084, XEP-0153)."""

import hashlib
import struct
import zlib


def png(shade=0, side=1, filler=0):
    """A real PNG in one colour; `filler` bytes of a chunk that nobody reads make it larger."""
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    rows = b"".join(b"\0" + bytes([shade, 128, 255 - shade]) * side for _ in range(side))
    parts = [chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))]
    if filler:
        parts.append(chunk(b"tEXt", b"Comment\0" + b"x" * filler))
    parts += [chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def hash_of(picture):
    return hashlib.sha1(picture).hexdigest()


# What the contacts of the scripted network show, by their names.
PICTURES = {f"pic{number}": png(number) for number in range(10)}
PICTURES["huge"] = png(20, filler=200000)
