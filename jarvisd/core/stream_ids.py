"""Ids of blocks that follow from names."""

import hashlib

from jarvisd.base.ids import BlockId


def stream_block_id(agent: str, path: str, stream: str) -> BlockId:
    """Return the id of a block of a source that carries sessions.

    It follows from the names. *stream* is a session; "" means the source itself.
    """
    name = f"{agent}\0{path}\0stream\0{stream}".encode()
    return BlockId(hashlib.blake2b(name, digest_size=8).hexdigest())
