"""What joins several subjects for somebody who looks: sessions, status, health, names."""
