//! Parses anm's config files, which are shell assignments, without a shell.
//!
//! It parses `NAME=value`, with or without quotes, `export` and a comment. A value that a shell would have to evaluate is
//! reported, and never evaluated.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::paths::{CONFIG, SCRIPT, SYSTEM};
use super::{Server, TakeoverError};

/// anm reads it after `config`, if it exists.
pub const OVERRIDE: &str = "/var/antctl/override";

/// With this many processors or more, anm takes two delays from its own script.
const MANY_CORES: u32 = 24;

/// A value and its position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// `None`: a shell would have to evaluate it.
    pub text: Option<String>,
    pub file: PathBuf,
    /// From 1.
    pub line: usize,
}

/// A line that is not a plain assignment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NonAssignment {
    /// From 1.
    pub line: usize,
    pub text: String,
}

/// All assignments of a file; the last one of a name wins.
///
/// # Errors
/// The first line that is not an assignment.
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

/// Parses one assignment. Its value is `None` if a shell would have to evaluate it.
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
            // At the end of a line it would join two lines.
            '\\' => text.push(rest.next()?),
            '$' => is_plain = false,
            '`' | '(' => {
                is_plain = false;
                // Only a shell knows where it ends.
                break;
            }
            // A second command on the line.
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

/// The text up to the closing quote; `None` if there is none.
fn single_quoted(rest: &mut std::str::Chars<'_>) -> Option<String> {
    let (inner, after) = rest.as_str().split_once('\'')?;
    *rest = after.chars();
    Some(inner.to_owned())
}

/// Appends the text up to the closing quote to `text`, and returns whether it is plain; `None` if there is no such quote.
fn double_quoted(rest: &mut std::str::Chars<'_>, text: &mut String) -> Option<bool> {
    let mut is_plain = true;
    loop {
        match rest.next()? {
            '"' => return Some(is_plain),
            // In double quotes a backslash escapes only these four characters.
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

/// The effective settings: of `config`, then `override`, then the script on machines with many processors.
#[derive(Clone, Debug, Default)]
pub struct EffectiveConfig {
    said: BTreeMap<String, Assignment>,
    /// The rewards address in each file, `override` first. If one is invalid, the next is used.
    pub rewards: Vec<Assignment>,
    /// Whether two delays come from the script.
    pub has_many_cores: bool,
    /// The different delays in the script. If there are several, it is unclear which is used.
    pub script_delays: Vec<u32>,
    /// The thousands of the ports of new nodes, from the script.
    pub thousands: Option<u32>,
}

impl EffectiveConfig {
    /// Reads all three files.
    ///
    /// # Errors
    /// When a file cannot be read or parsed.
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
            Some(said) => plain_text("CpuCount", said)?.parse().unwrap_or(0),
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

    /// The assignment to `name`; `None`: there is none.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Assignment> {
        self.said.get(name)
    }

    /// The text of `name`; `None`: it is not set.
    ///
    /// # Errors
    /// When a shell would have to evaluate it.
    pub fn text(&self, name: &str) -> Result<Option<&str>, TakeoverError> {
        let said = self.said.get(name);
        said.map(|said| plain_text(name, said)).transpose()
    }
}

/// The text of a value.
///
/// # Errors
/// When a shell would have to evaluate it.
pub fn plain_text<'a>(name: &str, said: &'a Assignment) -> Result<&'a str, TakeoverError> {
    let text = said.text.as_deref();
    text.ok_or_else(|| invalid(name, said, "would have to be evaluated by a shell"))
}

/// The error for an invalid value.
#[must_use]
pub fn invalid(name: &str, said: &Assignment, why: &str) -> TakeoverError {
    let line = match said.line {
        0 => String::new(),
        line => format!(" line {line}"),
    };
    TakeoverError::refused(
        format_args!("`{name}` in `{}`{line} {why}", said.file.display()),
        "nothing was changed; write it as a plain `NAME=value`, and run this again",
    )
}

fn file(server: &Server, path: &str) -> Result<BTreeMap<String, Assignment>, TakeoverError> {
    let text = server.read(path)?.unwrap_or_default();
    parse(&text, Path::new(path)).map_err(|odd| {
        TakeoverError::refused(
            format_args!(
                "`{path}` line {} is not a plain assignment: `{}`",
                odd.line, odd.text
            ),
            "nothing was changed; keep only lines such as `NAME=value`, and run this again",
        )
    })
}

/// The indentation of lines to search for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Indent {
    None,
    Any,
}

/// The numbers in lines `NAME=number` of the script, in order.
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

/// Why the next run of anm would delete all nodes; `None`: it would not.
///
/// # Errors
/// As [`Effective::read`].
pub fn teardown_reason(server: &Server) -> Result<Option<String>, TakeoverError> {
    if !server.has(CONFIG) {
        return Ok(Some(format!(
            "`{CONFIG}` does not exist, which anm takes as an order to delete all nodes"
        )));
    }
    let effective = EffectiveConfig::read(server)?;
    let Some(said) = effective.get("Action") else {
        return Ok(None);
    };
    // bash accepts spaces around the number.
    let is_order = plain_text("Action", said)?.trim().parse() == Ok(4);
    Ok(is_order.then(|| {
        format!(
            "`Action=4` in `{}` orders anm to delete all nodes",
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
    fn parses_plain_assignments() {
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
    fn reports_values_that_need_a_shell() {
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
    fn reads_numbers_from_the_script() {
        let script =
            "ntpr=55\n  ntpr=66\n\tDelayStart=3\n# DelayStart=4\nDelayStart=$x\nntpr=5 5\nntpr=35 # \n";
        assert_eq!(literals(script, "ntpr", Indent::None), [55, 35]);
        assert_eq!(literals(script, "DelayStart", Indent::Any), [3]);
    }

    proptest! {
        #[test]
        fn parses_any_text_without_panic(text in "\\PC*") {
            let _ = parse(&text, Path::new("/c"));
        }
    }
}
