//! Results of the HTTP probe for healthy and misbehaving nodes, over real sockets.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod probe_node;
mod recorded_pages;
pub mod server;

use std::time::Duration;

use wnm::colony::{Answer, Node, NodeFigures, NodeHistory, NodeReading, NodeState, Timestamp, Version};
use wnm::survey::{HttpProbe, Limits, NodeProbe};

use probe_node::{NOW, ask, ask_server, limits, node};
use server::{Act, Server, page, status};

use crate::stage::CLOSED_PORT;

const METADATA: &str = "# HELP ant_node_antnode_version The version of the ant node.\n\
    ant_node_antnode_version_info{antnode_version=\"0.4.17\"} 1\n\
    ant_networking_peer_id_info{peer_id=\"12D3KooWTest\"} 1\n# EOF\n";
const METRICS: &str = "ant_node_uptime 86400\nant_networking_records_stored 10\n\
    ant_networking_process_memory_used_mb 97.8125\n# EOF\n";

/// A node that was up a minute ago.
fn known(port: u16) -> Node {
    Node {
        version: Some(Version::new("0.4.16")),
        peer_id: Some("12D3KooWBefore".to_owned()),
        memory: NodeHistory {
            last_seen: Some(Timestamp(NOW.0 - 60)),
            ..NodeHistory::default()
        },
        ..node(port)
    }
}

fn reading(answer: Answer) -> NodeReading {
    match answer {
        Answer::Up(reading) => *reading,
        other => panic!("{other:?} is not up"),
    }
}

#[test]
fn reads_version_peer_id_and_figures_on_one_connection() {
    let server = Server::of(METADATA, METRICS);
    let reading = reading(ask_server(&server));
    assert_eq!(reading.version.as_str(), "0.4.17");
    assert_eq!(reading.peer_id.as_deref(), Some("12D3KooWTest"));
    let expected = NodeFigures {
        uptime: 86_400,
        records: 10,
        mem: 9_781,
        ..NodeFigures::default()
    };
    assert_eq!(reading.figures, Some(expected));
    assert_eq!(server.heard(), ["0 /metadata", "0 /metrics close"]);
}

#[test]
fn node_that_refuses_or_is_no_antnode_is_down() {
    assert_eq!(ask(node(CLOSED_PORT)), Answer::Down);
    let broken = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nno chunk\r\n";
    let cut = "HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\nant_node_";
    let ills: [(&str, Vec<u8>); 9] = [
        ("closes", Vec::new()),
        ("not HTTP", b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()),
        ("binary", vec![0xff; 300]),
        ("404", status("404 Not Found", METADATA)),
        ("500", status("500 Internal Server Error", METADATA)),
        ("no version", page("<html>hello</html>")),
        ("empty", page("")),
        ("broken chunks", broken.into()),
        ("cut off", cut.into()),
    ];
    for (name, bytes) in ills {
        let server = Server::start(move |_| Act::SayAndClose(bytes.clone()));
        assert_eq!(ask_server(&server), Answer::Down, "{name}");
        assert_eq!(server.heard(), ["0 /metadata"], "{name}");
    }
}

#[test]
fn node_that_accepts_but_does_not_answer_in_time_is_silent() {
    let drip = || {
        Act::Drone(
            b"HTTP/1.1 200 OK\r\n\r\n".into(),
            b"a".into(),
            Duration::from_millis(300),
        )
    };
    let mute: [Server; 3] = [
        Server::start(|_| Act::Mute),
        Server::start(move |_| drip()),
        Server::start(|_| Act::Drone(Vec::new(), b"H".into(), Duration::from_millis(700))),
    ];
    let nodes: Vec<Node> = mute.iter().map(|server| node(server.port)).collect();
    let answers = HttpProbe::new().ask(&nodes, &limits(), NOW);
    assert_eq!(answers, [Answer::Silent, Answer::Silent, Answer::Silent]);
}

#[test]
fn unknown_host_is_silent() {
    let nowhere = Node {
        host: "no such host".to_owned(),
        ..node(1)
    };
    assert_eq!(ask(nowhere), Answer::Silent);
}

