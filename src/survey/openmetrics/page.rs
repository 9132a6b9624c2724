//! What is read from a page of a node: its version, its peer ID and its figures.

use crate::colony::NodeFigures;
use crate::colony::node_figures::{Conversion, FIGURES};

use super::label::{label, value};
use super::sample_value::SampleValue;

const VERSION: (&[u8], &[u8]) = (b"ant_node_antnode_version_info", b"antnode_version");
const PEER_ID: (&[u8], &[u8]) = (b"ant_networking_peer_id_info", b"peer_id");

/// The metric of the rewards. Their figure is decimal text with all its digits.
const REWARDS: &[u8] = b"ant_node_current_reward_wallet_balance";

/// What one page contained.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MetricsPage {
    /// The label `antnode_version`, exactly; only an antnode has it.
    pub version: Option<String>,
    /// The label `peer_id`.
    pub peer_id: Option<String>,
    /// A figure that the page does not contain is zero.
    pub figures: NodeFigures,
    /// Bit by bit, which of [`FIGURES`] the page contained.
    found: u64,
    has_rewards: bool,
}

impl MetricsPage {
    /// The uptime, if the page contained it: only an antnode has it.
    #[must_use]
    pub fn uptime(&self) -> Option<i64> {
        let index = FIGURES.iter().position(|figure| figure.column == "uptime")?;
        (self.found & 1 << index != 0).then_some(self.figures.uptime)
    }

    /// Reads one line.
    pub(super) fn read_sample(&mut self, line: &[u8]) {
        let line = line.trim_ascii();
        // This one comparison is all that most lines need: comments, and metrics of other libraries.
        if !line.starts_with(b"ant_n") {
            return;
        }
        let end = line
            .iter()
            .position(|byte| matches!(byte, b'{' | b' ' | b'\t'))
            .unwrap_or(line.len());
        let (name, rest) = line.split_at(end);
        if name == VERSION.0 {
            set_label(&mut self.version, rest, VERSION.1);
        } else if name == PEER_ID.0 {
            set_label(&mut self.peer_id, rest, PEER_ID.1);
        } else if name == REWARDS {
            if let Some(number) = value(rest).filter(|_| !self.has_rewards) {
                self.figures.rewards = number.text();
                self.has_rewards = true;
            }
        } else if let Some(index) = FIGURES.iter().position(|figure| figure.metric.as_bytes() == name)
            && let Some(number) = value(rest)
        {
            self.set_figure(index, &number);
        }
    }

    fn set_figure(&mut self, index: usize, number: &SampleValue) {
        let figure = &FIGURES[index];
        let is_first = self.found & 1 << index == 0;
        let value = (figure.get_mut)(&mut self.figures);
        match figure.conversion {
            Conversion::Sum => *value = value.saturating_add(number.whole()),
            Conversion::First if is_first => *value = number.whole(),
            Conversion::Hundredths if is_first => *value = number.hundredths(),
            Conversion::First | Conversion::Hundredths => {}
        }
        self.found |= 1 << index;
    }
}

/// Sets `slot` to the label `key` of a sample. Of several samples the first counts.
fn set_label(slot: &mut Option<String>, rest: &[u8], key: &[u8]) {
    if slot.is_none() {
        *slot = label(rest, key);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::survey::openmetrics::LineScanner;

    /// The body of a page that a real antnode 0.4.17 gave.
    fn body(page: &[u8]) -> &[u8] {
        let end = page.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        &page[end + 4..]
    }

    fn metadata() -> &'static [u8] {
        body(include_bytes!(
            "../../../tests/fixtures/antnode-0.4.17/metadata.http"
        ))
    }

    fn metrics() -> &'static [u8] {
        body(include_bytes!(
            "../../../tests/fixtures/antnode-0.4.17/metrics.http"
        ))
    }

    fn read_page(page: &[u8]) -> MetricsPage {
        let mut scanner = LineScanner::default();
        scanner.feed(page);
        scanner.finish()
    }

    fn read(text: &str) -> MetricsPage {
        read_page(text.as_bytes())
    }

    #[test]
    fn reads_the_page_of_a_real_node() {
        let page = read_page(metadata());
        assert_eq!(page.version.as_deref(), Some("0.4.17"));
        assert_eq!(
            page.peer_id.as_deref(),
            Some("12D3KooWHoPeXNXLgJQHyun46Ts1ypTHMgBN4rFzehPj9AhMwq9q")
        );
        assert_eq!(page.uptime(), None);

        let page = read_page(metrics());
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

    /// A page that has every metric with this value.
    fn all_metrics(value: &str) -> String {
        let names = FIGURES
            .iter()
            .map(|figure| figure.metric)
            .filter(|name| !name.is_empty());
        let lines = names.map(|name| format!("{name} {value}\n"));
        lines
            .chain([format!("{} {value}\n", String::from_utf8_lossy(REWARDS))])
            .collect()
    }

    #[test]
    fn every_metric_sets_its_own_figure() {
        for (index, figure) in FIGURES
            .iter()
            .enumerate()
            .filter(|(_, figure)| !figure.metric.is_empty())
        {
            let page = read(&format!("{} 7\n", figure.metric));
            assert_ne!(page.figures, NodeFigures::default(), "{}", figure.metric);
            assert_eq!(page.found, 1 << index, "{}", figure.metric);
        }
        let page = read(&format!("{} 7\n", String::from_utf8_lossy(REWARDS)));
        assert_eq!((page.figures.rewards.as_str(), page.found), ("7", 0));
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
        assert_eq!(read(&all_metrics("7")).figures, expected);
        assert!(FIGURES.len() <= 64, "one bit each");
    }

    #[test]
    fn matches_exact_names_only() {
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
    fn invalid_utf8_does_not_stop_the_parser() {
        let page = read_page(
            b"\xff\xfe\x00ant\nant_node_uptime 5\n\xe9\nant_networking_peer_id_info{peer_id=\"12\xff\"} 1",
        );
        assert_eq!(page.uptime(), Some(5));
        assert_eq!(page.peer_id.as_deref(), Some("12\u{fffd}"));
    }

    proptest! {
        #[test]
        fn no_figure_is_ever_negative(value in "[-+]?[0-9.eE+-]{0,30}|[-+]?(nan|inf)") {
            let figures = read(&all_metrics(&value)).figures;
            prop_assert!(figures.uptime >= 0 && figures.puts >= 0 && figures.mem >= 0 && figures.cpu >= 0);
            prop_assert!(!figures.rewards.is_empty());
            prop_assert!(figures.rewards.chars().all(|c| c.is_ascii_digit() || c == '.'));
        }

        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
            let _ = read_page(&bytes);
        }
    }
}
