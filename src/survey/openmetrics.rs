//! A page of a node, `/metadata` or `/metrics`, to what of it is kept: pure, in pieces as they arrive.
//!
//! Only samples whose name is wanted are read further; comments and all other samples cost the search
//! for their line's end. No page is ever held whole.

use crate::colony::NodeFigures;

mod label;
mod line_scanner;
mod sample_value;

use label::{label, value};
pub use line_scanner::LineScanner;
use sample_value::SampleValue;

const VERSION: (&[u8], &[u8]) = (b"ant_node_antnode_version_info", b"antnode_version");
const PEER_ID: (&[u8], &[u8]) = (b"ant_networking_peer_id_info", b"peer_id");

/// How a sample becomes a figure.
enum Conversion {
    /// Whole numbers; of several samples the first that is a number.
    First(fn(&mut NodeFigures) -> &mut i64),
    /// A counter: its samples, one for each set of labels, are summed.
    Sum(fn(&mut NodeFigures) -> &mut i64),
    /// As `First`, in hundredths.
    Hundredths(fn(&mut NodeFigures) -> &mut i64),
    /// The rewards: decimal text with all its digits.
    Amount,
}

/// Every metric that is kept, by its exact name. `gets` has none: antnode does not tell it.
const WANTED: [(&[u8], Conversion); 18] = [
    (b"ant_node_uptime", Conversion::First(|f| &mut f.uptime)),
    (
        b"ant_networking_records_stored",
        Conversion::First(|f| &mut f.records),
    ),
    (
        b"ant_networking_shunned_by_close_group",
        Conversion::First(|f| &mut f.shunned),
    ),
    (
        b"ant_networking_connected_peers",
        Conversion::First(|f| &mut f.connected_peers),
    ),
    (b"ant_node_put_record_ok_total", Conversion::Sum(|f| &mut f.puts)),
    (
        b"ant_networking_process_memory_used_mb",
        Conversion::Hundredths(|f| &mut f.mem),
    ),
    (
        b"ant_networking_process_cpu_usage_percentage",
        Conversion::Hundredths(|f| &mut f.cpu),
    ),
    (
        b"ant_networking_open_connections",
        Conversion::First(|f| &mut f.open_connections),
    ),
    (
        b"ant_networking_peers_in_routing_table",
        Conversion::First(|f| &mut f.total_peers),
    ),
    (
        b"ant_networking_bad_peers_count_total",
        Conversion::Sum(|f| &mut f.bad_peers),
    ),
    (
        b"ant_networking_relevant_records",
        Conversion::First(|f| &mut f.rel_records),
    ),
    (
        b"ant_networking_max_records",
        Conversion::First(|f| &mut f.max_records),
    ),
    (b"ant_node_current_reward_wallet_balance", Conversion::Amount),
    (
        b"ant_networking_received_payment_count",
        Conversion::First(|f| &mut f.payment_count),
    ),
    (
        b"ant_networking_live_time",
        Conversion::First(|f| &mut f.live_time),
    ),
    (
        b"ant_networking_estimated_network_size",
        Conversion::First(|f| &mut f.network_size),
    ),
    (
        b"ant_networking_shunned_count_total",
        Conversion::Sum(|f| &mut f.shunned_total),
    ),
    (
        b"ant_networking_shunned_by_old_close_group",
        Conversion::First(|f| &mut f.shunned_by_old),
    ),
];

/// The place of the uptime in `WANTED`.
const UPTIME: usize = 0;

/// What one page told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MetricsPage {
    /// The label `antnode_version`, exactly; only an antnode has it.
    pub version: Option<String>,
    /// The label `peer_id`.
    pub peer_id: Option<String>,
    /// What the page does not tell is zero.
    pub figures: NodeFigures,
    /// Bit by bit, which of `WANTED` the page told.
    told: u32,
}

impl MetricsPage {
    /// Reads a whole page.
    #[must_use]
    pub fn read(body: &[u8]) -> MetricsPage {
        let mut scan = LineScanner::default();
        scan.feed(body);
        scan.finish()
    }

