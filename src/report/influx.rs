//! `influx-resources`: the colony in InfluxDB's line protocol.
//!
//! It has two forms, because one measurement cannot hold both: the peer's, and the one that NTracking's dashboards read.
//! InfluxDB fixes the type of a field once, so no field's type depends on its value.

use serde_json::{Map, Value, json};

use crate::colony::{Decimal, Node, NodeFigures, NodeState, Timestamp, Version};

use super::{Format, pretty};

/// One field's value, in the types of the protocol.
#[derive(Clone, Debug, PartialEq)]
enum Field {
    Text(String),
    Whole(i64),
    /// A decimal number as text.
    Number(String),
}

/// One line.
struct Point {
    measurement: &'static str,
    /// The node that it is about.
    id: Option<String>,
    fields: Vec<(&'static str, Field)>,
}

/// Which of the two forms is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Peer,
    NTracking,
}

/// The report on `nodes`, and the nodes whose rewards are missing from its total because they are not a number.
#[must_use]
pub fn render<'a>(nodes: &[&'a Node], format: Format, now: Timestamp) -> (String, Vec<&'a Node>) {
    if nodes.is_empty() {
        let text = match format {
            Format::Json => "[]",
            _ => "# No nodes found",
        };
        return (text.to_owned(), Vec::new());
    }
    let (form, seconds) = match format {
        Format::Ntracking => (Form::NTracking, now.0 / 10 * 10),
        _ => (Form::Peer, now.0),
    };
    let nanoseconds = seconds * 1_000_000_000;
    let is_running = |node: &Node| node.state == NodeState::Running;
    // NTracking's own collector counts the rewards of running nodes only.
    let counted: Vec<&Node> = match form {
        Form::Peer => nodes.to_vec(),
        Form::NTracking => nodes.iter().filter(|node| is_running(node)).copied().collect(),
    };
    let (total, invalid) = total_rewards(&counted);
    // For NTracking a node is running or killed.
    let is_killed = |node: &Node| match form {
        Form::Peer => matches!(node.state, NodeState::Stopped | NodeState::Dead),
        Form::NTracking => !is_running(node),
    };
    let count = |matches: &dyn Fn(&Node) -> bool| {
        let count = nodes.iter().filter(|node| matches(node)).count();
        Field::Whole(i64::try_from(count).unwrap_or(i64::MAX))
    };
    let totals = vec![
        ("rewards", form.rewards(total)),
        ("nodes_running", count(&is_running)),
        ("nodes_killed", count(&is_killed)),
    ];
    let size = vec![("size", Field::Whole(network_size(nodes)))];
    let mut points: Vec<Point> = nodes.iter().map(|node| form.point(node)).collect();
    points.extend(
        [("nodes_totals", totals), ("nodes_network", size)].map(|(measurement, fields)| Point {
            measurement,
            id: None,
            fields,
        }),
    );
    let text = if format == Format::Json {
        let points: Vec<Value> = points.iter().map(|point| point.json(nanoseconds)).collect();
        pretty(&points)
    } else {
        let lines: Vec<String> = points.iter().map(|point| point.line(nanoseconds)).collect();
        lines.join("\n")
    };
    (text, invalid)
}

fn total_rewards<'a>(nodes: &[&'a Node]) -> (Decimal, Vec<&'a Node>) {
    let mut total = Decimal::default();
    let mut invalid = Vec::new();
    for node in nodes {
        match Decimal::parse(or_zero(&node.figures.rewards)) {
            Some(amount) => total.add(&amount),
            None => invalid.push(*node),
        }
    }
    (total, invalid)
}

fn or_zero(rewards: &str) -> &str {
    if rewards.is_empty() { "0" } else { rewards }
}

/// The average estimate of the running nodes that have one.
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

