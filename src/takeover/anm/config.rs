//! anm's files of settings: assignments for a shell, read without a shell.
//!
//! Only what needs no evaluation is understood: `NAME=value`, quoted or not, `export` before it, a comment
//! after it. What would have to be run to be known is told as such and never run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::paths::{CONFIG, SCRIPT, SYSTEM};
use super::{Server, TakeoverError};

/// Read after `config` on every run, where it is there.
pub const OVERRIDE: &str = "/var/antctl/override";

/// From so many processors on anm takes two timers from its own script.
const MANY_CORES: u32 = 24;

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// None: it would have to be evaluated.
    pub text: Option<String>,
    pub file: PathBuf,
    /// From 1.
    pub line: usize,
}

/// A line that is no plain assignment: anything may follow from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NonAssignment {
    /// From 1.
    pub line: usize,
    pub text: String,
}

/// All assignments of a file, later ones in the place of earlier ones.
///
/// # Errors
/// The first line that is none.
pub fn parse(text: &str, file: &Path) -> Result<BTreeMap<String, Assignment>, NonAssignment> {
    let mut said = BTreeMap::new();
    for (number, line) in text.lines().enumerate() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        let (name, text) = assignment(trimmed).ok_or_else(|| NonAssignment {
            line: number + 1,
            text: trimmed.to_owned(),
        })?;
        said.insert(
            name.to_owned(),
            Assignment {
                text,
                file: file.to_owned(),
                line: number + 1,
            },
        );
    }
    Ok(said)
}

/// The name and the value of one assignment; the value is None where a shell would have to say what it is.
fn assignment(line: &str) -> Option<(&str, Option<String>)> {
    let line = match line.strip_prefix("export") {
        Some(rest) if rest.starts_with([' ', '\t']) => rest.trim_start(),
        _ => line,
    };
    let (name, value) = line.split_once('=')?;
    let begins_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if !begins_well || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return None;
    }
    let mut text = String::new();
    let mut is_plain = true;
    let mut rest = value.chars();
    while let Some(c) = rest.next() {
        match c {
            '\'' => text.push_str(&single_quoted(&mut rest)?),
            '"' => is_plain &= double_quoted(&mut rest, &mut text)?,
            // At the end of the line it would make one of two lines.
            '\\' => text.push(rest.next()?),
            '$' => is_plain = false,
            '`' | '(' => {
                is_plain = false;
                // What follows belongs to it; where it ends only a shell knows.
                break;
            }
            // A second command on the line: it may do anything.
            ';' | '&' | '|' | '<' | '>' | ')' => return None,
            c if c.is_whitespace() => {
                let after = rest.as_str().trim_start();
                if after.is_empty() || after.starts_with('#') {
                    break;
                }
                return None;
            }
            c => text.push(c),
        }
    }
    Some((name, is_plain.then_some(text)))
}

/// Up to the closing quote; None where there is none.
fn single_quoted(rest: &mut std::str::Chars<'_>) -> Option<String> {
    let (inner, after) = rest.as_str().split_once('\'')?;
    *rest = after.chars();
    Some(inner.to_owned())
}

/// Adds what is up to the closing quote to `text`, and tells whether it is plain; None where the quote is not closed.
fn double_quoted(rest: &mut std::str::Chars<'_>, text: &mut String) -> Option<bool> {
    let mut is_plain = true;
    loop {
        match rest.next()? {
            '"' => return Some(is_plain),
            // Here a backslash means something before four characters, and itself before all others.
            '\\' => match rest.next()? {
                c @ ('$' | '`' | '"' | '\\') => text.push(c),
                c => text.extend(['\\', c]),
            },
            c => {
                is_plain &= !matches!(c, '$' | '`');
                text.push(c);
            }
        }
    }
}

/// What is in effect: `config`, then `override`, then the rule for many processors.
#[derive(Clone, Debug, Default)]
pub struct EffectiveConfig {
    said: BTreeMap<String, Assignment>,
    /// What each file says of the rewards address, `override` first: where one is no address, the next is asked.
    pub rewards: Vec<Assignment>,
    /// Whether two timers come from the script.
    pub has_many_cores: bool,
    /// The different delays in the script, where it is asked: which is meant cannot be told unless there is one.
    pub script_delays: Vec<u32>,
    /// The thousands of the ports of new nodes, as the script has them.
    pub thousands: Option<u32>,
}

impl EffectiveConfig {
    /// Reads all three files. The caller's environment does not matter.
    ///
    /// # Errors
    /// A file that cannot be read, or a line that would have to be run.
    pub fn read(server: &Server) -> Result<EffectiveConfig, TakeoverError> {
        let script = server.read(SCRIPT)?.unwrap_or_default();
        let system = file(server, SYSTEM)?;
        let overridden = file(server, OVERRIDE)?;
        let mut said = file(server, CONFIG)?;
        let rewards = [&overridden, &said].map(|file| file.get("RewardsAddress").cloned());
        said.extend(overridden);
        let mut effective = EffectiveConfig {
            said,
            rewards: rewards.into_iter().flatten().collect(),
            has_many_cores: false,
            script_delays: Vec::new(),
            thousands: literals(&script, "ntpr", Indent::None).pop(),
        };
        let cores = match system.get("CpuCount") {
            Some(said) => evaluated("CpuCount", said)?.parse().unwrap_or(0),
            None => 0,
        };
        effective.has_many_cores = cores >= MANY_CORES;
        if !effective.has_many_cores {
            return Ok(effective);
        }
        effective.script_delays = literals(&script, "DelayStart", Indent::Any);
        if let Some(delay) = effective.script_delays.last() {
            for name in ["DelayStart", "DelayUpgrade"] {
                let said = Assignment {
                    text: Some(delay.to_string()),
                    file: SCRIPT.into(),
                    line: 0,
                };
                effective.said.insert(name.to_owned(), said);
            }
        }
        effective.script_delays.dedup();
        Ok(effective)
    }