    /// The uptime, if the page gave one: only an antnode does.
    #[must_use]
    pub fn uptime(&self) -> Option<i64> {
        (self.told & (1 << UPTIME) != 0).then_some(self.figures.uptime)
    }

    fn sample(&mut self, line: &[u8]) {
        let line = line.trim_ascii();
        // The one glance that most lines get: comments and other libraries' metrics end here.
        if !line.starts_with(b"ant_n") {
            return;
        }
        let end = line
            .iter()
            .position(|byte| matches!(byte, b'{' | b' ' | b'\t'))
            .unwrap_or(line.len());
        let (name, rest) = line.split_at(end);
        if name == VERSION.0 {
            take_label(&mut self.version, rest, VERSION.1);
        } else if name == PEER_ID.0 {
            take_label(&mut self.peer_id, rest, PEER_ID.1);
        } else if let Some(index) = WANTED.iter().position(|(wanted, _)| *wanted == name)
            && let Some(number) = value(rest)
        {
            self.keep(index, &number);
        }
    }

    fn keep(&mut self, index: usize, number: &SampleValue) {
        let bit = 1 << index;
        let first = self.told & bit == 0;
        match &WANTED[index].1 {
            Conversion::First(field) if first => *field(&mut self.figures) = number.whole(),
            Conversion::Hundredths(field) if first => *field(&mut self.figures) = number.hundredths(),
            Conversion::Amount if first => self.figures.rewards = number.text(),
            Conversion::Sum(field) => {
                let sum = field(&mut self.figures);
                *sum = sum.saturating_add(number.whole());
            }
            Conversion::First(_) | Conversion::Hundredths(_) | Conversion::Amount => {}
        }
        self.told |= bit;
    }
}

