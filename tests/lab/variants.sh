#!/usr/bin/env bash
# Takes over the server of tests/anm and its variants under a real systemd. The rows, settings, warnings and NTracking lines are compared
# with expected.json, column by column. After ten cycles and a rollback, no process, unit or file of a node may have
# changed. By default it runs the variants for which the state of systemd matters; WNM_LAB_VARIANTS names others, or `all`.
# Takes 420 s.
MACHINE=variants-$$
PROGRAM=/usr/local/bin/wnm
DATABASE=/var/antctl/colony.db
. "$(dirname "$0")/story.sh"
raise
FIXTURE=$HERE/../anm
chosen=${WNM_LAB_VARIANTS:-main octal-bug padding-collision antctl-mixed stale-block mid-run config-gone nuke-action}
[ "$chosen" != all ] || chosen="main $(cd "$FIXTURE/variants" && echo *)"

layout=$(mktemp -d)
# A fake node that serves the pages of the fixture for its metrics port. If there are none, it runs without responding.
cat >"$layout/canned" <<'END'
use IO::Socket::INET;
my %said;
while (defined(my $word = shift)) {
    my ($name, $value) = split /=/, $word, 2;
    $said{$name} = $value // shift if $name =~ /^--(port|metrics-server-port)$/;
}
for (values %said) { die "a port is needed\n" unless /^\d+$/ }
my $port = $said{'--metrics-server-port'};
my $pages = "/runtime/http/$port";
sleep 1 while !-d $pages;
my $door = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $port, Listen => 16, ReuseAddr => 1) or die "$!\n";
while (my $guest = $door->accept) {
    my $asked = <$guest>;
    while (my $line = <$guest>) { last if $line =~ /^\r?\n$/ }
    my $page = $asked =~ m{ /metadata } ? 'metadata' : 'metrics';
    open my $file, '<', "$pages/$page" or next;
    my $body = join '', <$file>;
    print $guest "HTTP/1.1 200 OK\r\nContent-Length: " . length($body) . "\r\nConnection: close\r\n\r\n$body";
    close $guest;
}
END
"$LAB" push "$MACHINE" "$layout/canned" /usr/local/lib/canned
"$LAB" push "$MACHINE" "$FIXTURE/expected.json" /expected.json
as_root sh -c 'useradd --create-home --shell /bin/bash weave
    echo "weave ALL=(ALL) NOPASSWD:ALL" >/etc/sudoers.d/weave
    systemctl stop cron'

as_weave() { "$LAB" as "$MACHINE" weave "$@"; }
wnm() { as_weave wnm "$@"; }

# Deletes the last variant and installs this one.
lay_out() {
    rm -rf "$layout/it"
    if [ "$1" = main ]; then sh "$FIXTURE/prepare.sh" "$layout/it"; else sh "$FIXTURE/prepare.sh" "$layout/it" "$1"; fi
    # shellcheck disable=SC2016
    as_root sh -e -c '
        cd /etc/systemd/system
        systemctl stop "antnode*" 2>/dev/null || true
        rm -rf antnode* /runtime /layout /var/antctl /var/lib/wnm /mnt/ant-data /var/log/antnode /home/weave/.local
        rm -f /etc/cron.d/anm /etc/cron.d/wnm /etc/cron.d/influx_resources
        systemctl daemon-reload
        systemctl reset-failed'
    "$LAB" push "$MACHINE" "$layout/it/root" /layout
    "$LAB" push "$MACHINE" "$layout/it/runtime" /runtime
    # shellcheck disable=SC2016
    as_root sh -e -c '
        cp -r --preserve=mode,timestamps /layout/. /
        chmod -R a+rX /runtime
        for node in /var/antctl/services/antnode*/antnode /mnt/ant-data/services/antnode*/antnode; do
            echo "[ \"\$1\" = --version ] || exec /usr/bin/perl /usr/local/lib/canned \"\$0\" \"\$@\"" >>"$node"
        done
        # The node of antctl: the fixture contains only its unit.
        if [ -e /etc/systemd/system/antnode4.service ]; then
            cp -r /var/antctl/services/antnode001 /var/antctl/services/antnode4
        fi
        chown weave:weave /var/antctl
        find /var/antctl -maxdepth 1 -type f -exec chown weave:weave {} +
        chown -R weave:weave /home/weave
        chown -R ant:ant /var/antctl/services /mnt/ant-data /var/log/antnode
        systemctl daemon-reload
        cd /runtime/systemctl_show
        for shown in *.txt; do
            if ! grep -q ActiveState=inactive "$shown"; then
                systemctl --no-block start "${shown%.txt}"
            fi
        done'
    until_so 60 'systemd says of each unit what the fixture says' as_told
}
as_told() {
    # shellcheck disable=SC2016
    as_root sh -c 'cd /runtime/systemctl_show && for shown in *.txt; do
        grep -qx "ActiveState=$(systemctl show -p ActiveState --value "${shown%.txt}")" "$shown" || exit 1
    done
    for pages in /runtime/http/*; do curl -sf "127.0.0.1:${pages##*/}/metadata" >/dev/null || exit 1; done'
}