impl Form {
    /// A node in this form. For NTracking, a node that is not running has no figures.
    fn point(self, node: &Node) -> Point {
        use Field::{Text, Whole};
        let is_peer = self == Form::Peer;
        let is_running = node.state == NodeState::Running;
        let blank = NodeFigures::default();
        let figures = if is_peer || is_running {
            &node.figures
        } else {
            &blank
        };
        let status = match self {
            Form::Peer => node.state.word(),
            Form::NTracking if is_running => "Running",
            Form::NTracking => "Stopped",
        };
        let rewards = match self {
            Form::Peer => Text(or_zero(&figures.rewards).to_owned()),
            Form::NTracking => self.rewards(Decimal::parse(or_zero(&figures.rewards)).unwrap_or_default()),
        };
        // NTracking's dashboards read this name.
        let network_size = if is_peer { "network_size" } else { "networ_size" };
        let shunned = match self {
            Form::Peer => figures.shunned,
            Form::NTracking => figures.shunned_total,
        };
        let suffix = if is_peer { ".0" } else { "" };
        let version = node.version.as_ref().map_or("", Version::as_str);
        let mut fields = vec![
            ("PeerId", Text(node.peer_id.clone().unwrap_or_default())),
            ("status", Text(status.to_owned())),
            ("version", Text(version.to_owned())),
            ("gets", Whole(figures.gets)),
            ("puts", Whole(figures.puts)),
            ("up_time", Whole(figures.uptime)),
            ("rewards", rewards),
            ("records", Whole(figures.records)),
            ("connected_peers", Whole(figures.connected_peers)),
            (network_size, Whole(figures.network_size)),
            ("open_connections", Whole(figures.open_connections)),
            ("total_peers", Whole(figures.total_peers)),
            ("shunned_count", Whole(shunned)),
            ("bad_peers", Whole(figures.bad_peers)),
            ("mem", hundredths(figures.mem, suffix)),
            ("cpu", hundredths(figures.cpu, suffix)),
            ("rel_records", Whole(figures.rel_records)),
            ("max_records", Whole(figures.max_records)),
            ("payment_count", Whole(figures.payment_count)),
            ("live_time", Whole(figures.live_time)),
        ];
        if !is_peer {
            fields.extend([
                ("shunned_closedgroup", Whole(figures.shunned)),
                ("shunned_oldclosedgroup", Whole(figures.shunned_by_old)),
            ]);
        }
        Point {
            measurement: "nodes",
            id: Some(match self {
                Form::Peer => node.id.to_string(),
                Form::NTracking => format!("{:04}", node.id.0),
            }),
            fields,
        }
    }

    /// The peer writes rewards in the smallest unit as text, NTracking in tokens of 18 decimals as a number.
    fn rewards(self, amount: Decimal) -> Field {
        match self {
            Form::Peer => Field::Text(amount.to_string()),
            Form::NTracking => Field::Number(amount.times_ten_to(-18).to_string()),
        }
    }
}

/// A value that is stored in hundredths; `whole` is appended to a number without decimals.
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
            .map(|(name, field)| format!("{name}={}", field.to_line()))
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
    /// A control character becomes a space, because a line break would end the line; quotes and backslashes are escaped.
    fn to_line(&self) -> String {
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
    fn writes_hundredths_as_the_peer_does() {
        for (value, text) in [
            (0, "0.0"),
            (3, "0.03"),
            (150, "1.5"),
            (10_000, "100.0"),
            (9_781, "97.81"),
        ] {
            assert_eq!(hundredths(value, ".0").to_line(), text);
        }
        assert_eq!(hundredths(0, "").to_line(), "0");
        assert_eq!(hundredths(-5, "").to_line(), "-0.05");
    }

    #[test]
    fn text_cannot_end_its_field() {
        let text = Field::Text("a\"b\\\nnodes x=1".to_owned());
        assert_eq!(text.to_line(), r#""a\"b\\ nodes x=1""#);
    }

    #[test]
    fn line_and_json_of_a_point_hold_the_same() {
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
    fn without_nodes_prints_a_comment_or_an_empty_list() {
        let text = |format| render(&[], format, Timestamp(0)).0;
        assert_eq!(text(Format::Text), "# No nodes found");
        assert_eq!(text(Format::Ntracking), "# No nodes found");
        assert_eq!(text(Format::Json), "[]");
    }
}