/// Takes the label `key` of a sample into `slot`, unless that is filled: the first counts.
fn take_label(slot: &mut Option<String>, rest: &[u8], key: &[u8]) {
    if slot.is_none() {
        *slot = label(rest, key);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The body of a page that a real antnode 0.4.17 gave.
    fn body(page: &[u8]) -> &[u8] {
        let end = page.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        &page[end + 4..]
    }

    fn metadata() -> &'static [u8] {
        body(include_bytes!(
            "../../tests/fixtures/antnode-0.4.17/metadata.http"
        ))
    }

    fn metrics() -> &'static [u8] {
        body(include_bytes!("../../tests/fixtures/antnode-0.4.17/metrics.http"))
    }

    fn read(text: &str) -> MetricsPage {
        MetricsPage::read(text.as_bytes())
    }

    #[test]
    fn a_real_node_is_read() {
        let page = MetricsPage::read(metadata());
        assert_eq!(page.version.as_deref(), Some("0.4.17"));
        assert_eq!(
            page.peer_id.as_deref(),
            Some("12D3KooWHoPeXNXLgJQHyun46Ts1ypTHMgBN4rFzehPj9AhMwq9q")
        );
        assert_eq!(page.uptime(), None);

        let page = MetricsPage::read(metrics());
        assert_eq!(page.version, None);
        assert_eq!(page.uptime(), Some(10));
        assert_eq!(
            page.figures,
            NodeFigures {
                uptime: 10,
                mem: 2_281,
                network_size: 1,
                ..NodeFigures::default()
            }
        );
    }

    #[test]
    fn every_wanted_metric_has_a_figure_of_its_own() {
        for (index, (name, _)) in WANTED.iter().enumerate() {
            let name = String::from_utf8_lossy(name);
            let page = read(&format!("{name} 7\n"));
            assert_ne!(page.figures, NodeFigures::default(), "{name}");
            assert_eq!(page.told, 1 << index, "{name}");
        }
        let all: String = WANTED
            .iter()
            .map(|(name, _)| format!("{} 7\n", String::from_utf8_lossy(name)))
            .collect();
        let expected = NodeFigures {
            uptime: 7,
            records: 7,
            shunned: 7,
            connected_peers: 7,
            gets: 0,
            puts: 7,
            mem: 700,
            cpu: 700,
            open_connections: 7,
            total_peers: 7,
            bad_peers: 7,
            rel_records: 7,
            max_records: 7,
            rewards: "7".to_owned(),
            payment_count: 7,
            live_time: 7,
            network_size: 7,
            shunned_total: 7,
            shunned_by_old: 7,
        };
        assert_eq!(read(&all).figures, expected);
        assert_eq!(WANTED[UPTIME].0, b"ant_node_uptime");
    }

    #[test]
    fn only_exact_names_count() {
        for text in [
            "my_ant_node_uptime 7",
            "ant_node_uptime_seconds 7",
            "ANT_NODE_UPTIME 7",
            "# HELP ant_node_uptime 42 is the answer",
            "# TYPE ant_node_uptime gauge",
            "# UNIT ant_node_uptime seconds",
            "ant_node_uptime",
            "ant_node_uptime seven",
            "ant_node_uptime{a=\"b\" 7",
        ] {
            assert_eq!(read(text), MetricsPage::default(), "{text}");
        }
    }

    #[test]
    fn labels_spaces_timestamps_and_exemplars_do_not_hide_a_value() {
        for text in [
            "ant_node_uptime 7",
            "ant_node_uptime\t7\r\n",
            "  ant_node_uptime   7  \n",
            "ant_node_uptime{} 7",
            "ant_node_uptime{a=\"b\",c=\"d\"} 7",
            "ant_node_uptime{a=\"} 9 \\\" {\"} 7",
            "ant_node_uptime{a=\"b\"}7",
            "ant_node_uptime 7 1700000000.000",
            "ant_node_uptime 7 # {trace_id=\"x\"} 0.5",
        ] {
            assert_eq!(read(text).uptime(), Some(7), "{text}");
        }
    }

    #[test]
    fn counters_are_summed_over_their_labels_and_other_metrics_are_not() {
        let puts = "ant_node_put_record_ok_total{record_type=\"Chunk\"} 9\n\
                    ant_node_put_record_ok_total{record_type=\"GraphEntry\"} 30\n\
                    ant_node_put_record_ok_total{record_type=\"Pointer\"} 400\n";
        assert_eq!(read(puts).figures.puts, 439);
        let most = "ant_node_put_record_ok_total 9223372036854775807\n".repeat(3);
        assert_eq!(read(&most).figures.puts, i64::MAX);
        assert_eq!(read("ant_node_uptime 5\nant_node_uptime 6\n").uptime(), Some(5));
        assert_eq!(read("ant_node_uptime x\nant_node_uptime 6\n").uptime(), Some(6));
    }

    #[test]
    fn bytes_that_are_no_text_are_read_as_far_as_they_are() {
        let page = MetricsPage::read(
            b"\xff\xfe\x00ant\nant_node_uptime 5\n\xe9\nant_networking_peer_id_info{peer_id=\"12\xff\"} 1",
        );
        assert_eq!(page.uptime(), Some(5));
        assert_eq!(page.peer_id.as_deref(), Some("12\u{fffd}"));
    }

    proptest! {
        #[test]
        fn no_figure_is_ever_negative(value in "[-+]?[0-9.eE+-]{0,30}|[-+]?(nan|inf)") {
            let all: String = WANTED
                .iter()
                .map(|(name, _)| format!("{} {value}\n", String::from_utf8_lossy(name)))
                .collect();
            let figures = read(&all).figures;
            prop_assert!(figures.uptime >= 0 && figures.puts >= 0 && figures.mem >= 0 && figures.cpu >= 0);
            prop_assert!(!figures.rewards.is_empty());
            prop_assert!(figures.rewards.chars().all(|c| c.is_ascii_digit() || c == '.'));
        }

        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
            let _ = MetricsPage::read(&bytes);
        }
    }
}
