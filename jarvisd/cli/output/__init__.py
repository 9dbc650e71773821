"""What people see: tables, words and numbers, and the one way out to the terminal."""
