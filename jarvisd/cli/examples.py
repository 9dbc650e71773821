"""Examples of each command, which its help and manual page show first.

The only place outside of `jarvisd/agents` that names agents: people look for the one they know.
"""

OVERVIEW = """\
jarvisctl ps                      what is running, and what ran today
jarvisctl watch                   the same, live
jarvisctl tail -f 3fa9            follow one block; the start of its id is enough
jarvisctl run -- make test        run a command and count its output
some-command | jarvisctl ingest   count what a pipe carries
jarvisctl doctor                  find out why something is missing"""

EXAMPLES: dict[str, str] = {
    "next": """\
jarvisctl next                        what needs me, the most urgent first
jarvisctl next --watch                the same, live; q leaves
jarvisctl next --check || jarvisctl jump
jarvisctl next --json | jq -r '.sessions[0].session_id'""",
    "jump": """\
jarvisctl jump              to the session that needs you most
jarvisctl jump 5e55         the start of a session's id is enough
jarvisctl jump shop         to the session in a project
jarvisctl jump --dry-run    only say where it is
JARVISD_JUMP='wezterm cli activate-pane --pane-id {pid}' jarvisctl jump""",
    "pick": """\
jarvisctl pick                                          arrows and Enter, or a number
tmux display-popup -w 90% -h 50% -E 'jarvisctl pick'    as the file for tmux binds it""",
    "ps": """\
jarvisctl ps                       live blocks, and those of the last 24 hours
jarvisctl ps --all --agent claude  everything known of one agent
jarvisctl ps --json | jq '.blocks[] | select(.life == "live") | .block_id'""",
    "show": """\
jarvisctl show 3fa9          the start of an id is enough
jarvisctl show shop          the session in a project
jarvisctl show fix the cart  the one with these words in its title
jarvisctl show @latest       the one with the newest line
jarvisctl show 3fa9 --json | jq .block.cwd""",
    "watch": """\
jarvisctl watch                     arrows scroll, a shows old blocks too, q quits
jarvisctl watch --agent codex
jarvisctl watch --json | jq -r 'select(.topic == "blocks") | .data.line_count'""",
    "tail": """\
jarvisctl tail 3fa9               the last lines
jarvisctl tail @latest            of the session with the newest line
jarvisctl tail -n 1000 3fa9 | jq -r .type
jarvisctl tail -f 3fa9            and those that follow, until the block ends""",
    "report": """\
jarvisctl report daily --since 7d           the last week, day by day
jarvisctl report session --project shop     what each session of a project cost
jarvisctl report attention --since 7d       what waited for me, and for how long
jarvisctl report blocks                     five-hour windows, burn rate, limits
jarvisctl report budget --check || echo 'over budget'
jarvisctl report daily --json | jq '.total.cost_micros / 1e6'
jarvisctl report daily --compat ccusage     JSON for scripts written for ccusage""",
    "segments": """\
jarvisctl segments                           the last twenty segments
jarvisctl segments --project shop --since 7d  those of a project in a week
jarvisctl segments --json | jq '.segments[] | select(.errors > 0) | .session_id'""",
    "explain": """\
jarvisctl explain 5e55          the start of a session's id is enough
jarvisctl explain 5e55 --brief  only how many lines counted and did not
jarvisctl explain 5e55 --json | jq '.lines[] | select(.verdict == "malformed")'""",
    "recall": """\
jarvisctl recall                     what was said last in this project
jarvisctl recall migration failed    messages with both words
jarvisctl recall --all migration     in all projects and conversations""",
    "conversation": """\
jarvisctl conversation list
id=$(jarvisctl conversation open ada --channel telegram --as 4711)
echo "Is the build green?" | jarvisctl conversation save "$id" --role user
jarvisctl conversation messages "$id"
jarvisctl conversation link "$id" discord 0815 --move""",
    "forget": """\
jarvisctl forget .                   what agents said in this project
jarvisctl forget 57193ac7            one session of an agent, by its id or its title
jarvisctl forget 9f1c0a7be52d4e60    one conversation
jarvisctl forget --all               everything that was said""",
    "line": """\
jarvisctl line               claude 3 live · codex 1 live · 1.2k lines
jarvisctl line --width 40    at most 40 columns
set -g status-right '#(jarvisctl line --tmux)'          in tmux.conf
set -g status-right '#(cat $XDG_RUNTIME_DIR/jarvisd/line)'   faster still""",
    "tmux": """\
run-shell 'tmux source-file "$(jarvisctl tmux)"'        in tmux.conf, at its end
set -g @jarvisd-key J                                   before it: the key of the picker
set -g @jarvisd-status off                              before it: leave status-right alone
jarvisctl tmux --print                                  the file itself""",
    "notify": """\
jarvisctl notify                            on the desktop, and by the bell
jarvisctl notify --after 20 --quiet 22:00-07:00
jarvisctl notify --on waiting_approval --by command --command ntfy publish mine '{title}'
jarvisctl service install --notify          at every login""",
    "hooks": """\
jarvisctl hooks install --dry-run --diff   show every line that would change
jarvisctl hooks install             for every agent that is here
jarvisctl hooks install claude --root ~/.claude-work
jarvisctl hooks status              installed or not, and when the last one came
jarvisctl hooks uninstall           as if it had never been""",
    "hook": """\
jarvisctl hooks install      makes your agents run this
jarvisctl hook claude        what they run, with the payload on standard input""",
    "statusline": """\
"statusLine": {"type": "command", "command": "jarvisctl statusline"}
                                                in ~/.claude/settings.json
jarvisctl statusline --wrap ~/.claude/mine.sh   keep your own line""",
    "run": """\
jarvisctl run -- make test
jarvisctl run -- claude
jarvisctl run --agent codex -- ./my-codex-wrapper""",
    "ingest": """\
some-command | jarvisctl ingest
some-command | jarvisctl ingest --tee | less
codex exec --json "fix the tests" | jarvisctl ingest --agent codex""",
    "health": """\
jarvisctl health                        for people
jarvisctl health --check || notify ...  for scripts: exit 1 when something is wrong""",
    "sync": """\
make test; jarvisctl sync && jarvisctl ps     numbers that hold every line""",
    "service": """\
jarvisctl service install       write the units, start now and at every login
jarvisctl service install --notify    and tell me when an agent needs me
jarvisctl service status
jarvisctl service logs -f
jarvisctl service uninstall     stop, and remove exactly what install wrote""",
    "doctor": """\
jarvisctl doctor                exit 1 when something must be mended
jarvisctl doctor --json | jq '.findings[] | select(.level != "ok")'""",
    "agents": """\
jarvisctl agents                               what can be read, and how exactly
jarvisctl agents check AGENT SESSION.jsonl     what became of each line of a log""",
    "agents check": """\
jarvisctl agents check AGENT SESSION.jsonl     what became of each line of a log
jarvisctl agents check AGENT FOLDER --brief    the totals of all logs in a folder
jarvisctl agents check AGENT run --truth run/truth.json || echo differs""",
    "prices": """\
jarvisctl prices                                     the prices in force
jarvisctl prices update prices.json                  use newer prices at once
jarvisctl prices update https://HOST/prices.json --sha256 HEX""",
    "attribution": """\
jarvisctl attribution import plugins.json
jarvisctl report plugin                     what was used of them""",
    "config": """\
jarvisctl config show            the settings in force
jarvisctl config show --origin   and where each comes from""",
    "completions": """\
jarvisctl completions bash > ~/.local/share/bash-completion/completions/jarvisctl
jarvisctl completions zsh > ~/.zfunc/_jarvisctl
jarvisctl completions fish > ~/.config/fish/completions/jarvisctl.fish""",
}
