//! `influx-resources`: the colony in InfluxDB's line protocol.
//!
//! Two forms, since one measurement cannot hold both: the peer's, and the one that NTracking's dashboards read.
//! A field has its type for ever in a shard, so no field's type depends on its value.

use serde_json::{Map, Value, json};

use crate::colony::{Node, NodeState, Timestamp, Version};

use super::Format;
use super::token_amount::TokenAmount;

/// One field's value, in the types the protocol knows.
#[derive(Clone, Debug, PartialEq)]
enum Field {
    Text(String),
    Whole(i64),
    /// A decimal number, written as it is here.
    Number(String),
}

/// One line.
struct Point {
    measurement: &'static str,
    /// The node it is about.
    id: Option<String>,
    fields: Vec<(&'static str, Field)>,
}

/// The report on `nodes`, and the rewards that were left out of its total because they are no amounts: each with
/// its node.
#[must_use]
pub fn render<'a>(nodes: &[&'a Node], format: Format, now: Timestamp) -> (String, Vec<&'a Node>) {
    if nodes.is_empty() {
        let text = if format == Format::Json {
            "[]"
        } else {
            "# No nodes found"
        };
        return (text.to_owned(), Vec::new());
    }
    let is_ntracking = format == Format::Ntracking;
    let nanoseconds = if is_ntracking {
        now.0 / 10 * 10 * 1_000_000_000
    } else {
        now.0 * 1_000_000_000
    };
    let of_node = if is_ntracking { ntracking } else { peers };
    let mut points: Vec<Point> = nodes.iter().map(|node| of_node(node)).collect();
    // NTracking's collector counts what answers it.
    let counted: Vec<&Node> = nodes
        .iter()
        .filter(|node| !is_ntracking || node.state == NodeState::Running)
        .copied()
        .collect();
    let (total, odd) = total(&counted);
    let rewards = if is_ntracking {
        Field::Number(total.times_ten_to(ATTO).to_string())
    } else {
        Field::Text(total.to_string())
    };
    points.push(Point {
        measurement: "nodes_totals",
        id: None,
        fields: vec![
            ("rewards", rewards),
            ("nodes_running", count(nodes, |state| state == NodeState::Running)),
            (
                "nodes_killed",
                // To NTracking a node runs or does not.
                count(nodes, |state| match is_ntracking {
                    true => state != NodeState::Running,
                    false => matches!(state, NodeState::Stopped | NodeState::Dead),
                }),
            ),
        ],
    });
    points.push(Point {
        measurement: "nodes_network",
        id: None,
        fields: vec![("size", Field::Whole(network_size(nodes)))],
    });
    let text = if format == Format::Json {
        let points: Vec<Value> = points.iter().map(|point| point.json(nanoseconds)).collect();
        serde_json::to_string_pretty(&points).unwrap_or_default()
    } else {
        let lines: Vec<String> = points.iter().map(|point| point.line(nanoseconds)).collect();
        lines.join("\n")
    };
    (text, odd)
}

/// Rewards are counted in the smallest unit, of which a token has so many zeros.
const ATTO: i32 = -18;

fn count(nodes: &[&Node], is_counted: impl Fn(NodeState) -> bool) -> Field {
    let count = nodes.iter().filter(|node| is_counted(node.state)).count();
    Field::Whole(i64::try_from(count).unwrap_or(i64::MAX))
}

fn total<'a>(nodes: &[&'a Node]) -> (TokenAmount, Vec<&'a Node>) {
    let mut total = TokenAmount::default();
    let mut odd = Vec::new();
    for node in nodes {
        match TokenAmount::parse(or_zero(&node.figures.rewards)) {
            Some(amount) => total.add(&amount),
            None => odd.push(*node),
        }
    }
    (total, odd)
}

fn or_zero(rewards: &str) -> &str {
    if rewards.is_empty() { "0" } else { rewards }
}

