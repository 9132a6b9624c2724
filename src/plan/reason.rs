//! The reasons of steps, with their texts and figures.

use std::fmt;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::colony::{Plural, Timestamp};

use super::task::Task;

/// The reason of a step.
#[derive(Clone, Debug, PartialEq)]
pub enum Reason {
    /// The engine planned it: the task, which of how many, and the causes.
    Planned {
        task: Task,
        position: Option<Position>,
        causes: Vec<Cause>,
    },
    /// An operator forced it.
    Ordered { causes: Vec<Cause> },
    /// A killed run began it.
    Unfinished { run: String },
}

/// The position of a work item among those of its task, both counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    pub nth: i64,
    pub of: i64,
}

/// One cause of a step, with its figures.
#[derive(Clone, Debug, PartialEq)]
pub enum Cause {
    /// A limit is exceeded.
    Above {
        what: Quantity,
        is: f64,
        limit: f64,
    },
    OverCap {
        nodes: i64,
        cap: i64,
    },
    /// Upgrades cannot start while a limit is exceeded, so a node is removed.
    UpgradesWait {
        nodes: i64,
    },
    Room {
        nodes: i64,
        cap: i64,
    },
    Outdated {
        has: Option<String>,
        newest: String,
    },
    Shunned {
        times: i64,
        limit: i64,
    },
    RootGone(PathBuf),
    /// Seconds since the node was stopped, and the delay that has passed.
    Waited {
        seconds: i64,
        delay: i64,
    },
    Booted {
        at: Timestamp,
        last_stopped: Timestamp,
    },
    Silent {
        surveys: u32,
    },
}

/// A quantity of the machine that has limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    Cpu,
    Memory,
    Disk,
    /// The disk, where its inodes are scarcer than its bytes.
    DiskInodes,
    Load1,
    Load5,
    Load15,
    DiskRead,
    DiskWrite,
    NetRead,
    NetWrite,
}

/// A limit on concurrent operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quota {
    Operations,
    Starts,
    Upgrades,
    Removals,
}

impl Reason {
    /// The short text, in the peer's words: `stop node (1/2)`.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Reason::Planned {
                task, position: None, ..
            } => task.to_string(),
            Reason::Planned {
                task,
                position: Some(position),
                ..
            } => format!("{task} ({}/{})", position.nth, position.of),
            Reason::Ordered { .. } => "forced".to_owned(),
            Reason::Unfinished { run } => format!("begun by run {run}, which was killed"),
        }
    }

    /// The causes.
    #[must_use]
    pub fn causes(&self) -> &[Cause] {
        match self {
            Reason::Planned { causes, .. } | Reason::Ordered { causes } => causes,
            Reason::Unfinished { .. } => &[],
        }
    }

    /// All figures, for the event table: `{"nth":1,"of":2,"above":{"what":"cpu","is":85.0,"limit":70.0}}`.
    #[must_use]
    pub fn figures(&self) -> Value {
        let mut figures = serde_json::Map::new();
        if let Reason::Planned {
            position: Some(position),
            ..
        } = self
        {
            figures.insert("nth".to_owned(), position.nth.into());
            figures.insert("of".to_owned(), position.of.into());
        }
        if let Reason::Unfinished { run } = self {
            figures.insert("run".to_owned(), run.as_str().into());
        }
        let above: Vec<Value> = self.causes().iter().filter_map(Cause::pressure).collect();
        if !above.is_empty() {
            figures.insert("above".to_owned(), above.into());
        }
        for cause in self.causes() {
            if let Some((name, value)) = cause.figure() {
                figures.insert(name.to_owned(), value);
            }
        }
        Value::Object(figures)
    }
}

/// The text and all causes: `stop node (1/2): cpu 85.0 % is above 70 %`.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())?;
        for (place, cause) in self.causes().iter().enumerate() {
            f.write_str(if place == 0 { ": " } else { ", " })?;
            cause.fmt(f)?;
        }
        Ok(())
    }
}

impl Cause {
    /// Several quantities may exceed their limits at once, so these form a list.
    fn pressure(&self) -> Option<Value> {
        match self {
            Cause::Above { what, is, limit } => {
                Some(json!({ "what": what.to_string(), "is": is, "limit": limit }))
            }
            _ => None,
        }
    }

