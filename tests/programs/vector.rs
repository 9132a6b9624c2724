//! Decision vectors: a JSON object as input, the decision of the engine as output, with the names and units
//! of the Python wnm.
//!
//! A missing or null value is unknown and causes no action: an unknown level neither allows nor requires
//! anything, an unknown count is 0, an unknown cap is the present number of nodes, an unknown last stop is
//! no reboot. An unknown quota or delay has its default.

use serde_json::{Map, Value, json};
use wnm::colony::{Metrics, PausedNodes, Timestamp, Version, WaitShares};
use wnm::plan::decide::{Decision, decide};
use wnm::plan::policy::{Delays, Quotas, Threshold};
use wnm::plan::{ActionKind, Feature, Policy, Reason, Trigger};

/// The output line for an input line; an error object for an invalid line.
pub fn answer_line(line: &str) -> String {
    match serde_json::from_str::<Value>(&plain(line)) {
        Ok(Value::Object(vector)) => answer(&vector).to_string(),
        Ok(_) => json!({ "error": "a line is one JSON object" }).to_string(),
        Err(error) => json!({ "error": error.to_string() }).to_string(),
    }
}

/// `{"features":…,"actions":[…]}` for one vector, or `{"error":…}`.
pub fn answer(vector: &Map<String, Value>) -> Value {
    let (Some(config), Some(metrics)) = (object(vector, "config"), object(vector, "metrics")) else {
        return json!({ "error": "`config` and `metrics` must be objects" });
    };
    let said = Said {
        vector,
        config,
        metrics,
    };
    let decision = decide(&said.policy(), &said.metrics(), said.trigger(), said.now());
    json!({ "features": features(&decision), "actions": actions(&decision) })
}

fn features(decision: &Decision) -> Value {
    let named = Feature::ALL.iter().map(|feature| {
        let answer = decision.features.answer(*feature);
        (feature.name().to_owned(), Value::Bool(answer))
    });
    Value::Object(named.collect())
}

fn actions(decision: &Decision) -> Value {
    let each = decision.work.iter().map(|item| {
        let reason = Reason::Planned {
            task: item.task,
            position: item.position,
            causes: Vec::new(),
        };
        json!({ "type": item.task.kind().map_or("survey", ActionKind::word), "priority": item.task.priority(), "reason": reason.text() })
    });
    Value::Array(each.collect())
}

/// The values of one vector.
struct Said<'a> {
    vector: &'a Map<String, Value>,
    config: &'a Map<String, Value>,
    metrics: &'a Map<String, Value>,
}

