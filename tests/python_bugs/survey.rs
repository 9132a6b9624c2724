//! Surveys of the Python wnm.

use std::sync::{Arc, Mutex};

use crate::probing::server::{Act, Server, status};
use crate::stage::{Stage, StandIn, listen};

const METADATA: &str = "ant_node_antnode_version_info{antnode_version=\"0.4.17\"} 1\n\
    ant_networking_peer_id_info{peer_id=\"12D3KooWTest\"} 1\n# EOF\n";
const METRICS: &str = "ant_node_uptime 86400\nant_networking_records_stored 10\n\
    ant_networking_connected_peers 4\n# EOF\n";

/// Status and body of `/metadata`, then of `/metrics`.
type Pages = [(u16, String); 2];

/// A colony of one node whose process was killed, and a server on its metrics port that sends chosen pages.
struct Mask {
    _server: Server,
    _process: StandIn,
    pages: Arc<Mutex<Pages>>,
    stage: Stage,
}

impl Mask {
    fn new() -> Mask {
        let stage = Stage::running(1, &["--node_cap", "1"]);
        let port = stage.row(1).metrics_port;
        stage.kill_node(1);
        let pages: Arc<Mutex<Pages>> = Arc::default();
        let sent = Arc::clone(&pages);
        let server = Server::on(listen(port), move |path| {
            let (code, body) = &sent.lock().expect("the pages")[usize::from(path != "/metadata")];
            Act::Say(status(&format!("{code} So"), body))
        });
        Mask {
            _server: server,
            _process: StandIn::of(&stage.root(1)),
            pages,
            stage,
        }
    }

    /// Surveys while the server sends these pages.
    fn says(&self, metadata: (u16, &str), metrics: (u16, &str)) -> &Mask {
        *self.pages.lock().expect("the pages") =
            [metadata, metrics].map(|(code, body)| (code, body.to_owned()));
        // A node that was up before would not be asked for its version again.
        self.stage.tamper("UPDATE node SET last_seen = NULL");
        self.stage.survey();
        self
    }

    /// Surveys while the server sends these metrics and valid metadata.
    fn tells(&self, metrics: &str) -> &Mask {
        self.says((200, METADATA), (200, metrics))
    }

    /// The stored value of a column.
    fn kept(&self, column: &str) -> String {
        let sql = format!("SELECT ifnull(CAST({column} AS TEXT), 'null') FROM node");
        self.stage
            .look()
            .query_row(&sql, [], |row| row.get(0))
            .expect("the row")
    }
}

#[test]
fn fault_45_survey_by_name_gives_the_same_result_as_a_full_one() {
    let mask = Mask::new();
    let bare = "ant_networking_peer_id_info{peer_id=\"12D3KooWTest\"} 1\n# EOF\n";
    for (metadata, metrics, state) in [
        ((200, METADATA), (200, METRICS), "RUNNING"),
        ((200, METADATA), (500, "no"), "RUNNING"),
        ((200, ""), (200, METRICS), "STOPPED"),
        ((200, bare), (200, METRICS), "STOPPED"),
        ((500, METADATA), (200, METRICS), "STOPPED"),
    ] {
        for before in ["RUNNING", "STOPPED"] {
            mask.stage.tamper(&format!("UPDATE node SET status = '{before}'"));
            mask.says(metadata, metrics);
            let full = mask.kept("status");
            mask.stage
                .tamper(&format!("UPDATE node SET status = '{before}', last_seen = NULL"));
            let named = ["--force_action", "survey", "--service_name", "antnode0001"];
            mask.stage.wnm(&named).done();
            assert_eq!(
                (full.as_str(), mask.kept("status").as_str()),
                (state, state),
                "{metadata:?} {metrics:?} {before}"
            );
        }
    }
}

#[test]
fn fault_46_versions_are_read_completely() {
    let mask = Mask::new();
    for version in ["0.4.18-rc.1", "v0.4.18", "0.4.18+abc", "2026.1.2.3"] {
        let metadata = METADATA.replace("0.4.17", version);
        mask.says((200, &metadata), (200, METRICS));
        assert_eq!(
            (mask.kept("version"), mask.kept("status")),
            (version.into(), "RUNNING".into())
        );
    }
    let beside = METADATA.replace("{antnode_version", "{commit=\"a}b\",antnode_version");
    mask.says((200, &beside), (200, METRICS));
    assert_eq!(mask.kept("version"), "0.4.17");

    // A release candidate is older than its release.
    let stage = Stage::new();
    stage.install("0.4.18-rc.1");
    stage.init(&["--node_cap", "1"]).done();
    stage.force("add").done();
    stage.survey_until_running(1);
    assert_eq!(stage.row(1).version.as_deref(), Some("0.4.18-rc.1"));
    stage.install("0.4.18");
    stage.cycle();
    assert_eq!(
        stage.row(1).version.as_deref(),
        Some("0.4.18"),
        "{}",
        stage.describe()
    );
}