    /// What is said of `name`; None: nothing.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Assignment> {
        self.said.get(name)
    }

    /// The text of `name`; None: nothing is said.
    ///
    /// # Errors
    /// When it would have to be evaluated.
    pub fn text(&self, name: &str) -> Result<Option<&str>, TakeoverError> {
        let said = self.said.get(name);
        said.map(|said| evaluated(name, said)).transpose()
    }
}

/// The text of a value.
///
/// # Errors
/// When it would have to be evaluated.
pub fn evaluated<'a>(name: &str, said: &'a Assignment) -> Result<&'a str, TakeoverError> {
    let text = said.text.as_deref();
    text.ok_or_else(|| unclear(name, said, "would have to be evaluated by a shell"))
}

/// The refusal of a value that cannot be used.
#[must_use]
pub fn unclear(name: &str, said: &Assignment, why: &str) -> TakeoverError {
    let line = match said.line {
        0 => String::new(),
        line => format!(" line {line}"),
    };
    TakeoverError::refused(
        format_args!("`{name}` in `{}`{line} {why}", said.file.display()),
        "write a plain value there, as `NAME=value`, and call it again; nothing was changed",
    )
}

fn file(server: &Server, path: &str) -> Result<BTreeMap<String, Assignment>, TakeoverError> {
    let text = server.read(path)?.unwrap_or_default();
    parse(&text, Path::new(path)).map_err(|odd| {
        TakeoverError::refused(
            format_args!(
                "`{path}` line {} is no plain assignment: `{}`",
                odd.line, odd.text
            ),
            "leave only lines as `NAME=value` in it, and call it again; nothing was changed",
        )
    })
}

/// How far a line of the script may be indented.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Indent {
    None,
    Any,
}

/// The numbers in lines `NAME=number` of the script, in their order.
fn literals(script: &str, name: &str, indent: Indent) -> Vec<u32> {
    let lines = script.lines().map(|line| match indent {
        Indent::None => line,
        Indent::Any => line.trim_start(),
    });
    lines
        .filter_map(|line| {
            let (own, text) = assignment(line.trim_end())?;
            (own == name).then(|| text?.parse().ok())?
        })
        .collect()
}

/// Why the next run of anm would destroy all nodes; None: it would not.
///
/// # Errors
/// As [`Effective::read`].
pub fn teardown_ordered(server: &Server) -> Result<Option<String>, TakeoverError> {
    if !server.has(CONFIG) {
        return Ok(Some(format!(
            "`{CONFIG}` is gone, which anm takes for the order to destroy all nodes"
        )));
    }
    let effective = EffectiveConfig::read(server)?;
    let Some(said) = effective.get("Action") else {
        return Ok(None);
    };
    // However it is written: a number to bash is one to us.
    let is_order = evaluated("Action", said)?.trim().parse() == Ok(4);
    Ok(is_order.then(|| {
        format!(
            "`Action=4` in `{}` orders anm to destroy all nodes",
            said.file.display()
        )
    }))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;

    fn value(line: &str) -> Option<Option<String>> {
        let said = parse(line, Path::new("/c")).ok()?;
        Some(said.get("A")?.text.clone())
    }

    #[test]
    fn plain_assignments_are_read_in_all_their_forms() {
        for (line, text) in [
            ("A=5", "5"),
            ("A='3'", "3"),
            ("A=\"--owner x y\"", "--owner x y"),
            ("export A='b'  ", "b"),
            ("A=51   ", "51"),
            ("A=18 # was 30", "18"),
            ("A=1\nA=2", "2"),
            ("A=", ""),
            ("A=a\"b c\"'d'", "ab cd"),
            ("A='$x'", "$x"),
            ("  # comment\n\nA=.6\r", ".6"),
            ("A=a#b", "a#b"),
            ("A=a\\ b\\#", "a b#"),
            ("A=\"a\\\"b\\c\\\\\"", "a\"b\\c\\"),
            ("A='a\\b'\t# c", "a\\b"),
        ] {
            assert_eq!(value(line), Some(Some(text.to_owned())), "{line}");
        }
    }

    #[test]
    fn what_needs_a_shell_is_told_and_not_run() {
        for line in ["A=$(id)", "A=\"$HOME/x\"", "A=`id`", "A=(1 2)", "A=a$", "A=${x}y"] {
            assert_eq!(value(line), Some(None), "{line}");
        }
        for line in [
            "A=1\\\n2", "A=$x B=2", "if true", "A=1; B=2", "A=1 B=2", "A=\"open", "A+=1", "rm -rf x", "A=1&",
            "1A=2",
        ] {
            assert!(parse(line, Path::new("/c")).is_err(), "{line}");
        }
    }

    #[test]
    fn the_script_tells_two_numbers() {
        let script =
            "ntpr=55\n  ntpr=66\n\tDelayStart=3\n# DelayStart=4\nDelayStart=$x\nntpr=5 5\nntpr=35 # \n";
        assert_eq!(literals(script, "ntpr", Indent::None), [55, 35]);
        assert_eq!(literals(script, "DelayStart", Indent::Any), [3]);
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd_to_be_read(text in "\\PC*") {
            let _ = parse(&text, Path::new("/c"));
        }
    }
}