/// What the running nodes that have an estimate of it say on average.
fn network_size(nodes: &[&Node]) -> i64 {
    let sizes: Vec<i128> = nodes
        .iter()
        .filter(|node| node.state == NodeState::Running && node.figures.network_size > 0)
        .map(|node| i128::from(node.figures.network_size))
        .collect();
    let count = i128::try_from(sizes.len()).unwrap_or(i128::MAX);
    let average = sizes.iter().sum::<i128>().checked_div(count).unwrap_or_default();
    i64::try_from(average).unwrap_or(i64::MAX)
}

fn version(node: &Node) -> Field {
    Field::Text(
        node.version
            .as_ref()
            .map_or_else(String::new, |version| Version::as_str(version).to_owned()),
    )
}

/// A node as the peer tells it.
fn peers(node: &Node) -> Point {
    let figures = &node.figures;
    Point {
        measurement: "nodes",
        id: Some(node.id.to_string()),
        fields: vec![
            ("PeerId", Field::Text(node.peer_id.clone().unwrap_or_default())),
            ("status", Field::Text(node.state.word().to_owned())),
            ("version", version(node)),
            ("gets", Field::Whole(figures.gets)),
            ("puts", Field::Whole(figures.puts)),
            ("up_time", Field::Whole(figures.uptime)),
            ("rewards", Field::Text(or_zero(&figures.rewards).to_owned())),
            ("records", Field::Whole(figures.records)),
            ("connected_peers", Field::Whole(figures.connected_peers)),
            ("network_size", Field::Whole(figures.network_size)),
            ("open_connections", Field::Whole(figures.open_connections)),
            ("total_peers", Field::Whole(figures.total_peers)),
            ("shunned_count", Field::Whole(figures.shunned)),
            ("bad_peers", Field::Whole(figures.bad_peers)),
            ("mem", hundredths(figures.mem, ".0")),
            ("cpu", hundredths(figures.cpu, ".0")),
            ("rel_records", Field::Whole(figures.rel_records)),
            ("max_records", Field::Whole(figures.max_records)),
            ("payment_count", Field::Whole(figures.payment_count)),
            ("live_time", Field::Whole(figures.live_time)),
        ],
    }
}

/// A node as NTracking's collector tells it: what does not run has no figures.
fn ntracking(node: &Node) -> Point {
    let is_running = node.state == NodeState::Running;
    let blank = crate::colony::NodeFigures::default();
    let figures = if is_running { &node.figures } else { &blank };
    let rewards = TokenAmount::parse(or_zero(&figures.rewards)).unwrap_or_default();
    let status = if is_running { "Running" } else { "Stopped" };
    Point {
        measurement: "nodes",
        id: Some(format!("{:04}", node.id.0)),
        fields: vec![
            ("PeerId", Field::Text(node.peer_id.clone().unwrap_or_default())),
            ("status", Field::Text(status.to_owned())),
            ("version", version(node)),
            ("gets", Field::Whole(figures.gets)),
            ("puts", Field::Whole(figures.puts)),
            ("up_time", Field::Whole(figures.uptime)),
            ("rewards", Field::Number(rewards.times_ten_to(ATTO).to_string())),
            ("records", Field::Whole(figures.records)),
            ("connected_peers", Field::Whole(figures.connected_peers)),
            ("networ_size", Field::Whole(figures.network_size)),
            ("open_connections", Field::Whole(figures.open_connections)),
            ("total_peers", Field::Whole(figures.total_peers)),
            ("shunned_count", Field::Whole(figures.shunned_total)),
            ("bad_peers", Field::Whole(figures.bad_peers)),
            ("mem", hundredths(figures.mem, "")),
            ("cpu", hundredths(figures.cpu, "")),
            ("rel_records", Field::Whole(figures.rel_records)),
            ("max_records", Field::Whole(figures.max_records)),
            ("payment_count", Field::Whole(figures.payment_count)),
            ("live_time", Field::Whole(figures.live_time)),
            ("shunned_closedgroup", Field::Whole(figures.shunned)),
            ("shunned_oldclosedgroup", Field::Whole(figures.shunned_by_old)),
        ],
    }
}

