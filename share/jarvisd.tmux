# jarvisd in tmux: who needs you, in the status line, and a picker that goes there.
#
#     run-shell 'tmux source-file "$(jarvisctl tmux)"'        at the end of tmux.conf
#
# Before that line, should you want something else:
#     set -g @jarvisd-key J         the key behind the prefix
#     set -g @jarvisd-status off    leave status-right alone; put #{E:@jarvisd} where you like
#
# Works with tmux 2.9 and newer; a popup needs 3.2, before that it is a split.

set -goq @jarvisd-key J
set -goq @jarvisd-status on

# One `find` and one `cat`, and no Python. The daemon touches the file every 5 s and
# removes it when it stops, so one that is older than a minute is the word of a dead one.
set -g @jarvisd '#(find "${XDG_RUNTIME_DIR:-${XDG_STATE_HOME:-$HOME/.local/state}/jarvisd/run/..}/jarvisd/tmux" -mmin -1 -exec cat {} + 2>/dev/null)'

# Sourcing this twice must not show it twice.
if-shell -F '#{&&:#{==:#{@jarvisd-status},on},#{!=:#{@jarvisd-shown},1}}' \
    "set -g @jarvisd-shown 1 ; set -gF status-right '#{@jarvisd} #{status-right}'"
run-shell "[ #{status-right-length} -ge 120 ] || tmux set -g status-right-length 120"

# In a shell, because the key and what is bound to it depend on options and version.
run-shell "case '#{version}' in [12].*|3.0*|3.1*) tmux bind-key '#{@jarvisd-key}' split-window 'jarvisctl pick' ;; *) tmux bind-key '#{@jarvisd-key}' display-popup -w 90% -h 60% -E 'jarvisctl pick' ;; esac"
