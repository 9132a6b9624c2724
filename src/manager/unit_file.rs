//! Reads and writes systemd units by systemd's rules of quoting.
//!
//! `ExecStart=` and `Environment=` are not shell: `%` starts a specifier, `$` a variable, and a backslash an escape as
//! in C. systemd passes the values written here to the node byte for byte.

use std::fmt::Write;

/// The settings of a unit that wnm writes and reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unit {
    pub description: String,
    pub environment: Vec<(String, String)>,
    /// The account that it runs as, if it names one.
    pub user: Option<String>,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Its working directory, if it names one.
    pub directory: Option<String>,
    /// Files with more variables, in order; true if the file may be missing.
    pub environment_files: Vec<(String, bool)>,
    /// Whether `$` has no special meaning in arguments.
    pub is_literal: bool,
    /// The first specifier that could not be resolved.
    pub unresolved: Option<char>,
}

impl Unit {
    /// Its text, or why it cannot be written.
    ///
    /// It has no `[Install]`: after a reboot wnm starts the nodes at its own pace.
    pub fn text(&self) -> Result<String, &'static str> {
        let values = self.environment.iter().flat_map(|(name, value)| [name, value]);
        let mut all = values
            .chain(&self.command)
            .chain(&self.user)
            .chain([&self.description]);
        if all.any(|value| value.contains(char::is_control)) {
            return Err("a value contains a line break or another control character");
        }
        let program = self.command.first().map_or("", String::as_str);
        if !program.starts_with('/') || program.contains(['"', '\'', '\\']) {
            return Err("systemd runs no program with a quote or a backslash in its path");
        }
        let mut text = format!(
            "[Unit]\nDescription={}\n\n[Service]\n",
            self.description.replace('%', "%%")
        );
        if !self.environment.is_empty() {
            let pairs = self.environment.iter();
            let words: Vec<String> = pairs
                .map(|(name, value)| quoted(&format!("{name}={value}"), DollarRule::Plain))
                .collect();
            let _ = writeln!(text, "Environment={}", words.join(" "));
        }
        if let Some(user) = &self.user {
            let _ = writeln!(text, "User={}", user.replace('%', "%%"));
        }
        let words: Vec<String> = self
            .command
            .iter()
            .enumerate()
            // systemd expands no variables in the program's path.
            .map(|(nth, word)| {
                quoted(
                    word,
                    if nth == 0 {
                        DollarRule::Plain
                    } else {
                        DollarRule::Doubled
                    },
                )
            })
            .collect();
        let _ = writeln!(text, "ExecStart={}", words.join(" "));
        // Other accounts may not read what a node writes.
        text.push_str("Restart=always\nUMask=0027\n");
        Ok(text)
    }

    /// Reads any unit, whoever wrote it. Unknown settings are ignored; specifiers other than `%%`, and variables, are kept as
    /// they are.
    #[must_use]
    pub fn read(text: &str) -> Unit {
        let mut unit = Unit::read_raw(text, &|_| None);
        if !unit.is_literal {
            let arguments = unit.command.iter_mut().skip(1);
            arguments.for_each(|word| *word = word.replace("$$", "$"));
        }
        unit
    }

    /// [`read`](Unit::read) with specifiers resolved; variables are kept for [`expanded`].
    #[must_use]
    pub fn read_raw(text: &str, specifier: &dyn Fn(char) -> Option<String>) -> Unit {
        let mut unit = Unit::default();
        let mut section = String::new();
        let mut unresolved = None;
        let mut words = |value: &str, is_path: bool| match is_path {
            // A setting that is one path is neither split nor unquoted.
            true => vec![whole(value, specifier, &mut unresolved)],
            false => words(value, specifier, &mut unresolved),
        };
        for line in logical_lines(text) {
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                section = name.to_owned();
                continue;
            }
            let Some((key, value)) = line.split_once('=') else {
                continue;
            };
            let value = value.trim();
            match (section.as_str(), key.trim()) {
                ("Unit", "Description") => unit.description = value.replace("%%", "%"),
                ("Service", "User") => {
                    unit.user = Some(value.replace("%%", "%")).filter(|user| !user.is_empty())
                }
                ("Service", "WorkingDirectory") => {
                    let path = value.trim_start_matches('-');
                    unit.directory = words(path, true).pop().filter(|path| !path.is_empty());
                }
                ("Service", "Environment") if value.is_empty() => unit.environment.clear(),
                ("Service", "Environment") => {
                    let pairs = words(value, false).into_iter();
                    unit.environment.extend(pairs.filter_map(|word| {
                        let (name, value) = word.split_once('=')?;
                        Some((name.to_owned(), value.to_owned()))
                    }));
                }
                ("Service", "EnvironmentFile") if value.is_empty() => unit.environment_files.clear(),
                ("Service", "EnvironmentFile") => {
                    let path = value.strip_prefix('-');
                    let file = words(path.unwrap_or(value), true).concat();
                    unit.environment_files.push((file, path.is_some()));
                }
                ("Service", "ExecStart") => {
                    let command = value.trim_start_matches(['-', '@', ':', '+', '!', '|']);
                    let prefix = &value[..value.len() - command.len()];
                    unit.is_literal = prefix.contains(':');
                    unit.command = words(command, false);
                    if prefix.contains('@') && unit.command.len() > 1 {
                        // With `@` this is the name that the program is given.
                        unit.command.remove(1);
                    }
                }
                _ => {}
            }
        }
        unit.unresolved = unresolved;
        unit
    }
}

