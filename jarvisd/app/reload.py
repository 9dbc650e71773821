"""Reading the configuration again while running."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

import structlog

from jarvisd import config
from jarvisd.app.logs import Threshold
from jarvisd.app.prices import PricesInForce
from jarvisd.app.trees import configured_trees
from jarvisd.budgets.engine import BudgetEngine
from jarvisd.config import Config
from jarvisd.core.agent import AgentRegistry
from jarvisd.core.discovery.reconciler import Reconciler
from jarvisd.overview.wire import ConfigReloadResult
from jarvisd.state.engine import StateEngine

log = structlog.get_logger()


class Reloader:
    """Knows how the configuration was read, and applies what a new one changes."""

    def __init__(
        self,
        current: Config,
        threshold: Threshold,
        agents: AgentRegistry,
        *,
        argv: Sequence[str],
        environ: Mapping[str, str],
    ) -> None:
        self._current = current
        self._threshold = threshold
        self._agents = agents
        self._argv = argv
        self._environ = environ

    def bound(
        self,
        reconciler: Reconciler,
        prices: PricesInForce,
        budgets: BudgetEngine,
        states: StateEngine,
    ) -> Callable[[], Awaitable[ConfigReloadResult]]:
        """Return a reload that applies to these parts."""

        async def reload() -> ConfigReloadResult:
            return self._reload(reconciler, prices, budgets, states)

        return reload

    def _reload(
        self,
        reconciler: Reconciler,
        prices: PricesInForce,
        budgets: BudgetEngine,
        states: StateEngine,
    ) -> ConfigReloadResult:
        """Read and apply; a wrong configuration raises ConfigError and changes nothing."""
        new = config.read(self._argv, self._environ, known_agents=self._agents.names)
        changes = config.compare_configs(self._current, new)
        prices.change(new.prices)
        budgets.use(new.budgets)
        states.alarms = new.alarms
        self._threshold.level = new.log_level
        reconciler.set_trees(
            configured_trees(new, self._environ, self._agents),
            new.excluder(),
            new.scan_interval_s,
        )
        self._current = new
        log.info("config.reloaded", changed=changes.changed)
        return ConfigReloadResult(
            changed=list(changes.changed), needs_restart=list(changes.needs_restart)
        )
