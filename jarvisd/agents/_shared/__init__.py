"""Parts that readers of several agents share."""
