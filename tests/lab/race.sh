#!/usr/bin/env bash
# Attackers swap directories and symlinks to root's directories in a loop while root works: the account of the nodes in its own directories, and
# an ordinary account in directories of its own or of its group. A colony of an operator with sudo, and one of root, perform
# all actions that use root's rights. Nothing outside them may change or be run, and after the attack the colonies must be unchanged. Where
# other accounts can write, wnm must refuse before it changes anything. A naive script of root must lose to the same loops.
# WNM_STRESS=full runs longer; `tests/lab/race.sh unmade_places op` runs one part.
# Takes 80 s.
MACHINE=race-$$
PROGRAM=/usr/local/bin/wnm
DATABASE=/var/antctl/colony.db
. "$(dirname "$0")/story.sh"
raise
"$LAB" push "$MACHINE" "$HERE/race.course" /root/race.course
"$LAB" push "$MACHINE" "$HERE/race.swap" /usr/local/bin/race.swap
as_root mkdir /root/work
"$LAB" push "$MACHINE" "$HERE/../databases/e2f4a512d24c.sql" /root/work/peer.sql

rounds=1 tries=6
[ -z "${WNM_STRESS:-}" ] || rounds=8 tries=40
course() {
    as_root env "ROUNDS=$rounds" "TRIES=$tries" bash /root/race.course "$@" >"$LOG" 2>&1 || fail "$*"
    tell "$*: $(tail -n 1 "$LOG")"
}
if [ $# -gt 0 ]; then
    course "$@"
else
    course under_attack op systemd+sudo
    [ -n "${WNM_STRESS:-}" ] || rounds=0
    course under_attack root systemd+sudo
    course under_attack root setsid+sudo
    course weak_places root
    course weak_places op
fi
tell "PASSED"
