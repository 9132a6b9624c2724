#!/usr/bin/env bash
# Runs wnm as root, and as an operator with sudo, on hostile databases: each column of each table gets invalid and dangerous values. Then a
# cycle, the recovery of a killed run, every forced action and every report run. Nothing outside the colony may change, no foreign process may
# end, root must run no program of another account, and wnm must exit in time, with little memory and with a readable error.
# By default it tests a sample of the columns; WNM_STRESS=full tests all. `tests/lab/canaries.sh KIND[/ACCOUNT]…` runs only these.
MACHINE=canaries-$$
PROGRAM=/usr/local/bin/wnm
DATABASE=/var/antctl/colony.db
. "$(dirname "$0")/story.sh"
raise
"$LAB" push "$MACHINE" "$HERE/canaries.matrix" /root/canaries.matrix
as_root cp /home/op/.local/bin/antnode /usr/local/bin/antnode
for tool in antctl launchctl; do
    [ ! -x "$(dirname "$ANTNODE_BINARY")/$tool" ] || "$LAB" push "$MACHINE" "$(dirname "$ANTNODE_BINARY")/$tool" "/usr/local/bin/$tool"
done

# The real antctl uses root mode whenever root runs it; the simulated one only if it is told that sudo started it.
if as_root test -x /usr/local/bin/antctl; then
    as_root sh -e -c 'mkdir /usr/local/libexec; mv /usr/local/bin/antctl /usr/local/libexec/antctl
        cat >/usr/local/bin/antctl; chmod 755 /usr/local/bin/antctl' <<'END'
#!/bin/sh
[ "$(id -u)" != 0 ] || export SUDO_USER="${SUDO_USER:-root}"
exec /usr/local/libexec/antctl "$@"
END
fi

kinds=("$@")
[ $# -gt 0 ] || kinds=(systemd+sudo setsid+sudo antctl+sudo)
for one in "${kinds[@]}"; do
    kind=${one%/*}
    for account in root op; do
        case $one in */"$account") ;; */*) continue ;; esac
        # By default, each manager runs with one of the two accounts, and antctl does not run.
        if [ -z "${WNM_STRESS:-}" ] && [ $# = 0 ]; then
            case $kind/$account in systemd+sudo/op | setsid+sudo/root) ;; *) continue ;; esac
        fi
        if [ "$kind" = antctl+sudo ] && ! as_root test -x /usr/local/bin/antctl; then
            tell "$kind: SKIPPED, there is no simulated antctl"
            continue
        fi
        as_root env "STRESS=${WNM_STRESS:-}" bash /root/canaries.matrix "$kind" "$account" >"$LOG" 2>&1 || fail "$kind as $account"
        tell "$kind as $account: $(tail -n 1 "$LOG")"
    done
done
tell "PASSED"
