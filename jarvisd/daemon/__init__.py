"""The composition root: everything is made here, and what starts later stops earlier."""