#[test]
fn many_mute_nodes_take_no_longer_than_one() {
    let mute = Server::start(|_| Act::Mute);
    let well = Server::of(METADATA, METRICS);
    let mut nodes = vec![node(mute.port); 200];
    nodes.push(node(well.port));
    let limits = Limits {
        each: Duration::from_secs(2),
        all: Duration::from_secs(10),
        ..Limits::default()
    };
    let answers = HttpProbe::new().ask(&nodes, &limits, NOW);
    assert!(matches!(answers[200], Answer::Up(_)));
    assert!(answers[..200].iter().all(|answer| *answer == Answer::Silent));
    assert_eq!(mute.heard().len(), 200, "all of them had their turn");
}

#[test]
fn nodes_that_were_silent_before_are_asked_last() {
    let mute = Server::start(|_| Act::Mute);
    let well = Server::of(METADATA, METRICS);
    let limits = Limits {
        all: Duration::from_secs(4),
        in_flight: 1,
        ..Limits::default()
    };
    let nodes = [node(mute.port), node(well.port)];
    let answers = HttpProbe::new().ask(&nodes, &limits, NOW);
    assert_eq!(answers, [Answer::Silent, Answer::Silent]);
    assert_eq!(well.heard().len(), 0);

    let mut nodes = nodes;
    nodes[0].memory.silent = 1;
    let answers = HttpProbe::new().ask(&nodes, &limits, NOW);
    assert_eq!(answers[0], Answer::Silent);
    assert!(matches!(answers[1], Answer::Up(_)));
}