/// The words of a command with its variables expanded as systemd does it: `${NAME}` within a word, `$NAME` as separate
/// words, `$$` for a dollar. A variable that is not set is empty.
#[must_use]
pub fn expanded(command: &[String], value: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
    let mut all = Vec::new();
    for (nth, word) in command.iter().enumerate() {
        match word.strip_prefix('$') {
            // systemd expands no variables in the program's path.
            _ if nth == 0 => all.push(word.clone()),
            Some(name) if !name.starts_with(['{', '$']) && !name.is_empty() => {
                let value = value(name).unwrap_or_default();
                all.extend(value.split_whitespace().map(str::to_owned));
            }
            _ => all.push(braced(word, value)),
        }
    }
    all
}

/// A word with each `${NAME}` expanded, and `$` for `$$`.
fn braced(word: &str, value: &dyn Fn(&str) -> Option<String>) -> String {
    let mut text = String::with_capacity(word.len());
    let mut rest = word;
    while let Some(at) = rest.find('$') {
        text.push_str(&rest[..at]);
        let behind = &rest[at + 1..];
        if let Some(next) = behind.strip_prefix('$') {
            text.push('$');
            rest = next;
            continue;
        }
        match behind.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
            Some((name, next)) => {
                text.push_str(&value(name).unwrap_or_default());
                rest = next;
            }
            None => {
                text.push('$');
                rest = behind;
            }
        }
    }
    text + rest
}

/// How a `$` is written at some position.
#[derive(Clone, Copy, PartialEq, Eq)]
enum DollarRule {
    Plain,
    Doubled,
}

/// A text to be put between quotes, as antctl does when it writes a unit.
pub(super) fn inner_quoted(text: &str) -> String {
    let quoted = quoted(text, DollarRule::Plain);
    let inner = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inner.unwrap_or(&quoted).to_owned()
}

/// A word, quoted so that systemd reads it back.
fn quoted(word: &str, dollar: DollarRule) -> String {
    let mut text = String::with_capacity(word.len() + 2);
    let mut is_plain = !word.is_empty();
    for c in word.chars() {
        match c {
            '%' => text.push_str("%%"),
            '$' if dollar == DollarRule::Doubled => text.push_str("$$"),
            '\\' | '"' => {
                is_plain = false;
                text.push('\\');
                text.push(c);
            }
            _ => {
                is_plain &= !c.is_whitespace() && c != '\'' && c != ';';
                text.push(c);
            }
        }
    }
    if is_plain { text } else { format!("\"{text}\"") }
}

