"""The words of the domain as types: what flows, what is kept, what is shown.

Nothing here does anything. Every other layer may import it, and it imports no
other layer. See docs/glossary.md for what each word means and what it does not.
"""
