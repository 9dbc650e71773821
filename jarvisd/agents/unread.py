"""Agents that are known and not read: where they keep their logs, and why they wait.

A folder here is not looked into. An agent that gets a reader gets a folder of its own
and leaves this table.
"""

from jarvisd.core.unread_agent import UnreadAgent, UnreadFolder

UNREAD = (
    UnreadAgent(
        name="amp",
        title="Amp",
        folders=(
            UnreadFolder("~/.local/share/amp/threads", "AMP_DATA_DIR", "threads"),
        ),
        reason="could not be recorded; newer versions keep threads on their server",
    ),
    UnreadAgent(
        name="antigravity",
        title="Antigravity",
        folders=(
            UnreadFolder("~/.gemini/antigravity-cli"),
            UnreadFolder("~/.gemini/antigravity"),
        ),
        reason="could not be recorded; its token counts are in undocumented messages",
    ),
    UnreadAgent(
        name="crush",
        title="Crush",
        folders=(UnreadFolder("~/.local/share/crush"),),
        reason="could not be recorded; its database has costs, and no sums of tokens",
    ),
    UnreadAgent(
        name="cursor",
        title="Cursor",
        folders=(
            UnreadFolder("~/.cursor/projects"),
            UnreadFolder("~/.cursor/chats"),
            UnreadFolder("~/.config/Cursor/User/globalStorage"),
            UnreadFolder("~/Library/Application Support/Cursor/User/globalStorage"),
        ),
        reason="could not be recorded; its files have no token counts that hold",
    ),
    UnreadAgent(
        name="droid",
        title="Factory Droid",
        folders=(UnreadFolder("~/.factory/sessions", "DROID_SESSIONS_DIR"),),
        reason="could not be recorded",
    ),
    UnreadAgent(
        name="goose",
        title="Goose",
        folders=(
            UnreadFolder(
                "~/.local/share/goose/sessions", "GOOSE_PATH_ROOT", "data/sessions"
            ),
            UnreadFolder("~/Library/Application Support/Block/goose"),
        ),
        reason="could not be recorded",
    ),
    UnreadAgent(
        name="grok",
        title="Grok CLI",
        folders=(UnreadFolder("~/.grok"),),
        reason="writes no log (@vibe-kit/grok-cli 0.0.34 was recorded)",
    ),
    UnreadAgent(
        name="kiro",
        title="Kiro",
        folders=(
            UnreadFolder("~/.kiro/sessions", "KIRO_HOME", "sessions"),
            UnreadFolder("~/.local/share/kiro-cli"),
        ),
        reason="could not be recorded; it logs credits, and no tokens",
    ),
    UnreadAgent(
        name="vscode-chat",
        title="VS Code chat",
        folders=(
            UnreadFolder("~/.config/Code/User/globalStorage/emptyWindowChatSessions"),
            UnreadFolder("~/.config/Code/User/workspaceStorage"),
            UnreadFolder(
                "~/Library/Application Support/Code/User/globalStorage"
                "/emptyWindowChatSessions"
            ),
            UnreadFolder("~/Library/Application Support/Code/User/workspaceStorage"),
        ),
        reason="could not be recorded; it logs the last prompt of a turn, and no cache",
    ),
    UnreadAgent(
        name="zed",
        title="Zed",
        folders=(
            UnreadFolder("~/.local/share/zed/threads"),
            UnreadFolder("~/Library/Application Support/Zed/threads"),
        ),
        reason="could not be recorded",
    ),
)
