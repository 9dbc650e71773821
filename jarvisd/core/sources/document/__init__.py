"""Whole JSON documents that are rewritten, and folders of JSON files written once.

    writer               what a reader may see          so
    ------               ---------------------          --
    truncates, writes    nothing, or a first part       0 bytes and text that does not
                                                        parse are waited for
    writes over the      new text, then old text;       no look before the file has
    old, cuts the rest   half of these mixes parse      rested, and a second stat
    writes aside,        one text or the other          -
    renames

What an element counted stays counted when it is removed: a history cut by a restored
checkpoint or a compaction was spent all the same. An element is known by its name and
the digest of its text, so that a rewrite counts nothing again.
"""