/// What is stored in hundredths; `whole` follows a number without any.
fn hundredths(value: i64, whole: &str) -> Field {
    let sign = if value < 0 { "-" } else { "" };
    let (ones, rest) = (value.unsigned_abs() / 100, value.unsigned_abs() % 100);
    let text = match (rest, rest % 10) {
        (0, _) => format!("{sign}{ones}{whole}"),
        (_, 0) => format!("{sign}{ones}.{}", rest / 10),
        _ => format!("{sign}{ones}.{rest:02}"),
    };
    Field::Number(text)
}

impl Point {
    fn line(&self, nanoseconds: i64) -> String {
        let id = self.id.as_ref().map(|id| format!(",id={id}")).unwrap_or_default();
        let fields: Vec<String> = self
            .fields
            .iter()
            .map(|(name, field)| format!("{name}={}", field.written()))
            .collect();
        format!("{}{id} {} {nanoseconds}", self.measurement, fields.join(","))
    }

    fn json(&self, nanoseconds: i64) -> Value {
        let fields: Map<String, Value> = self
            .fields
            .iter()
            .map(|(name, field)| ((*name).to_owned(), field.json()))
            .collect();
        let tags: Map<String, Value> = self.id.iter().map(|id| ("id".to_owned(), json!(id))).collect();
        json!({ "measurement": self.measurement, "tags": tags, "fields": fields, "timestamp": nanoseconds })
    }
}

impl Field {
    /// A line break would end the line, so a blank stands for it; quotes and backslashes are escaped.
    fn written(&self) -> String {
        match self {
            Field::Text(text) => {
                let text: String = text
                    .chars()
                    .map(|c| if c.is_control() { ' ' } else { c })
                    .collect();
                format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
            }
            Field::Whole(number) => format!("{number}i"),
            Field::Number(number) => number.clone(),
        }
    }

    fn json(&self) -> Value {
        match self {
            Field::Text(text) => json!(text),
            Field::Whole(number) => json!(number),
            Field::Number(number) => number.parse::<f64>().map_or(Value::Null, |number| json!(number)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Field, Point, Timestamp, hundredths, render};
    use crate::report::Format;

    #[test]
    fn hundredths_are_written_as_the_peer_writes_them() {
        for (value, text) in [
            (0, "0.0"),
            (3, "0.03"),
            (150, "1.5"),
            (10_000, "100.0"),
            (9_781, "97.81"),
        ] {
            assert_eq!(hundredths(value, ".0").written(), text);
        }
        assert_eq!(hundredths(0, "").written(), "0");
        assert_eq!(hundredths(-5, "").written(), "-0.05");
    }

    #[test]
    fn a_text_cannot_leave_its_field() {
        let text = Field::Text("a\"b\\\nnodes x=1".to_owned());
        assert_eq!(text.written(), r#""a\"b\\ nodes x=1""#);
    }

    #[test]
    fn a_point_is_the_same_as_a_line_and_in_json() {
        let point = Point {
            measurement: "nodes",
            id: Some("7".to_owned()),
            fields: vec![
                ("gets", Field::Whole(1)),
                ("mem", Field::Number("1.5".to_owned())),
                ("status", Field::Text("RUNNING".to_owned())),
            ],
        };
        assert_eq!(point.line(5), "nodes,id=7 gets=1i,mem=1.5,status=\"RUNNING\" 5");
        assert_eq!(
            point.json(5).to_string(),
            r#"{"measurement":"nodes","tags":{"id":"7"},"fields":{"gets":1,"mem":1.5,"status":"RUNNING"},"timestamp":5}"#
        );
    }

    #[test]
    fn no_nodes_are_a_comment_or_an_empty_list() {
        let text = |format| render(&[], format, Timestamp(0)).0;
        assert_eq!(text(Format::Text), "# No nodes found");
        assert_eq!(text(Format::Ntracking), "# No nodes found");
        assert_eq!(text(Format::Json), "[]");
    }
}
