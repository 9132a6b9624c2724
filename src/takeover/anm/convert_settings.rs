//! What anm's settings come to in wnm: names, units of time, and what counts where several places say something.

mod wallet;

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::TakeoverError;
use super::config::{Assignment, unclear};
use super::inspect::ServerState;
use super::unit_formats;
use super::units::{NodeUnit, collapsed};
use super::warning::{Warning, WarningCode};

/// anm counts runs, of which there is one a minute; wnm counts seconds.
const RUN_S: u64 = 60;

/// More than anybody waits: a thousand years.
const MOST_RUNS: u64 = 1_000 * 366 * 24 * 60;

/// So many nodes can be in a colony.
const MOST_NODES: u64 = 10_000;

/// One setting of the colony as anm had it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConvertedSetting {
    /// wnm's name for it.
    pub name: &'static str,
    /// As wnm takes it.
    pub text: String,
    /// anm's name and text for it, where it has them.
    pub was: String,
    /// Where it stands.
    pub from: String,
    /// What is different about it in wnm.
    pub note: &'static str,
}

/// Percentages: anm's name, wnm's, and what differs.
const PERCENTS: [(&str, &str, &str); 6] = [
    ("CpuLessThan", "cpu_less_than", ""),
    ("MemLessThan", "mem_less_than", ""),
    (
        "HDLessThan",
        "hd_less_than",
        "of the disk of `node_storage`; anm looked at `/var`",
    ),
    ("CpuRemove", "cpu_remove", ""),
    ("MemRemove", "mem_remove", ""),
    (
        "HDRemove",
        "hd_remove",
        "of the disk of `node_storage`; anm looked at `/var`",
    ),
];

const LOADS: [(&str, &str, &str); 2] = [
    (
        "MaxLoadAverageAllowed",
        "max_load_average_allowed",
        "any of the three averages above it counts; for anm those of 1 and of 5 minutes both had to be",
    ),
    ("DesiredLoadAverage", "desired_load_average", ""),
];

const DELAYS: [(&str, &str, &str); 4] = [
    ("DelayStart", "delay_start", "runs of a minute to seconds"),
    (
        "DelayReStart",
        "delay_restart",
        "runs of a minute to seconds; kept and not used",
    ),
    ("DelayUpgrade", "delay_upgrade", "runs of a minute to seconds"),
    (
        "DelayRemove",
        "delay_remove",
        "runs of a minute to seconds; stopped nodes are no longer on a countdown to their deletion",
    ),
];

/// The settings of the colony, of which `rows` nodes will be.
///
/// # Errors
/// A value that cannot be used.
pub fn settings(
    reading: &ServerState,
    units: &[NodeUnit],
    rows: usize,
    warnings: &mut Vec<Warning>,
) -> Result<Vec<ConvertedSetting>, TakeoverError> {
    let mut desk = SettingsConverter {
        reading,
        taken: Vec::new(),
        warnings,
    };
    desk.node_cap(rows)?;
    for (old, new, note) in PERCENTS {
        desk.take(
            old,
            new,
            note,
            |text| whole(text, 100).map(|n| n.to_string()),
            "is no percentage from 0 to 100",
        )?;
    }
    for (old, new, note) in LOADS {
        desk.take(old, new, note, load, "is no load average above 0")?;
    }
    for (old, new, note) in DELAYS {
        let seconds = |text: &str| Some((whole(text, MOST_RUNS)? * RUN_S).to_string());
        desk.take(old, new, note, seconds, "is no whole number of runs")?;
    }
    desk.script();
    desk.storage(units)?;
    desk.payee(units)?;
    desk.ports(units);
    desk.like_newest(units);
    let mut derived = |name, text: String, from: &str| {
        desk.taken.push(ConvertedSetting {
            name,
            text,
            was: String::new(),
            from: from.to_owned(),
            note: "",
        });
    };
    let antnode = reading.operator.antnode.to_string_lossy().into_owned();
    derived("antnode_path", antnode, "where the operator has it");
    derived("process_manager", "systemd+sudo".to_owned(), "what anm uses");
    Ok(desk.taken)
}

/// Where settings are taken over.
struct SettingsConverter<'a> {
    reading: &'a ServerState,
    taken: Vec<ConvertedSetting>,
    warnings: &'a mut Vec<Warning>,
}

