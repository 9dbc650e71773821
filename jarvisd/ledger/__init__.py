"""The ledger: tokens, tool calls and cost, each counted once."""