#[test]
fn fault_47_error_page_is_not_a_node() {
    let mask = Mask::new();
    for code in [401, 404, 500, 503] {
        mask.stage.tamper("UPDATE node SET status = 'RUNNING'");
        mask.says((code, METADATA), (code, METRICS));
        assert_eq!(mask.kept("status"), "STOPPED", "{code}");
    }
    mask.stage.tamper("UPDATE node SET status = 'RUNNING'");
    mask.says((200, "<html>It works!</html>"), (200, "<html>It works!</html>"));
    assert_eq!(mask.kept("status"), "STOPPED");
    // Metadata alone is enough; figures of a failed page keep their values.
    mask.tells(METRICS)
        .says((200, METADATA), (503, "ant_node_uptime 0\n"));
    assert_eq!(
        (mask.kept("status"), mask.kept("uptime")),
        ("RUNNING".into(), "86400".into())
    );
}

#[test]
fn fault_48_too_large_number_affects_only_its_own_value() {
    let mask = Mask::new();
    for big in ["9223372036854775808", "18446744073709551616", &"9".repeat(5000)] {
        mask.stage
            .tamper("UPDATE node SET status = 'STOPPED', records = 0");
        mask.tells(&METRICS.replace("86400", big));
        assert_eq!(
            (mask.kept("status"), mask.kept("records")),
            ("RUNNING".into(), "10".into())
        );
        let uptime: i64 = mask.kept("uptime").parse().expect("a number of SQLite's");
        assert!(uptime >= 0);
    }
}

#[test]
fn fault_49_malformed_decimal_does_not_stop_a_node() {
    let mask = Mask::new();
    for (name, wrong) in [
        ("process_memory_used_mb", "."),
        ("process_memory_used_mb", "9.7.8"),
        ("process_cpu_usage_percentage", "1..2"),
    ] {
        mask.tells(&format!("ant_networking_{name} {wrong}\n{METRICS}"));
        assert_eq!(
            (mask.kept("status"), mask.kept("uptime")),
            ("RUNNING".into(), "86400".into())
        );
    }
}

#[test]
fn fault_50_metric_names_match_completely_and_only_in_samples() {
    let mask = Mask::new();
    mask.tells(&format!(
        "# HELP ant_node_uptime 7 seconds since\n# ant_node_uptime 8\nmy_ant_node_uptime 9\n\
         ant_node_uptime_total 10\nant_networking_records_stored_max 11\n{METRICS}"
    ));
    assert_eq!(
        (mask.kept("uptime"), mask.kept("records")),
        ("86400".into(), "10".into())
    );
}

#[test]
fn fault_51_values_with_labels_are_read_and_counters_are_summed() {
    let mask = Mask::new();
    mask.tells(
        "ant_node_uptime{instance=\"a\"} 86400\nant_networking_records_stored{instance=\"} 3\"} 10\n\
         ant_node_put_record_ok_total{record_type=\"Chunk\"} 9\n\
         ant_node_put_record_ok_total{record_type=\"Pointer\"} 400\n# EOF\n",
    );
    assert_eq!(
        (mask.kept("uptime"), mask.kept("records")),
        ("86400".into(), "10".into())
    );
    assert_eq!(mask.kept("puts"), "409");
}

#[test]
fn fault_52_exponents_are_read() {
    let mask = Mask::new();
    mask.tells(
        "ant_node_uptime 1e5\nant_networking_records_stored 1.2E+3\n\
         ant_node_current_reward_wallet_balance 1.25e18\n# EOF\n",
    );
    assert_eq!(
        (mask.kept("uptime"), mask.kept("records")),
        ("100000".into(), "1200".into())
    );
    assert_eq!(mask.kept("rewards"), "1250000000000000000");
}

#[test]
fn fault_53_hundredths_are_rounded_not_truncated() {
    let mask = Mask::new();
    for (told, hundredths) in [
        ("0.29", "29"),
        ("8.2", "820"),
        ("97.8125", "9781"),
        ("4.35", "435"),
    ] {
        mask.tells(&format!(
            "ant_networking_process_memory_used_mb {told}\n\
             ant_networking_process_cpu_usage_percentage {told}\n{METRICS}"
        ));
        assert_eq!([mask.kept("mem"), mask.kept("cpu")], [hundredths; 2], "{told}");
    }
}

#[test]
fn fault_54_node_that_does_not_answer_keeps_its_peer_id() {
    let stage = Stage::running(1, &["--node_cap", "1"]);
    let peer = stage.row(1).peer_id;
    assert!(peer.is_some());
    stage.kill_node(1);
    for words in [
        &["--force_action", "survey"][..],
        &["--force_action", "survey", "--service_name", "1"],
    ] {
        stage.wnm(words).done();
        assert_eq!(
            (stage.row(1).status.as_str(), stage.row(1).peer_id),
            ("STOPPED", peer.clone())
        );
    }
}