impl SettingsConverter<'_> {
    /// Takes over one value as `read` reads it; what nobody says is left to wnm's default.
    fn take(
        &mut self,
        old: &'static str,
        new: &'static str,
        note: &'static str,
        read: impl Fn(&str) -> Option<String>,
        why: &str,
    ) -> Result<(), TakeoverError> {
        let Some(text) = self.reading.effective.text(old)? else {
            let say = format!("anm does not say `{old}`; `{new}` is wnm's default");
            self.warnings.push(Warning::new(WarningCode::SettingMissing, say));
            return Ok(());
        };
        let Some(said) = self.reading.effective.get(old) else {
            return Ok(());
        };
        let value = read(text).ok_or_else(|| unclear(old, said, &format!("is `{text}`, which {why}")))?;
        if text.len() > 1 && text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit()) {
            let say = format!("`{old}` is `{text}`: taken as decimal, though a shell counts it in eights");
            self.warnings.push(Warning::new(WarningCode::LeadingZero, say));
        }
        self.push(new, value, format!("{old}={text}"), &place(said), note);
        Ok(())
    }

    fn push(&mut self, name: &'static str, text: String, was: String, from: &str, note: &'static str) {
        self.taken.push(ConvertedSetting {
            name,
            text,
            was,
            from: from.to_owned(),
            note,
        });
    }

    /// What anm takes from its own script on a machine of many processors, where that is not plain.
    fn script(&mut self) {
        let effective = &self.reading.effective;
        let say = match effective.script_delays.len() {
            0 if effective.has_many_cores => {
                "anms.sh does not say `DelayStart` plainly, which counts on machines of 24 processors and more; that of \
                 anm's settings is taken"
            }
            0 | 1 => return,
            _ => {
                "anms.sh sets `DelayStart` for machines of 24 processors and more to different numbers; the last counts"
            }
        };
        self.warnings.push(Warning::new(WarningCode::ScriptUnclear, say));
    }

    /// wnm must not delete a node because anm counted otherwise.
    fn node_cap(&mut self, rows: usize) -> Result<(), TakeoverError> {
        let note = "counts every node; anm counted those that run";
        self.take(
            "NodeCap",
            "node_cap",
            note,
            |text| whole(text, MOST_NODES).map(|n| n.to_string()),
            "is no whole number from 0 to 10000",
        )?;
        let Some(cap) = self.taken.last_mut().filter(|taken| taken.name == "node_cap") else {
            self.push(
                "node_cap",
                rows.to_string(),
                String::new(),
                "the nodes that are there",
                note,
            );
            return Ok(());
        };
        if cap.text.parse::<usize>().is_ok_and(|cap| cap < rows) {
            let say = format!(
                "{} with {rows} nodes there: raised to {rows}, so that none is removed for it",
                cap.was
            );
            cap.text = rows.to_string();
            self.warnings.push(Warning::new(WarningCode::NodeCapRaised, say));
        }
        Ok(())
    }

    fn storage(&mut self, units: &[NodeUnit]) -> Result<(), TakeoverError> {
        let text = self
            .reading
            .effective
            .text("NodeStorage")?
            .filter(|text| !text.is_empty());
        let (path, was, from) = match (text, self.reading.effective.get("NodeStorage")) {
            (Some(text), Some(said)) => {
                if !text.starts_with('/') {
                    return Err(unclear(
                        "NodeStorage",
                        said,
                        &format!("is `{text}`, which is no absolute path"),
                    ));
                }
                (collapsed(text), format!("NodeStorage={text}"), place(said))
            }
            _ => {
                let parents = units
                    .iter()
                    .filter_map(|unit| Some(unit.root.as_deref()?.parent()?.to_owned()))
                    // A root as `/antnode001`: no folder of nodes.
                    .filter(|path| path.parent().is_some());
                let path = most_frequent(parents).unwrap_or_else(|| super::inspect::SERVICES.into());
                (path, String::new(), "where most nodes are".to_owned())
            }
        };
        for unit in units {
            if let Some(root) = unit.root.as_deref().filter(|root| !root.starts_with(&path)) {
                let say = format!(
                    "its root `{}` is not below `{}`, where new nodes go",
                    root.display(),
                    path.display()
                );
                self.warnings
                    .push(Warning::of_node(WarningCode::StorageElsewhere, unit.name(), say));
            }
        }
        self.push(
            "node_storage",
            path.to_string_lossy().into_owned(),
            was,
            &from,
            "",
        );
        Ok(())
    }

    fn ports(&mut self, units: &[NodeUnit]) {
        let each = |port: fn(&NodeUnit) -> Option<u16>| {
            units
                .iter()
                .filter_map(move |unit| unit_formats::thousands(port(unit), unit.number?))
        };
        let script = self.reading.effective.thousands;
        let (port, from) = match (most_frequent(each(|unit| unit.port)), script) {
            (Some(port), _) => (port, "what most nodes have"),
            (None, Some(port)) => (port, "`ntpr` in anms.sh"),
            (None, None) => (55, "anm's default"),
        };
        let was = script.map_or_else(String::new, |script| format!("ntpr={script}"));
        self.push("port_start", port.to_string(), was, from, "");
        let metrics = most_frequent(each(|unit| unit.metrics_port)).unwrap_or(13);
        self.push(
            "metrics_port_start",
            metrics.to_string(),
            String::new(),
            "what most nodes have",
            "",
        );
        for unit in units.iter().filter(|unit| unit.is_whole()) {
            let Some(number) = unit.number else { continue };
            let usual = (port * 1000 + number, metrics * 1000 + number);
            let has = (
                u32::from(unit.port.unwrap_or(0)),
                u32::from(unit.metrics_port.unwrap_or(0)),
            );
            if has != usual {
                let say = format!(
                    "port {} and metrics port {}, where its number gives {} and {}; they are kept",
                    has.0, has.1, usual.0, usual.1
                );
                self.warnings
                    .push(Warning::of_node(WarningCode::PortOffFormula, unit.name(), say));
            }
        }
    }

    /// New nodes are started as the newest of those that are there.
    fn like_newest(&mut self, units: &[NodeUnit]) {
        let whole = || units.iter().filter(|unit| unit.is_whole());
        // What a hand did to one node is no rule for new ones, unless it did it to all.
        let newest = whole()
            .filter(|unit| !unit_formats::is_by_hand(unit))
            .max_by_key(|unit| unit.number)
            .or_else(|| whole().max_by_key(|unit| unit.number));
        let from = newest.map_or_else(
            || "what anm writes today".to_owned(),
            |unit| format!("the unit of {}", unit.name()),
        );
        let environment =
            newest.map_or_else(|| "ANT_LOG=ant_evm=error".to_owned(), NodeUnit::environment_text);
        self.push("environment", environment, String::new(), &from, "for new nodes");
        let no_upnp = newest.is_none_or(|unit| unit.no_upnp);
        self.push(
            "no_upnp",
            no_upnp.to_string(),
            String::new(),
            &from,
            "for new nodes",
        );
    }
}