impl Said<'_> {
    fn now(&self) -> Option<Timestamp> {
        [self.vector, self.metrics, self.config]
            .into_iter()
            .find_map(|map| whole(map, "now"))
            .map(Timestamp)
    }

    fn trigger(&self) -> Trigger {
        if is_true(self.vector.get("is_init")) {
            Trigger::Init {
                survey: is_true(self.vector.get("should_survey_init")),
            }
        } else {
            Trigger::Ordinary
        }
    }

    fn policy(&self) -> Policy {
        let config = |key: &str| whole(self.config, key);
        let limits = |add: &str, remove: &str| Threshold {
            add: level(self.config, add),
            remove: level(self.config, remove),
        };
        let upgrades = [self.config, self.metrics, self.vector]
            .into_iter()
            .find_map(|map| map.get("enable_upgrade").filter(|said| !said.is_null()))
            .is_none_or(|said| is_true(Some(said)));
        Policy {
            cap: config("node_cap").unwrap_or_else(|| self.count("total_nodes")),
            cpu: limits("cpu_less_than", "cpu_remove"),
            memory: limits("mem_less_than", "mem_remove"),
            disk: limits("hd_less_than", "hd_remove"),
            load: limits("desired_load_average", "max_load_average_allowed"),
            hdio: [
                limits("hdio_read_less_than", "hdio_read_remove"),
                limits("hdio_write_less_than", "hdio_write_remove"),
            ],
            netio: [
                limits("netio_read_less_than", "netio_read_remove"),
                limits("netio_write_less_than", "netio_write_remove"),
            ],
            quotas: Quotas {
                operations: config("max_concurrent_operations").unwrap_or(1),
                starts: config("max_concurrent_starts").unwrap_or(1),
                upgrades: config("max_concurrent_upgrades").unwrap_or(1),
                removals: config("max_concurrent_removals").unwrap_or(1),
                restarts: None,
            },
            delays: Delays {
                start: config("delay_start").unwrap_or(300),
                upgrade: config("delay_upgrade").unwrap_or(300),
                remove: config("delay_remove").unwrap_or(300),
                is_start_set: false,
            },
            last_stopped_at: Timestamp(
                config("last_stopped_at").unwrap_or_else(|| self.count("system_start")),
            ),
            upgrades,
            shunned: None,
            remove_for_upgrade: true,
            takeover: None,
        }
    }

    fn metrics(&self) -> Metrics {
        let level = |key: &str| level(self.metrics, key);
        Metrics {
            system_start: Timestamp(self.count("system_start")),
            total_nodes: self.count("total_nodes"),
            running_nodes: self.count("running_nodes"),
            stopped_nodes: self.count("stopped_nodes"),
            restarting_nodes: self.count("restarting_nodes"),
            upgrading_nodes: self.count("upgrading_nodes"),
            migrating_nodes: self.count("migrating_nodes"),
            removing_nodes: self.count("removing_nodes"),
            dead_nodes: self.count("dead_nodes"),
            shunned_nodes: self.count("shunned_nodes"),
            antnode_version: version(self.metrics, "antnode_version"),
            queen_node_version: version(self.metrics, "queen_node_version"),
            nodes_no_version: self.count("nodes_no_version"),
            nodes_to_upgrade: self.count("nodes_to_upgrade"),
            upgradable_nodes: whole(self.metrics, "upgradable_nodes"),
            startable_nodes: whole(self.metrics, "startable_nodes"),
            hung_nodes: self.count("hung_nodes"),
            mute_nodes: 0,
            unanswered_nodes: 0,
            last_group: 0,
            paused: PausedNodes::default(),
            own: None,
            sustained: None,
            waits: WaitShares::default(),
            load_average_1: level("load_average_1"),
            load_average_5: level("load_average_5"),
            load_average_15: level("load_average_15"),
            used_cpu_percent: level("used_cpu_percent"),
            used_mem_percent: level("used_mem_percent"),
            used_hd_percent: level("used_hd_percent"),
            are_inodes_scarcer: false,
            hdio_write_bytes: level("hdio_write_bytes"),
            hdio_read_bytes: level("hdio_read_bytes"),
            netio_write_bytes: level("netio_write_bytes"),
            netio_read_bytes: level("netio_read_bytes"),
        }
    }

    fn count(&self, key: &str) -> i64 {
        whole(self.metrics, key).unwrap_or(0)
    }
}

fn object<'a>(vector: &'a Map<String, Value>, key: &str) -> Option<&'a Map<String, Value>> {
    vector.get(key).and_then(Value::as_object)
}

/// A number, or a text or boolean that stands for one.
fn number(said: &Value) -> Option<f64> {
    match said {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        Value::Bool(switch) => Some(f64::from(u8::from(*switch))),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn level(map: &Map<String, Value>, key: &str) -> f64 {
    map.get(key).and_then(number).unwrap_or(f64::NAN)
}

/// An integer; fractions are truncated and large values limited.
fn whole(map: &Map<String, Value>, key: &str) -> Option<i64> {
    let said = map.get(key)?;
    said.as_i64().or_else(|| {
        number(said)
            .filter(|number| !number.is_nan())
            .map(|number| number as i64)
    })
}

/// A version; None for a value that cannot be one, such as a number or an empty text.
fn version(map: &Map<String, Value>, key: &str) -> Option<Version> {
    let text = map.get(key)?.as_str()?;
    (!text.is_empty()).then(|| Version::new(text))
}

/// True as in Python: not null, not zero, not empty.
fn is_true(said: Option<&Value>) -> bool {
    match said {
        None | Some(Value::Null) => false,
        Some(Value::Bool(is)) => *is,
        Some(Value::Number(number)) => number.as_f64() != Some(0.0),
        Some(Value::String(text)) => !matches!(text.as_str(), "" | "0" | "false" | "False"),
        Some(Value::Array(_) | Value::Object(_)) => true,
    }
}

/// The line without the words for numbers that Python writes and JSON does not allow.
fn plain(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut rest = line;
    let mut in_text = false;
    while let Some(next) = rest.chars().next() {
        if !in_text
            && let Some((word, number)) = [("NaN", "null"), ("-Infinity", "-1e308"), ("Infinity", "1e308")]
                .into_iter()
                .find(|(word, _)| rest.starts_with(word))
        {
            plain.push_str(number);
            rest = &rest[word.len()..];
            continue;
        }
        let taken = match next {
            '\\' if in_text => rest.chars().take(2).map(char::len_utf8).sum(),
            _ => next.len_utf8(),
        };
        in_text ^= next == '"';
        plain.push_str(&rest[..taken]);
        rest = &rest[taken..];
    }
    plain
}
