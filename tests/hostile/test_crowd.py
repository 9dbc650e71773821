"""Clients that never read, dribble, half-send, flood, pass descriptors or vanish."""

from tests.e2e.home import Home
from tests.e2e.rig import running_daemon
from tests.hostile.crowd import endure

MB = 1_000_000


async def test_sixty_four_rogues_do_not_keep_an_honest_client_waiting(
    home: Home,
) -> None:
    async with running_daemon(home) as daemon:
        ordeal = await endure(daemon)

        assert len(ordeal.waits_ms) > 100
        assert ordeal.last_gone_s < 15
        assert ordeal.clients_left <= 2  # the one who asks, and one being seen off
        assert ordeal.peak_bytes < 150 * MB
        assert daemon.open_files().count("/dev/null") == 1  # its own; none came along
        assert len(daemon.log().splitlines()) < 100
