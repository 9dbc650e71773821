"""Agents of tests, in a package of their own: nothing in jarvisd knows of them."""
