//! Converts anm's settings to wnm's: names, units of time, and priorities between several files.

mod wallet;

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::TakeoverError;
use super::config::{Assignment, invalid};
use super::inspect::ServerState;
use super::unit_formats;
use super::units::{NodeUnit, collapsed};
use super::warning::{Warning, WarningCode};

/// anm's delays are in runs, one a minute; wnm's are in seconds.
const RUN_S: u64 = 60;

/// The longest delay, a thousand years: still a number after the conversion to seconds.
const MOST_RUNS: u64 = 1_000 * 366 * 24 * 60;

/// The most nodes that a colony can have.
const MOST_NODES: u64 = 10_000;

/// One setting of the colony, converted from anm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConvertedSetting {
    /// Its name in wnm.
    pub name: &'static str,
    /// Its value in wnm.
    pub text: String,
    /// Its name and value in anm, `NodeCap=20`; empty if anm has no such setting.
    pub was: String,
    /// Where the value comes from.
    pub from: String,
    /// What is different in wnm; empty if nothing.
    pub note: &'static str,
}

/// Percentages: the name in anm, the name in wnm, and what differs.
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
        "wnm removes nodes if any of the three averages exceeds it; anm only if both those of 1 and 5 minutes did",
    ),
    ("DesiredLoadAverage", "desired_load_average", ""),
];

const DELAYS: [(&str, &str, &str); 4] = [
    ("DelayStart", "delay_start", "from minutes to seconds"),
    (
        "DelayReStart",
        "delay_restart",
        "from minutes to seconds; stored but not used",
    ),
    ("DelayUpgrade", "delay_upgrade", "from minutes to seconds"),
    (
        "DelayRemove",
        "delay_remove",
        "from minutes to seconds; wnm does not delete stopped nodes after a countdown",
    ),
];

/// The settings of a colony with `rows` nodes.
///
/// # Errors
/// When a value is invalid.
pub fn settings(
    reading: &ServerState,
    units: &[NodeUnit],
    rows: usize,
    warnings: &mut Vec<Warning>,
) -> Result<Vec<ConvertedSetting>, TakeoverError> {
    let mut converter = SettingsConverter {
        reading,
        taken: Vec::new(),
        warnings,
    };
    converter.node_cap(rows)?;
    for (old, new, note) in PERCENTS {
        converter.take(
            old,
            new,
            note,
            |text| whole(text, 100).map(|n| n.to_string()),
            "must be a percentage from 0 to 100",
        )?;
    }
    for (old, new, note) in LOADS {
        converter.take(old, new, note, load, "must be a load average above 0")?;
    }
    for (old, new, note) in DELAYS {
        let seconds = |text: &str| Some((whole(text, MOST_RUNS)? * RUN_S).to_string());
        converter.take(old, new, note, seconds, "must be a whole number of runs")?;
    }
    converter.script();
    converter.storage(units)?;
    converter.rewards_address(units)?;
    converter.ports(units);
    converter.environment_of_newest(units);
    let mut derived = |name, text: String, from: &str| {
        converter.taken.push(ConvertedSetting {
            name,
            text,
            was: String::new(),
            from: from.to_owned(),
            note: "",
        });
    };
    let antnode = reading.operator.antnode.to_string_lossy().into_owned();
    derived("antnode_path", antnode, "where the operator installed it");
    derived("process_manager", "systemd+sudo".to_owned(), "what anm uses");
    Ok(converter.taken)
}

/// Collects the converted settings and the warnings about them.
struct SettingsConverter<'a> {
    reading: &'a ServerState,
    taken: Vec<ConvertedSetting>,
    warnings: &'a mut Vec<Warning>,
}