pids() {
    # shellcheck disable=SC2016
    as_root sh -c 'cd /etc/systemd/system && for unit in antnode*.service; do
        echo "$unit $(systemctl show -p MainPID --value "$unit")"; done' | grep -v ' 0$'
}
kept() {
    pids
    as_root sh -c 'find /etc/systemd/system /var/antctl/services /var/antctl/config /var/antctl/system /mnt/ant-data -type f \
        -exec sha256sum {} + | sort'
}
tree() {
    as_root sh -c 'find /etc/cron.d /etc/systemd/system /usr/bin/anms.sh /var/antctl /mnt/ant-data /home/weave /var/lib/wnm -type f \
        -exec sha256sum {} + 2>/dev/null | sort'
}

# Prints the differences from expected.json, one line for each column.
differences() {
    # shellcheck disable=SC2016
    as_root sqlite3 -readonly "$DATABASE" "
        CREATE TEMP TABLE said AS SELECT readfile('/expected.json') AS j;
        CREATE TEMP TABLE variant AS SELECT coalesce(json_extract(j, '\$.variants.\"$1\"'), '{}') AS j FROM said;
        CREATE TEMP TABLE wanted AS
            SELECT json_extract(n.value, '\$.service') AS service, k.key AS key, k.value AS value
                FROM said, json_each(said.j, '\$.nodes') n, json_each(n.value) k
            UNION ALL
            SELECT json_extract(n.value, '\$.service'), k.key, k.value
                FROM variant, json_each(coalesce(json_extract(variant.j, '\$.nodes_added'), '[]')) n, json_each(n.value) k;
        CREATE TEMP TABLE machine_wanted AS
            SELECT k.key AS key, k.value AS value, k.type AS type FROM said, variant,
                json_each(json_patch(json_extract(said.j, '\$.machine'), coalesce(json_extract(variant.j, '\$.machine'), '{}'))) k;
        SELECT 'rows: ' || count(*) FROM node
            HAVING count(*) IS NOT (SELECT count(DISTINCT service) FROM wanted);
        SELECT service || ' ' || key || ': ' || coalesce(has, 'NULL') || ', and not ' || coalesce(value, 'NULL')
            FROM (SELECT w.*, json_extract(g.j, '\$.' || w.key) AS has FROM wanted w
                  LEFT JOIN (SELECT service, json_object($(columns node)) AS j FROM node) g USING (service))
            WHERE value NOT LIKE '@%' AND has IS NOT value OR value IS NULL AND has IS NOT NULL;
        SELECT service || ' is no node of now: ' || timestamp FROM node WHERE abs(timestamp - unixepoch()) > 300;
        SELECT 'machine ' || key || ': ' || coalesce(has, 'NULL') || ', and not ' || coalesce(value, 'NULL')
            FROM (SELECT m.*, json_extract(g.j, '\$.' || m.key) AS has FROM machine_wanted m,
                  (SELECT json_object($(columns machine)) AS j FROM machine) g)
            WHERE value NOT LIKE '@%' AND has IS NOT value AND NOT (value IS '' AND has IS NULL) OR value IS NULL AND has IS NOT NULL;
        SELECT 'cpu_count' FROM machine WHERE cpu_count IS NOT $(as_root nproc);
        SELECT 'last_stopped_at: ' || last_stopped_at FROM machine
            WHERE abs(last_stopped_at - (unixepoch() - $(as_root cut -d. -f1 /proc/uptime))) > 3;
        SELECT 'ids: ' || group_concat(id) FROM node WHERE service = 'antnode0001.service' AND id IS NOT 1002;"
}
columns() { as_root sqlite3 -readonly "$DATABASE" "SELECT group_concat('''' || name || ''', \"' || name || '\"') FROM pragma_table_info('$1')"; }