#[test]
fn node_with_a_version_is_up_even_without_metrics() {
    let ills: [fn() -> Act; 4] = [
        || Act::Mute,
        || Act::SayAndClose(Vec::new()),
        || Act::Say(status("404 Not Found", "")),
        || Act::SayAndClose(b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\nant_node_uptime 5\n".into()),
    ];
    for ill in ills {
        let server = Server::start(move |path| match path {
            "/metadata" => Act::Say(page(METADATA)),
            _ => ill(),
        });
        let reading = reading(ask_server(&server));
        assert_eq!(reading.version.as_str(), "0.4.17");
        assert_eq!(reading.figures, None);
    }
    let told = METADATA.replace("# EOF\n", "");
    let server = Server::start(move |_| {
        let head = format!("HTTP/1.1 200 OK\r\n\r\n{told}").into_bytes();
        Act::Drone(head, b"x\n".into(), Duration::from_millis(200))
    });
    assert_eq!(reading(ask_server(&server)).figures, None);
}

#[test]
fn does_not_follow_redirects() {
    let target = Server::of(METADATA, METRICS);
    let to = target.port;
    let server = Server::start(move |path| {
        let head = format!(
            "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:{to}{path}\r\ncontent-length: 0\r\n\r\n"
        );
        Act::Say(head.into_bytes())
    });
    assert_eq!(ask_server(&server), Answer::Down);
    assert!(target.heard().is_empty());
}

#[test]
fn reads_an_endless_page_up_to_the_size_limit() {
    let line = |text: &str| format!("{text}\n").into_bytes();
    let mut head = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    head.extend_from_slice(METADATA.replace("# EOF\n", "").as_bytes());
    let labels = "ant_node_put_record_ok_total{a=\"b\"} 1\n".repeat(1_000);
    let bodies: [(Vec<u8>, Vec<u8>); 4] = [
        (head, vec![b'a'; 64 * 1024]),
        (b"HTTP/1.1 200 OK\r\n\r\n".into(), vec![b'\n'; 64 * 1024]),
        (
            b"HTTP/1.1 200 OK\r\n".into(),
            line("x-more: and more\r").repeat(1_000),
        ),
        (b"HTTP/1.1 200 OK\r\n\r\n".into(), labels.into_bytes()),
    ];
    let answers = bodies.map(|(head, more)| {
        let server = Server::start(move |_| Act::Drone(head.clone(), more.clone(), Duration::ZERO));
        ask_server(&server)
    });
    // The first server starts each endless page with a version.
    let first = match &answers[0] {
        Answer::Up(reading) => reading.figures.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(first, Some(NodeFigures::default()));
    assert_eq!(answers[1..], [Answer::Down, Answer::Down, Answer::Down]);
}

#[test]
fn sums_a_million_labels_up_to_the_size_limit() {
    let line = "ant_node_put_record_ok_total{record_type=\"x\"} 1\n";
    let server = Server::of(METADATA, &line.repeat(1_000_000));
    let figures = reading(ask_server(&server)).figures.unwrap();
    assert_eq!(figures.puts, 1024 * 1024 / line.len() as i64);
}

#[test]
fn node_that_did_not_restart_is_asked_only_for_metrics() {
    let server = Server::of(METADATA, METRICS);
    let reading = reading(ask(known(server.port)));
    assert_eq!(reading.version.as_str(), "0.4.16");
    assert_eq!(reading.peer_id.as_deref(), Some("12D3KooWBefore"));
    assert_eq!(reading.figures.unwrap().uptime, 86_400);
    assert_eq!(server.heard(), ["0 /metrics close"]);
}

#[test]
fn node_that_may_have_restarted_is_asked_for_metadata_too() {
    for metrics in [
        "ant_node_uptime 30\n",
        "ant_node_uptime 61\n",
        "ant_networking_live_time 1\n",
        "",
    ] {
        let server = Server::of(METADATA, metrics);
        let reading = reading(ask(known(server.port)));
        assert_eq!(reading.version.as_str(), "0.4.17", "{metrics}");
        assert_eq!(server.heard(), ["0 /metrics close", "1 /metadata close"]);
    }
    let stopped = |port| Node {
        state: NodeState::Stopped,
        ..known(port)
    };
    let server = Server::of(METADATA, METRICS);
    assert_eq!(reading(ask(stopped(server.port))).version.as_str(), "0.4.17");
    assert_eq!(server.heard(), ["0 /metadata", "0 /metrics close"]);
}

#[test]
fn known_node_can_be_down_or_silent() {
    assert_eq!(ask(known(CLOSED_PORT)), Answer::Down);
    let page_of_another = Server::of("<html></html>", "<html></html>");
    assert_eq!(ask(known(page_of_another.port)), Answer::Down);
    let mute = Server::start(|_| Act::Mute);
    assert_eq!(ask(known(mute.port)), Answer::Silent);
    let slow_metrics = Server::start(|path| match path {
        "/metadata" => Act::Say(page(METADATA)),
        _ => Act::Mute,
    });
    let reading = reading(ask(known(slow_metrics.port)));
    assert_eq!((reading.version.as_str(), reading.figures), ("0.4.17", None));
}

#[test]
fn does_not_ask_disabled_nodes() {
    let server = Server::of(METADATA, METRICS);
    let disabled = Node {
        state: NodeState::Disabled,
        ..node(server.port)
    };
    assert_eq!(ask(disabled), Answer::Unasked);
    assert!(server.heard().is_empty());
    assert!(HttpProbe::new().ask(&[], &limits(), NOW).is_empty());
}

#[test]
fn survey_delay_spaces_requests_and_extends_the_total_limit() {
    let server = Server::of(METADATA, METRICS);
    let limits = Limits {
        all: Duration::from_secs(2),
        spacing: Duration::from_millis(300),
        ..Limits::default()
    };
    let nodes = vec![node(server.port); 10];
    let begun = std::time::Instant::now();
    let answers = HttpProbe::new().ask(&nodes, &limits, NOW);
    assert!(answers.iter().all(|answer| matches!(answer, Answer::Up(_))));
    assert!(begun.elapsed() >= Duration::from_millis(9 * 300));
}

#[test]
fn answers_are_in_the_order_of_the_nodes() {
    let servers: Vec<Server> = (0..40)
        .map(|number| Server::of(&METADATA.replace("0.4.17", &format!("0.4.{number}")), METRICS))
        .collect();
    let mut nodes: Vec<Node> = servers.iter().map(|server| node(server.port)).collect();
    nodes.push(node(CLOSED_PORT));
    let answers = HttpProbe::new().ask(&nodes, &limits(), NOW);
    for (number, answer) in answers[..40].iter().enumerate() {
        assert_eq!(reading(answer.clone()).version.as_str(), format!("0.4.{number}"));
    }
    assert_eq!(answers[40], Answer::Down);
}
