//! Reads from anm's script where it expects nodes, and under which names.

use std::path::PathBuf;

use super::paths::SCRIPT;
use super::units::{NodeUnit, collapsed};
use super::{Server, TakeoverError};

/// The most names in one message.
const NAMED: usize = 4;

/// Where the script expects nodes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    /// Thousands of the ports: with 55, node 7 has the port 55007.
    pub thousands: u32,
    /// The digits of a name; `None`: unclear.
    pub digits: Option<usize>,
    /// The storage directory; `None`: unclear.
    pub storage: Option<PathBuf>,
}

impl Script {
    /// Reads the installed script; `None`: there is none.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn of(server: &Server) -> Result<Option<Script>, TakeoverError> {
        Ok(server.read(SCRIPT)?.map(|text| Script::read(&text)))
    }

    /// Parses the text of the script, without running it.
    #[must_use]
    pub fn read(text: &str) -> Script {
        let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
        let mut script = Script {
            thousands: 55,
            ..Script::default()
        };
        let mut widths = Vec::new();
        let mut storages = Vec::new();
        for line in lines {
            if let Some(number) = line.strip_prefix("ntpr=") {
                script.thousands = number.trim().parse().unwrap_or(script.thousands);
            }
            widths.extend(line.split("%0").skip(1).filter_map(width));
            // The storage directory is the literal before the node's name.
            storages.extend(line.split("--root-dir ").skip(1).filter_map(storage));
        }
        widths.dedup();
        storages.dedup();
        script.digits = <[usize; 1]>::try_from(widths).ok().map(|[width]| width);
        script.storage = <[PathBuf; 1]>::try_from(storages).ok().map(|[path]| path);
        script
    }

    /// Why anm, with this script, would act on wrong nodes. It expects numbers from 1 without gaps, one storage directory,
    /// and ports that follow from the numbers.
    #[must_use]
    pub fn objections(&self, units: &[NodeUnit]) -> Vec<String> {
        let mut all = Vec::new();
        let mut numbers: Vec<u32> = units.iter().filter_map(|unit| unit.number).collect();
        numbers.sort_unstable();
        let holes = (1..).zip(&numbers).find(|(nth, number)| nth != *number);
        if let Some((nth, number)) = holes {
            all.push(if nth > *number {
                format!("two nodes have the number {number}")
            } else {
                format!("the node numbers have a gap at {nth}")
            });
        }
        let mut storages: Vec<PathBuf> = units
            .iter()
            .filter_map(|unit| unit.root.as_deref()?.parent().map(collapsed))
            .collect();
        storages.sort();
        storages.dedup();
        if storages.len() > 1 {
            all.push(format!("the nodes are in {} storage directories", storages.len()));
        }
        // Current versions of anm use four digits.
        let digits = self.digits.unwrap_or(4);
        let mut told = |what: &str, is_odd: &dyn Fn(&NodeUnit) -> bool| {
            let odd: Vec<&str> = units
                .iter()
                .filter(|unit| is_odd(unit))
                .map(NodeUnit::name)
                .collect();
            if !odd.is_empty() {
                let more = match odd.len().saturating_sub(NAMED) {
                    0 => String::new(),
                    more => format!(" and {more} more"),
                };
                all.push(format!("{}{more} {what}", odd[..odd.len().min(NAMED)].join(", ")));
            }
        };
        let number = |unit: &NodeUnit| unit.number.unwrap_or_default();
        told(&format!("do not have names with {digits} digits"), &|unit| {
            unit.digits != format!("{:0digits$}", number(unit))
        });
        told(&format!("not at port {}000 + number", self.thousands), &|unit| {
            unit.port.map(u32::from) != Some(self.thousands * 1000 + number(unit))
        });
        told("not at metrics port 13000 + number", &|unit| {
            unit.metrics_port.map(u32::from) != Some(13_000 + number(unit))
        });
        if let Some(storage) = &self.storage {
            told(&format!("not in `{}`", storage.display()), &|unit| {
                unit.root.as_deref().and_then(|root| root.parent()) != Some(storage)
            });
        }
        all
    }
}

/// The width after `%0` in a format of `seq` or `printf`.
fn width(rest: &str) -> Option<usize> {
    let mut chars = rest.chars();
    let width = chars.next()?.to_digit(10)?;
    matches!(chars.next()?, 'g' | 'd').then_some(width as usize)
}

fn storage(rest: &str) -> Option<PathBuf> {
    let end = rest.find("/$node_name").or_else(|| rest.find("/${node_name}"))?;
    rest.starts_with('/').then(|| collapsed(&rest[..end]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(digits: &str, port: u16, metrics: u16, root: &str) -> NodeUnit {
        let command = format!(
            "ExecStart={root}/antnode --root-dir {root} --port {port} --metrics-server-port {metrics}"
        );
        NodeUnit::read(
            &format!("antnode{digits}.service"),
            &[format!("[Service]\n{command}\n")],
        )
    }

    fn regular(number: u16) -> NodeUnit {
        let digits = format!("{number:04}");
        let root = format!("/var/antctl/services/antnode{digits}");
        unit(&digits, 55_000 + number, 13_000 + number, &root)
    }

    const PLAIN: &str = "ntpr=55\n# ntpr=99\nx=$(seq -f \"%04g\" $n $n)\n\
        ExecStart=/var/antctl/services/$node_name/antnode --root-dir /var/antctl/services//$node_name --port 1\n";

    #[test]
    fn accepts_nodes_as_anm_creates_them() {
        let script = Script::read(PLAIN);
        assert_eq!(script.digits, Some(4));
        assert_eq!(script.storage, Some(PathBuf::from("/var/antctl/services")));
        assert_eq!(
            script.objections(&[regular(1), regular(2), regular(3)]),
            Vec::<String>::new()
        );
    }

    #[test]
    fn reports_every_difference() {
        let script = Script::read(&PLAIN.replace("55", "35"));
        let units = [
            regular(1),
            unit("003", 35_003, 14_003, "/mnt/ant-data/services/antnode003"),
        ];
        assert_eq!(
            script.objections(&units),
            [
                "the node numbers have a gap at 2",
                "the nodes are in 2 storage directories",
                "antnode003 do not have names with 4 digits",
                "antnode0001 not at port 35000 + number",
                "antnode003 not at metrics port 13000 + number",
                "antnode003 not in `/var/antctl/services`",
            ]
        );
    }

    #[test]
    fn unclear_script_has_defaults() {
        let script = Script::read("vtrack=\"2.0 \"\n");
        assert_eq!(
            script,
            Script {
                thousands: 55,
                digits: None,
                storage: None
            }
        );
    }
}