# Prints the expected warnings that are missing in the report, and the unexpected ones.
unwarned() {
    # shellcheck disable=SC2016
    as_root sqlite3 :memory: "
        WITH said AS (SELECT readfile('/expected.json') AS j),
             variant AS (SELECT coalesce(json_extract(j, '\$.variants.\"$1\"'), '{}') AS j FROM said),
             gone AS (SELECT value FROM variant, json_each(coalesce(json_extract(variant.j, '\$.warnings_removed'), '[]')))
        SELECT '  ' || json_extract(w.value, '\$.code')
               || coalesce(' ' || json_extract(w.value, '\$.node'), ' ' || json_extract(w.value, '\$.path'), '') || ':'
            FROM said, json_each(said.j, '\$.warnings') w WHERE json_extract(w.value, '\$.code') NOT IN gone
        UNION ALL
        SELECT '  ' || a.value FROM variant, json_each(coalesce(json_extract(variant.j, '\$.warnings_added'), '[]')) a;" |
        while IFS= read -r start; do grep -qF -- "$start" "$LOG" || echo "no warning $start"; done
}

# Prints the NTracking lines of the imported nodes, if they are those of the fixture.
influx() {
    local told stamp
    told=$(wnm --dbpath "$DATABASE" --quiet --report influx-resources --report_format ntracking)
    stamp=$(head -n 1 <<<"$told" | grep -o '[0-9]*$')
    [[ $stamp = *0000000000 ]] || fail "the time of NTracking's lines: $stamp"
    told=$(sed "s/ $stamp\$/ @ts/" <<<"$told")
    while IFS= read -r line; do grep -qxF -- "$line" <<<"$told" || fail "NTracking is not told: $line"; done <"$FIXTURE/expected_influx.txt"
}

# Simulates the last run of anm: a process that holds the lock for some seconds.
anm_runs() {
    as_root sh -c 'echo "sleep 12; rm -f /var/antctl/block" >>/usr/bin/anms.sh; touch /var/antctl/block; chown weave: /var/antctl/block'
    as_weave setsid -f bash -c 'exec bash /usr/bin/anms.sh >/dev/null 2>&1'
}

for variant in $chosen; do
    lay_out "$variant"
    case $variant in
        config-gone | nuke-action)
            before=$(pids; tree)
            ! wnm --init --migrate_anm >"$LOG" 2>&1 || fail "$variant: it was taken over"
            is "$(pids; tree)" "$before" "$variant: everything"
            tell "$variant: refused, and nothing changed"
            continue
            ;;
        mid-run) anm_runs ;;
    esac
    before=$(kept)
    wnm --init --migrate_anm --dry_run >"$LOG" 2>&1 || fail "$variant: no dry run"
    is "$(kept)" "$before" "$variant: nodes after the dry run"
    wnm --init --migrate_anm >"$LOG" 2>&1 || fail "$variant: it was not taken over"
    is "$(differences "$variant")" '' "$variant: what differs from what is expected"
    is "$(unwarned "$variant")" '' "$variant: warnings"
    is "$(kept)" "$before" "$variant: processes, units and data"
    case $variant in octal-bug | padding-collision) ;; *) influx ;; esac
    # No node is older than the operator's antnode, so none is upgraded.
    as_weave sed -i 's/v[0-9.]*\\n/v0.3.0\\n/' /home/weave/.local/bin/antnode
    rows=$(ask 'SELECT count(*) FROM node')
    # shellcheck disable=SC2086
    "$LAB" cron "$MACHINE" weave "$PROGRAM" --dbpath "$DATABASE" --quiet $LIMITS --node_cap "$rows" >>"$LOG" 2>&1 || fail "$variant: a cycle"
    for _ in 2 3 4 5 6 7 8 9 10; do
        "$LAB" cron "$MACHINE" weave "$PROGRAM" --dbpath "$DATABASE" --quiet >>"$LOG" 2>&1 || fail "$variant: a cycle"
    done
    is "$(kept | grep -cFxf <(echo "$before"))" "$(wc -l <<<"$before")" "$variant: what is as before after ten cycles"
    is "$(ask 'SELECT confirmed_at IS NOT NULL FROM takeover')" 1 "$variant: a survey found all as they were"
    wnm --rollback_anm --confirm >>"$LOG" 2>&1 || fail "$variant: it was not given back"
    is "$(kept | grep -cFxf <(echo "$before"))" "$(wc -l <<<"$before")" "$variant: what is as before after the rollback"
    as_root cmp /layout/etc/cron.d/anm /etc/cron.d/anm || fail "$variant: the cron file"
    tell "$variant: taken over as expected, ten cycles, given back"
done
rm -r "$layout"
tell PASSED