/// The lines of a unit without comments and empty lines; continued lines are joined.
fn logical_lines(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut begun = String::new();
    for line in text.lines() {
        let trimmed = line.trim_start();
        if trimmed.starts_with(['#', ';']) {
            continue;
        }
        let backslashes = line.chars().rev().take_while(|&c| c == '\\').count();
        if backslashes % 2 == 1 {
            begun.push_str(&trimmed[..trimmed.len() - 1]);
            begun.push(' ');
            continue;
        }
        begun.push_str(trimmed);
        let whole = std::mem::take(&mut begun).trim().to_owned();
        if !whole.is_empty() {
            lines.push(whole);
        }
    }
    if !begun.trim().is_empty() {
        lines.push(begun.trim().to_owned());
    }
    lines
}

/// Whether `;` follows, and after it a space or the end.
fn is_semicolon_alone(mut rest: impl Iterator<Item = char>) -> bool {
    rest.next() == Some(';') && rest.next().is_none_or(char::is_whitespace)
}

/// The words of a value: split at spaces outside quotes, with escapes and specifiers resolved. A specifier that cannot be
/// resolved is kept, and the first one is reported in `unresolved`.
fn words(
    value: &str,
    specifier: &dyn Fn(char) -> Option<String>,
    unresolved: &mut Option<char>,
) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut rest = value.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            // The word `\;` alone stands for `;`, which would begin the next command.
            '\\' if word.is_none() && is_semicolon_alone(rest.clone()) => {
                rest.next();
                word = Some(";".to_owned());
            }
            '\\' => word.get_or_insert_default().push_str(&escape(&mut rest)),
            _ if quote == Some(c) => quote = None,
            '"' | '\'' if quote.is_none() => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            _ if c.is_whitespace() && quote.is_none() => words.extend(word.take()),
            '%' => {
                let text = specified(&mut rest, specifier, unresolved);
                word.get_or_insert_default().push_str(&text);
            }
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// A value that is one word, with specifiers resolved.
fn whole(value: &str, specifier: &dyn Fn(char) -> Option<String>, unresolved: &mut Option<char>) -> String {
    let mut text = String::new();
    let mut rest = value.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '%' => text.push_str(&specified(&mut rest, specifier, unresolved)),
            _ => text.push(c),
        }
    }
    text
}

/// The text for the specifier after a `%`.
fn specified(
    rest: &mut std::iter::Peekable<std::str::Chars<'_>>,
    specifier: &dyn Fn(char) -> Option<String>,
    unresolved: &mut Option<char>,
) -> String {
    let known = match rest.peek() {
        Some('%') => Some("%".to_owned()),
        Some(&letter) => {
            let known = specifier(letter);
            if known.is_none() {
                unresolved.get_or_insert(letter);
            }
            known
        }
        None => None,
    };
    if known.is_some() {
        rest.next();
    }
    known.unwrap_or_else(|| "%".to_owned())
}