    fn figure(&self) -> Option<(&'static str, Value)> {
        Some(match self {
            Cause::Above { .. } => return None,
            Cause::OverCap { nodes, cap } => ("over_cap", json!({ "nodes": nodes, "cap": cap })),
            Cause::UpgradesWait { nodes } => ("upgrades_wait", json!(nodes)),
            Cause::Room { nodes, cap } => ("room", json!({ "nodes": nodes, "cap": cap })),
            Cause::Outdated { has, newest } => ("outdated", json!({ "has": has, "newest": newest })),
            Cause::Shunned { times, limit } => ("shunned", json!({ "times": times, "limit": limit })),
            Cause::RootGone(root) => ("root_gone", json!(root.to_string_lossy())),
            Cause::Waited { seconds, delay } => ("waited", json!({ "seconds": seconds, "delay": delay })),
            Cause::Booted { at, last_stopped } => {
                ("booted", json!({ "at": at.0, "last_stopped_at": last_stopped.0 }))
            }
            Cause::Silent { surveys } => ("silent", json!(surveys)),
        })
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::Above { what, is, limit } => {
                write!(f, "{what} {} is above {}", what.reading(*is), what.limit(*limit))
            }
            Cause::OverCap { nodes, cap } | Cause::Room { nodes, cap } => {
                write!(f, "the colony has {}, its cap is {cap}", Plural(*nodes, "node"))
            }
            Cause::UpgradesWait { nodes } => {
                let nodes = Plural(*nodes, "outdated node");
                write!(f, "meanwhile {nodes} cannot be upgraded")
            }
            Cause::Outdated {
                has: Some(has),
                newest,
            } => write!(f, "version {has} is older than {newest}"),
            Cause::Outdated { has: None, newest } => {
                write!(f, "its version is unknown, the newest is {newest}")
            }
            Cause::Shunned { times, limit } => {
                write!(f, "shunned {times} times in three surveys, the limit is {limit}")
            }
            Cause::RootGone(root) => write!(f, "its root directory `{}` is missing", root.display()),
            Cause::Waited { seconds, delay } => write!(f, "stopped {seconds} s ago, the delay is {delay} s"),
            Cause::Booted { at, last_stopped } => {
                let (at, last_stopped) = (at.utc(), last_stopped.utc());
                write!(f, "booted at {at}, after the last stop at {last_stopped}")
            }
            Cause::Silent { surveys } => write!(f, "no answer in {surveys} surveys, but its process runs"),
        }
    }
}

impl Quantity {
    /// The name of the instrument, which all three load averages share.
    pub(super) fn source(self) -> String {
        match self {
            Quantity::Load1 | Quantity::Load5 | Quantity::Load15 => "load".to_owned(),
            other => other.to_string(),
        }
    }

    /// A measured value with its unit.
    #[must_use]
    pub fn reading(self, value: f64) -> String {
        match self {
            Quantity::Cpu | Quantity::Memory | Quantity::Disk | Quantity::DiskInodes => {
                format!("{value:.1} %")
            }
            Quantity::Load1 | Quantity::Load5 | Quantity::Load15 => format!("{value:.2}"),
            Quantity::DiskRead | Quantity::DiskWrite | Quantity::NetRead | Quantity::NetWrite => {
                format!("{value:.0} B/s")
            }
        }
    }

    /// A limit with its unit, as the operator set it.
    #[must_use]
    pub fn limit(self, value: f64) -> String {
        match self {
            Quantity::Cpu | Quantity::Memory | Quantity::Disk | Quantity::DiskInodes => {
                format!("{value} %")
            }
            Quantity::Load1 | Quantity::Load5 | Quantity::Load15 => format!("{value}"),
            Quantity::DiskRead | Quantity::DiskWrite | Quantity::NetRead | Quantity::NetWrite => {
                format!("{value} B/s")
            }
        }
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Quantity::Cpu => "cpu",
            Quantity::Memory => "memory",
            Quantity::Disk => "disk",
            Quantity::DiskInodes => "disk inodes",
            Quantity::Load1 => "load average of 1 min",
            Quantity::Load5 => "load average of 5 min",
            Quantity::Load15 => "load average of 15 min",
            Quantity::DiskRead => "disk read",
            Quantity::DiskWrite => "disk write",
            Quantity::NetRead => "net read",
            Quantity::NetWrite => "net write",
        })
    }
}

/// The last part of the name of its setting: `max_concurrent_` and this.
impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Quota::Operations => "operations",
            Quota::Starts => "starts",
            Quota::Upgrades => "upgrades",
            Quota::Removals => "removals",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reason_has_the_text_of_the_peer_and_all_figures() {
        let reason = Reason::Planned {
            task: Task::Stop,
            position: Some(Position { nth: 1, of: 2 }),
            causes: vec![
                Cause::Above {
                    what: Quantity::Cpu,
                    is: 85.04,
                    limit: 70.0,
                },
                Cause::Above {
                    what: Quantity::Load5,
                    is: 2.5,
                    limit: 2.0,
                },
            ],
        };
        assert_eq!(reason.text(), "stop node (1/2)");
        assert_eq!(
            reason.to_string(),
            "stop node (1/2): cpu 85.0 % is above 70 %, load average of 5 min 2.50 is above 2"
        );
        assert_eq!(
            reason.figures().to_string(),
            r#"{"nth":1,"of":2,"above":[{"what":"cpu","is":85.04,"limit":70.0},{"what":"load average of 5 min","is":2.5,"limit":2.0}]}"#
        );
    }

    #[test]
    fn reason_without_a_position_is_its_task() {
        let reason = Reason::Planned {
            task: Task::RemoveDead,
            position: None,
            causes: Vec::new(),
        };
        assert_eq!(reason.to_string(), "dead node cleanup");
        assert_eq!(reason.figures().to_string(), "{}");
    }
}
