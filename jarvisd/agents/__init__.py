"""The agents: a folder for each, with an `agent.py` that holds its `Agent`.

docs/internals/agents.md describes the contract and how another agent is added;
tests/agents/test_contract.py holds every one of them to it.
"""
