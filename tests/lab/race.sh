#!/usr/bin/env bash
# Who exchanges folders for links while root works: the nodes' own account in all that is its own, an ordinary account in
# places that are its own or its group's, each in a loop and with links to folders of root's. A colony of an operator
# with sudo, and one of root's, go through everything that root's rights are asked for; nothing outside of them changes, none
# of it is run, and left in peace they are what they were. Where a place is not root's alone wnm refuses before it
# touches anything. A naive script of root's must lose to the same loops.
# WNM_STRESS=full plays longer; `tests/lab/race.sh unmade_places op` plays a part of it alone.
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