/// What occurs most often, and among equals what comes first.
#[must_use]
pub fn most_frequent<T: Ord + Clone>(values: impl Iterator<Item = T>) -> Option<T> {
    let mut counts: BTreeMap<T, (usize, usize)> = BTreeMap::new();
    for (place, value) in values.enumerate() {
        counts.entry(value).or_insert((0, place)).0 += 1;
    }
    let best = counts
        .into_iter()
        .max_by_key(|(_, (count, place))| (*count, std::cmp::Reverse(*place)));
    best.map(|(value, _)| value)
}

/// A number of digits alone, up to `most`.
fn whole(text: &str, most: u64) -> Option<u64> {
    let number = text
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())?;
    number.filter(|number| *number <= most)
}

/// A load average as wnm writes it; anm leaves the zero before the point out.
fn load(text: &str) -> Option<String> {
    let number: f64 = text.parse().ok()?;
    (number.is_finite() && number > 0.0).then(|| format!("{number:?}"))
}

fn place(said: &Assignment) -> String {
    let file: &PathBuf = &said.file;
    match said.line {
        0 => format!("`{}`", file.display()),
        line => format!("`{}` line {line}", file.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::{load, most_frequent, whole};

    #[test]
    fn numbers_are_read_as_anm_writes_them() {
        assert_eq!(load(".6").as_deref(), Some("0.6"));
        assert_eq!(load("8.0").as_deref(), Some("8.0"));
        assert_eq!(load("inf"), None);
        assert_eq!(load("-1"), None);
        assert_eq!(load("0"), None);
        assert_eq!(whole("0", 9), Some(0));
        assert_eq!(whole("08", 9), Some(8));
        for text in ["10", "2.5", "-3", "+3", "", "99999999999999999999"] {
            assert_eq!(whole(text, 9), None, "{text}");
        }
    }

    #[test]
    fn among_equals_the_first_is_the_most_frequent() {
        assert_eq!(most_frequent([2, 1, 2, 1].into_iter()), Some(2));
        assert_eq!(most_frequent([3, 1, 1].into_iter()), Some(1));
        assert_eq!(most_frequent(std::iter::empty::<u8>()), None);
    }
}
