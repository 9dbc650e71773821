# jarvisd in tmux: who needs you, in the status line, and a picker that goes there.
#
#     run-shell 'tmux source-file "$(jarvisctl tmux)"'        at the end of tmux.conf
#
# Before that line, should you want something else:
#     set -g @jarvisd-key J         the key behind the prefix
#     set -g @jarvisd-status off    leave status-right alone; put #{E:@jarvisd} where you like
#     set -g @jarvisd-marks off     leave the list of windows alone; put #{E:@jarvisd-mark} there
#
# Works with tmux 2.9 and newer; a popup needs 3.2, before that it is a split.

set -goq @jarvisd-key J
set -goq @jarvisd-status on
set -goq @jarvisd-marks on

# One `find` and one `cat`, and no Python. The daemon touches the file every 5 s and
# removes it when it stops, so one that is older than a minute is the word of a dead one.
# Beside it lies `need`: the processes whose windows are to be marked. Only when these
# are others than those marked last is `jarvisctl` run.
set -g @jarvisd '#(d="${XDG_RUNTIME_DIR:-${XDG_STATE_HOME:-$HOME/.local/state}/jarvisd/run/..}/jarvisd"; t=$(find "$d/tmux" -mmin -1 -exec cat {} + 2>/dev/null); [ -z "$t" ] || read -r n <"$d/need"; echo "$t"; [ "$n" = "#{@jarvisd-marked}" ] || jarvisctl tmux --mark $n >/dev/null 2>&1)'

# A window option, so that a window shows it wherever its name stands.
set -g @jarvisd-mark '#{?@jarvisd-need,#[fg=black#,bg=yellow#,bold]!#[default],}'

# Sourcing this twice must not show it twice.
if-shell -F '#{&&:#{==:#{@jarvisd-status},on},#{!=:#{@jarvisd-shown},1}}' \
    "set -g @jarvisd-shown 1 ; set -gF status-right '#{@jarvisd} #{status-right}'"
if-shell -F '#{&&:#{==:#{@jarvisd-marks},on},#{!=:#{@jarvisd-marks-shown},1}}' \
    "set -g @jarvisd-marks-shown 1 ; setw -gF window-status-format '#{@jarvisd-mark}#{window-status-format}' ; setw -gF window-status-current-format '#{@jarvisd-mark}#{window-status-current-format}'"
run-shell "[ #{status-right-length} -ge 120 ] || tmux set -g status-right-length 120"

# In a shell, because the key and what is bound to it depend on options and version.
run-shell "case '#{version}' in [12].*|3.0*|3.1*) tmux bind-key '#{@jarvisd-key}' split-window 'jarvisctl pick' ;; *) tmux bind-key '#{@jarvisd-key}' display-popup -w 90% -h 60% -E 'jarvisctl pick' ;; esac"
