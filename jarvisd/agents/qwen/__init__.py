"""Qwen Code: lines that are appended, with telemetry of each request among them."""
