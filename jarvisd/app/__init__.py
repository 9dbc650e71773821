"""The program: composition, configuration reload, signals, systemd."""