/// The text for the escape after a backslash; an unknown escape is kept as it is.
fn escape(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> String {
    let Some(c) = rest.next() else {
        return "\\".to_owned();
    };
    let plain = |c: char| c.to_string();
    match c {
        'a' => plain('\u{7}'),
        'b' => plain('\u{8}'),
        'f' => plain('\u{c}'),
        'n' => plain('\n'),
        'r' => plain('\r'),
        't' => plain('\t'),
        'v' => plain('\u{b}'),
        's' => plain(' '),
        '\\' | '"' | '\'' => plain(c),
        'x' => coded(rest, c, 2, 16),
        'u' => coded(rest, c, 4, 16),
        'U' => coded(rest, c, 8, 16),
        '0'..='7' => {
            let mut digits = String::from(c);
            digits.extend(std::iter::from_fn(|| rest.next_if(|c| c.is_digit(8))).take(2));
            let code = u32::from_str_radix(&digits, 8).ok();
            code.and_then(char::from_u32)
                .map_or_else(|| format!("\\{digits}"), plain)
        }
        _ => format!("\\{c}"),
    }
}

fn coded(
    rest: &mut std::iter::Peekable<std::str::Chars<'_>>,
    kind: char,
    count: usize,
    radix: u32,
) -> String {
    let digits: String = std::iter::from_fn(|| rest.next_if(|c| c.is_digit(radix)))
        .take(count)
        .collect();
    let code = u32::from_str_radix(&digits, radix).ok();
    match code.and_then(char::from_u32) {
        Some(c) if digits.len() == count => c.to_string(),
        _ => format!("\\{kind}{digits}"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn unit(words: &[&str]) -> Unit {
        Unit {
            description: "antnode0001".into(),
            environment: Vec::new(),
            user: None,
            command: words.iter().map(|&word| word.to_owned()).collect(),
            ..Unit::default()
        }
    }

    #[test]
    fn writes_unit() {
        let mut unit = unit(&["/var/a b/antnode", "--root-dir", "/var/a b", "100%", "$HOME"]);
        unit.user = Some("ant".into());
        unit.environment = vec![("A".into(), "1".into()), ("B".into(), "two \"words\"".into())];
        assert_eq!(
            unit.text().unwrap(),
            "[Unit]\n\
             Description=antnode0001\n\
             \n\
             [Service]\n\
             Environment=A=1 \"B=two \\\"words\\\"\"\n\
             User=ant\n\
             ExecStart=\"/var/a b/antnode\" --root-dir \"/var/a b\" 100%% $$HOME\n\
             Restart=always\n\
             UMask=0027\n"
        );
    }

    #[test]
    fn refuses_line_breaks() {
        assert!(unit(&["/a/antnode", "x\nExecStartPre=/bin/evil"]).text().is_err());
        assert!(unit(&["/a/antnode", "x\r"]).text().is_err());
    }

    #[test]
    fn refuses_programs_that_systemd_would_refuse() {
        assert!(unit(&["/a'b/antnode"]).text().is_err());
        assert!(unit(&["/a\\b/antnode"]).text().is_err());
        assert!(unit(&["antnode"]).text().is_err());
    }

    #[test]
    fn reads_units_by_the_rules_of_systemd() {
        let unit = Unit::read(
            "# made by hand\n[Unit]\nDescription=antnode0003\n[Service]\n\
             Environment=\"RUST_LOG=info\" 'B=two words'\nEnvironment=C=\\x41\\tb\n\
             User=ant\nExecStart=-/var/antnode \\\n  --root-dir '/a b' \\\n  --port 55003 \"$$x\"\n\
             Restart=always\n#RestartSec=300\n[Install]\nUser=nobody\n",
        );
        let pairs: Vec<(&str, &str)> = unit
            .environment
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(pairs, [("RUST_LOG", "info"), ("B", "two words"), ("C", "A\tb")]);
        assert_eq!(unit.user.as_deref(), Some("ant"));
        assert_eq!(
            unit.command,
            ["/var/antnode", "--root-dir", "/a b", "--port", "55003", "$x"]
        );
    }

    #[test]
    fn empty_environment_line_clears_earlier_lines() {
        let unit = Unit::read("[Service]\nEnvironment=A=1\nEnvironment=\nEnvironment=B=2\n");
        assert_eq!(unit.environment, [("B".to_owned(), "2".to_owned())]);
    }

    #[test]
    fn semicolon_is_a_word_only_after_a_backslash_without_quotes() {
        let words = |line: &str| Unit::read(&format!("[Service]\nExecStart=/a/antnode {line}\n")).command;
        assert_eq!(words(r"\; x"), ["/a/antnode", ";", "x"]);
        assert_eq!(words(r#""\\;""#), ["/a/antnode", r"\;"]);
        assert_eq!(words(r"\;x")[1], r"\;x");
    }

    proptest! {
        #[test]
        fn reads_what_it_writes(
            words in prop::collection::vec("[ -~äß'\"\\\\$%;#]{0,12}", 1..6),
            values in prop::collection::vec("[ -~ä'\"\\\\$%;#]{0,12}", 0..4),
        ) {
            let mut unit = unit(&["/a/antnode"]);
            unit.command.extend(words);
            unit.environment = values.into_iter().map(|value| ("N".to_owned(), value)).collect();
            prop_assert_eq!(Unit::read(&unit.text().unwrap()), unit);
        }

        #[test]
        fn reads_any_text_without_panic(text in "\\PC*") {
            let _ = Unit::read(&format!("[Service]\nExecStart={text}\nEnvironment={text}"));
        }
    }
}
