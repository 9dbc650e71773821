"""opencode: sessions in one SQLite database, before that in folders of JSON documents."""
