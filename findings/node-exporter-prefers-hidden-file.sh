#!/usr/bin/env bash
# One would guess: the textfile collector ignores hidden files, so a report can be written to `.wnm.prom` and then
# be renamed to `wnm.prom`.
#
# What happens: the exporter reads every file whose name ends in .prom, hidden or not. If both files have the same
# series, the value of the hidden file is served, because it sorts first, and the value of the real file is
# dropped. No error is visible in node_textfile_scrape_error; only the counter
# promhttp_metric_handler_errors_total grows. With the name `.wnm.prom.new` this does not happen.
#
# Output:
#    wnm.prom has 10 nodes, .wnm.prom.new has 7: served: 10
#    wnm.prom has 10 nodes, .wnm.prom has 7: served: 7, scrape error: 0, counter of errors: 2
#
# Version: prometheus-node-exporter 1.5.0 (Debian 12).
#
# Why it matters for a node manager: one run that is killed before the rename leaves a hidden file behind, and
# from then on the dashboards show its old figures for ever, with all checks green.
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

report() { printf '# HELP nodes Nodes.\n# TYPE nodes gauge\nnodes{status="running"} %s\n' "$1"; }
value() { page >page.txt; sed -n "s/^$1 //p" page.txt; }

report 10 >textfiles/wnm.prom
report 7 >textfiles/.wnm.prom.new
served=$(value 'nodes{status="running"}')
echo "wnm.prom has 10 nodes, .wnm.prom.new has 7: served: $served"
[ "$served" = 10 ] || changed "a file that does not end in .prom is read"

mv textfiles/.wnm.prom.new textfiles/.wnm.prom
served=$(value 'nodes{status="running"}')
error=$(value node_textfile_scrape_error)
counter=$(value 'promhttp_metric_handler_errors_total{cause="gathering"}')
echo "wnm.prom has 10 nodes, .wnm.prom has 7: served: $served, scrape error: $error, counter of errors: $counter"
[ "$served" = 7 ] || changed "the hidden file does not win"
[ "$error" = 0 ] || changed "the scrape reports an error"
[ "$counter" -ge 1 ] || changed "the counter of errors does not grow"
echo "holds"
