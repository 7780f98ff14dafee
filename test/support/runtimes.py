"""
Archives of runtimes, as publishers make them, and as nobody should.
"""

import hashlib
import io
import tarfile

FILE, FOLDER, LINK, HARD = tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE


def archive(*entries, packed="gz"):
    """
    Return the bytes of a tar of (name, kind, content or target, mode).
    """
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=f"w:{packed}") as tar:
        for name, kind, content, mode in entries:
            member = tarfile.TarInfo(name)
            member.type, member.mode, member.uid, member.gid = kind, mode, 1000, 1000
            data = content.encode() if kind == FILE else b""
            member.size = len(data)
            member.linkname = content if kind != FILE else ""
            tar.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def youki(version="1", packed="gz"):
    """
    Return an archive with one program and what lies beside it.
    """
    return archive(
        ("./", FOLDER, "", 0o700),
        ("./README.md", FILE, "read me", 0o600),
        ("./bin/youki", FILE, f"#!/bin/sh\necho {version}\n", 0o4755),
        ("./bin/youki-link", LINK, "youki", 0o777),
        ("./lib/youki", LINK, "../bin/youki", 0o777),
        ("./lib/hard", HARD, "./bin/youki", 0o755),
        packed=packed,
    )


def sha256(content):
    return hashlib.sha256(content).hexdigest()
