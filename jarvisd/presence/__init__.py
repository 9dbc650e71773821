"""What sessions are doing now: witnesses outside of transcripts, and who judges.

The agents' own registries and locks, descriptors and folders of processes, and what
hooks tell, become signals (`jarvisd.model.evidence`) in `presence`; `keeper` judges.
docs/evidence.md says what each witness is worth.
"""
