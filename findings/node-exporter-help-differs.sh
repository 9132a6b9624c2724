#!/usr/bin/env bash
# One would guess: the help text of a metric is a comment. Two programs, or two versions of one, can describe the same
# metric in other words.
#
# What happens: the exporter merges the textfiles. If the help texts of a metric differ by one letter, it drops the
# samples of the file that sorts later, as if that colony did not exist. node_textfile_scrape_error stays 0, the page
# is answered with 200, and the modification time of the dropped file is served as usual. Only the counter
# promhttp_metric_handler_errors_total grows. If the type differs, it is the same.
#
# Output:
#    equal help texts: colonies served: north south
#    help texts that differ in one letter: colonies served: north, scrape error: 0, file times served: 2
#    a counter and a gauge: colonies served: north, scrape error: 0
#
# Version: prometheus-node-exporter 1.5.0 (Debian 12).
#
# Why it matters for a node manager: two colonies on one machine are upgraded one after the other. A release that
# corrects a help text makes the figures of one of them vanish until both are upgraded, with all checks green.
#
# Needs: python3, and apt-get with Debian 12's packages. It listens on a free port of the loopback address.
set -euo pipefail
export LC_ALL=C

skip() { echo "skipped: $1" >&2; exit 77; }
changed() { echo "changed: $1" >&2; exit 1; }

work=$(mktemp -d)
exporter=
trap '[ -z "$exporter" ] || kill "$exporter"; rm -rf "$work"' EXIT
command -v python3 >/dev/null || skip "no python3"
cd "$work"
apt-get download -qq -o APT::Sandbox::User=root prometheus-node-exporter=1.5.0-1+b6 2>log ||
    skip "no such package: $(cat log)"
dpkg-deb -x prometheus-node-exporter_*.deb root

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
mkdir textfiles
root/usr/bin/prometheus-node-exporter --web.listen-address="127.0.0.1:$port" --collector.disable-defaults \
    --collector.textfile --collector.textfile.directory="$work/textfiles" 2>exporter.log &
exporter=$!
page() {
    python3 - "http://127.0.0.1:$port/metrics" <<'PYTHON'
import sys, urllib.request
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
print(opener.open(sys.argv[1]).read().decode(), end="")
PYTHON
}
for _ in $(seq 100); do page >page.txt 2>/dev/null && break; sleep 0.1; done
[ -s page.txt ] || skip "the exporter does not answer: $(tail -n 1 exporter.log)"

report() { printf '# HELP nodes %s\n# TYPE nodes %s\nnodes{colony="%s"} 1\n' "$1" "$2" "$3"; }
value() { sed -n "s/^$1 //p" page.txt; }
colonies() { page >page.txt; sed -n 's/^nodes{colony="\(.*\)"} 1$/\1/p' page.txt | paste -sd ' '; }

report 'Nodes of the colony.' gauge north >textfiles/a.prom
report 'Nodes of the colony.' gauge south >textfiles/b.prom
served=$(colonies)
echo "equal help texts: colonies served: $served"
[ "$served" = 'north south' ] || changed "two files with equal help texts are not merged"

report 'Nodes of the colony' gauge south >textfiles/b.prom
served=$(colonies)
error=$(value node_textfile_scrape_error)
times=$(grep -c '^node_textfile_mtime_seconds{' page.txt)
echo "help texts that differ in one letter: colonies served: $served, scrape error: $error, file times served: $times"
[ "$served" = north ] || changed "the second file is not dropped"
[ "$error" = 0 ] || changed "the scrape reports an error"
[ "$times" = 2 ] || changed "the file time is not served"

report 'Nodes of the colony.' counter south >textfiles/b.prom
served=$(colonies)
error=$(value node_textfile_scrape_error)
echo "a counter and a gauge: colonies served: $served, scrape error: $error"
[ "$served" = north ] || changed "a file with another type is not dropped"
[ "$error" = 0 ] || changed "the scrape reports an error"
counter=$(value 'promhttp_metric_handler_errors_total{cause="gathering"}')
[ "$counter" -ge 1 ] || changed "the counter of errors does not grow"
echo "holds"