impl SettingsConverter<'_> {
    /// Converts one value with `read`. A value that anm does not set keeps wnm's default.
    fn take(
        &mut self,
        old: &'static str,
        new: &'static str,
        note: &'static str,
        read: impl Fn(&str) -> Option<String>,
        why: &str,
    ) -> Result<(), TakeoverError> {
        let Some(text) = self.reading.effective.text(old)? else {
            let say = format!("anm does not set `{old}`; `{new}` gets wnm's default");
            self.warnings.push(Warning::new(WarningCode::SettingMissing, say));
            return Ok(());
        };
        let Some(assignment) = self.reading.effective.get(old) else {
            return Ok(());
        };
        let value = read(text).ok_or_else(|| invalid(old, assignment, &format!("is `{text}`, but {why}")))?;
        if text.len() > 1 && text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit()) {
            let say =
                format!("`{old}` is `{text}`: read as a decimal number, although a shell reads it as octal");
            self.warnings.push(Warning::new(WarningCode::LeadingZero, say));
        }
        self.push(new, value, format!("{old}={text}"), &place(assignment), note);
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

    /// Warns if the delay that anm takes from its script on a machine with many processors is unclear.
    fn script(&mut self) {
        let effective = &self.reading.effective;
        let say = match effective.script_delays.len() {
            0 if effective.has_many_cores => {
                "on machines with 24 or more processors anm uses the `DelayStart` of anms.sh, which is not a plain number; \
                 the value of anm's settings is used"
            }
            0 | 1 => return,
            _ => {
                "anms.sh sets `DelayStart` for machines with 24 or more processors to several numbers; the last one is used"
            }
        };
        self.warnings.push(Warning::new(WarningCode::ScriptUnclear, say));
    }

    /// Raises the cap to the number of nodes, so that wnm deletes none because anm counted only running nodes.
    fn node_cap(&mut self, rows: usize) -> Result<(), TakeoverError> {
        let note = "counts all nodes; anm counted running nodes only";
        self.take(
            "NodeCap",
            "node_cap",
            note,
            |text| whole(text, MOST_NODES).map(|n| n.to_string()),
            "must be a whole number from 0 to 10000",
        )?;
        let Some(cap) = self.taken.last_mut().filter(|taken| taken.name == "node_cap") else {
            self.push(
                "node_cap",
                rows.to_string(),
                String::new(),
                "the number of nodes",
                note,
            );
            return Ok(());
        };
        if cap.text.parse::<usize>().is_ok_and(|cap| cap < rows) {
            let say = format!(
                "{} is below the {rows} nodes of this server: raised to {rows}, so that no node is removed",
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
            (Some(text), Some(value)) => {
                if !text.starts_with('/') {
                    return Err(invalid(
                        "NodeStorage",
                        value,
                        &format!("is `{text}`, but must be an absolute path"),
                    ));
                }
                (collapsed(text), format!("NodeStorage={text}"), place(value))
            }
            _ => {
                let parents = units
                    .iter()
                    .filter_map(|unit| Some(unit.root.as_deref()?.parent()?.to_owned()))
                    // The parent of `/antnode001` is not a storage directory.
                    .filter(|path| path.parent().is_some());
                let path = most_frequent(parents).unwrap_or_else(|| super::inspect::SERVICES.into());
                (path, String::new(), "where most nodes are".to_owned())
            }
        };
        for unit in units {
            if let Some(root) = unit.root.as_deref().filter(|root| !root.starts_with(&path)) {
                let say = format!(
                    "its data directory `{}` is not below `{}`, the storage of new nodes",
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
            (Some(port), _) => (port, "as most nodes"),
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
            "as most nodes",
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
                    "it has port {} and metrics port {}, but its number would give {} and {}; it keeps them",
                    has.0, has.1, usual.0, usual.1
                );
                self.warnings
                    .push(Warning::of_node(WarningCode::PortOffFormula, unit.name(), say));
            }
        }
    }

    /// New nodes get the environment and the UPnP setting of the newest node.
    fn environment_of_newest(&mut self, units: &[NodeUnit]) {
        let whole = || units.iter().filter(|unit| unit.is_whole());
        // Prefer nodes that no operator changed.
        let newest = whole()
            .filter(|unit| !unit_formats::is_by_hand(unit))
            .max_by_key(|unit| unit.number)
            .or_else(|| whole().max_by_key(|unit| unit.number));
        let from = newest.map_or_else(
            || "as current versions of anm".to_owned(),
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

/// The most frequent value; of equally frequent ones the first.
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

/// Parses a number of digits only, up to `most`.
fn whole(text: &str, most: u64) -> Option<u64> {
    let number = text
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())?;
    number.filter(|number| *number <= most)
}

/// Parses a load average. anm writes `.6` for 0.6.
fn load(text: &str) -> Option<String> {
    let number: f64 = text.parse().ok()?;
    (number.is_finite() && number > 0.0).then(|| format!("{number:?}"))
}

fn place(value: &Assignment) -> String {
    let file: &PathBuf = &value.file;
    match value.line {
        0 => format!("`{}`", file.display()),
        line => format!("`{}` line {line}", file.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::{load, most_frequent, whole};

    #[test]
    fn parses_numbers_as_anm_writes_them() {
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
    fn first_of_equally_frequent_values_wins() {
        assert_eq!(most_frequent([2, 1, 2, 1].into_iter()), Some(2));
        assert_eq!(most_frequent([3, 1, 1].into_iter()), Some(1));
        assert_eq!(most_frequent(std::iter::empty::<u8>()), None);
    }
}
