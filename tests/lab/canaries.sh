#!/usr/bin/env bash
# A database that means harm, in the hands of root and of an operator with sudo: each column of each table holds what it
# must not, then a cycle, what a killed run began, every order and every report. Nothing outside of the colony changes,
# no process of others ends, nobody's program is run by root, and wnm ends in time, small, with a sentence.
# A sample of it; WNM_STRESS=full plays all columns. `tests/lab/canaries.sh KIND[/ACCOUNT]…` plays these alone.
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

# The real antctl acts as root's whenever root runs it; the simulated one only where it is told that sudo did.
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
        # By default each manager for one of the two, and antctl not at all.
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
