//! Settings in environment variables: those of this process, and those in `~/.local/share/wnm/.env`.

use std::path::Path;

use super::error::SettingsError;
use super::source::{Provided, Source};
use super::table::{EnvName, SETTINGS, Setting, find, most_similar};
use super::variables::Variables;

/// The maximum length of a `.env` file after its variables are expanded.
const MAX_EXPANDED: usize = 256 * 1024;

/// Turns the firewall off.
const FIREWALL_DISABLED: &str = "WNM_FIREWALL_DISABLED";

/// Variables of other programs whose names are similar to those of wnm.
const OTHERS: &[&str] = &["HOSTNAME", "HOME", "USER", "PATH", "WNM_TEST_MODE"];

impl Variables {
    /// The settings in these variables.
    ///
    /// # Errors
    /// The variable of a setting is not UTF-8.
    pub fn settings(&self) -> Result<Vec<Provided>, SettingsError> {
        let setting = |(name, value): (&String, &String)| setting_of(name, value, None);
        match self.invalid.iter().find_map(setting) {
            Some(invalid) => Err(invalid.invalid("not UTF-8 text".to_owned())),
            None => Ok(self.valid.iter().filter_map(setting).collect()),
        }
    }
}

/// The setting in a variable; None if the variable is empty or belongs to no setting.
fn setting_of(name: &str, value: &str, from: Option<(&Path, u32)>) -> Option<Provided> {
    if value.is_empty() {
        return None;
    }
    let origin = Source::Variable(name.to_owned(), from.map(|(path, line)| (path.to_owned(), line)));
    if name == FIREWALL_DISABLED {
        let off = matches!(value.to_ascii_lowercase().as_str(), "1" | "true" | "yes" | "on");
        return off.then_some(Provided {
            setting: find("firewall")?,
            text: "null".to_owned(),
            source: origin,
        });
    }
    let setting = SETTINGS.iter().find(|setting| {
        setting.is_variable(name)
            || name
                .strip_prefix("WNM_")
                .is_some_and(|own| setting.is_variable(own))
    })?;
    Some(Provided {
        setting,
        text: value.to_owned(),
        source: origin,
    })
}

/// The settings in a `.env` file. `variables` are the values of `${NAME}`.
///
/// A variable of another program is ignored, unless its name is similar to that of a setting or begins with `WNM_`.
pub fn parse_dotenv(text: &str, path: &Path, variables: &Variables) -> Result<Vec<Provided>, SettingsError> {
    let mut known = variables.clone();
    let mut left = MAX_EXPANDED;
    let ours: Vec<String> = SETTINGS.iter().filter_map(Setting::variable).collect();
    let mut provided = Vec::new();
    let mut lines = text.trim_start_matches('\u{feff}').lines().enumerate();
    while let Some((index, line)) = lines.next() {
        let number = u32::try_from(index + 1).unwrap_or(u32::MAX);
        if let Some(more) = foreign_lines(line, lines.clone().map(|(_, line)| line), &ours) {
            lines.nth(more - 1);
            continue;
        }
        let Some((name, value)) =
            assignment(line, &known, &mut left).map_err(|why| SettingsError::InvalidLine {
                path: path.to_owned(),
                line_number: number,
                why,
            })?
        else {
            continue;
        };
        match setting_of(&name, &value, Some((path, number))) {
            Some(one) => provided.push(one),
            None if value.is_empty() || name == FIREWALL_DISABLED => {}
            None => reject_similar_name(&name, &ours, path, number)?,
        }
        // As for settings, the variables of the process override those of the file.
        if variables.get(&name).is_none() {
            known.valid.insert(name, value);
        }
    }
    Ok(provided)
}

fn reject_similar_name(name: &str, ours: &[String], path: &Path, line: u32) -> Result<(), SettingsError> {
    let place = Source::Variable(name.to_owned(), Some((path.to_owned(), line)));
    let upper = name.to_ascii_uppercase();
    let flag_only = SETTINGS
        .iter()
        .find(|setting| setting.variable == EnvName::Nothing && setting.name.eq_ignore_ascii_case(name));
    if let Some(setting) = flag_only {
        return Err(SettingsError::FlagOnly {
            setting: setting.name,
            place,
        });
    }
    if OTHERS.contains(&name) {
        return Ok(());
    }
    let is_meant = upper.starts_with("WNM_");
    let bare = upper.strip_prefix("WNM_").unwrap_or(&upper);
    // Few variables of other programs have about the length of a similar setting.
    let is_near = |own: &&str| is_meant || own.len().abs_diff(bare.len()) <= 2;
    let near = most_similar(bare, ours.iter().map(String::as_str).filter(is_near))
        .filter(|near| is_meant || strsim::damerau_levenshtein(bare, near) <= 2);
    if near.is_some() || is_meant {
        return Err(SettingsError::Unknown {
            name: name.to_owned(),
            similar: near.map(str::to_owned),
            place,
        });
    }
    Ok(())
}

/// The name and value in a line; None for an empty line, a comment, or a name without a value.
fn assignment(line: &str, known: &Variables, left: &mut usize) -> Result<Option<(String, String)>, String> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let line = match line.strip_prefix("export") {
        Some(rest) if rest.starts_with(char::is_whitespace) => rest.trim_start(),
        _ => line,
    };
    let Some((name, value)) = line.split_once('=') else {
        return Ok(None);
    };
    let name = name.trim().trim_matches('\'').to_owned();
    let value = value.trim_start();
    let value = match value.chars().next() {
        Some(quote @ ('\'' | '"')) => {
            let inner = &value[1..];
            let end = closing(inner, quote).ok_or_else(|| format!("missing closing quote of '{name}'"))?;
            let rest = inner[end + 1..].trim_start();
            if !rest.is_empty() && !rest.starts_with('#') {
                return Err(format!("unexpected text after the closing quote of '{name}'"));
            }
            if quote == '\'' {
                inner[..end].replace("\\'", "'")
            } else {
                expand(&inner[..end], known, EscapeRule::Read, left)?
            }
        }
        _ => {
            let end = value
                .char_indices()
                .find(|(at, c)| *c == '#' && (*at == 0 || value[..*at].ends_with(char::is_whitespace)))
                .map_or(value.len(), |(at, _)| at);
            expand(value[..end].trim_end(), known, EscapeRule::Literal, left)?
        }
    };
    Ok(Some((name, value)))
}

/// How many lines after `line` belong to its value, if it is one of several lines of another program's variable.
///
/// None also if the quote is closed nowhere: then it is a mistake in this line.
fn foreign_lines<'a>(line: &str, after: impl Iterator<Item = &'a str>, ours: &[String]) -> Option<usize> {
    let line = line.trim_start();
    let (name, value) = line.split_once('=').filter(|_| !line.starts_with('#'))?;
    let name = name
        .strip_prefix("export ")
        .unwrap_or(name)
        .trim()
        .trim_matches('\'');
    let own = name.strip_prefix("WNM_").unwrap_or(name);
    if name.starts_with("WNM_") || ours.iter().any(|ours| ours == own || ours == name) {
        return None;
    }
    let quote = value
        .trim_start()
        .chars()
        .next()
        .filter(|c| matches!(c, '\'' | '"'))?;
    if closing(&value.trim_start()[1..], quote).is_some() {
        return None;
    }
    let (last, _) = after
        .enumerate()
        .find(|(_, next)| closing(next, quote).is_some())?;
    Some(last + 1)
}

/// The position of the closing quote; a character after a backslash is not the closing quote.
fn closing(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    text.char_indices()
        .find(|(_, c)| {
            let ends = !escaped && *c == quote;
            escaped = !escaped && *c == '\\';
            ends
        })
        .map(|(at, _)| at)
}

/// The meaning of a backslash.
#[derive(Clone, Copy, PartialEq, Eq)]
enum EscapeRule {
    /// It begins an escape such as `\n`.
    Read,
    /// It is a normal character.
    Literal,
}

/// Replaces `${NAME}` and `${NAME:-default}`, and escapes if `escapes` says so. A variable that is not set is empty. The
/// inserted text is subtracted from `left`.
fn expand(text: &str, known: &Variables, escapes: EscapeRule, left: &mut usize) -> Result<String, String> {
    let mut whole = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['\\', '$']) {
        whole.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some((inner, behind)) = rest.strip_prefix("${").and_then(|inner| inner.split_once('}')) {
            let (name, otherwise) = inner.split_once(":-").unwrap_or((inner, ""));
            let value = known.get(name).unwrap_or(otherwise);
            *left = left.checked_sub(value.len()).ok_or_else(|| {
                format!(
                    "the file is longer than {} KiB after its variables are expanded",
                    MAX_EXPANDED >> 10
                )
            })?;
            whole.push_str(value);
            rest = behind;
            continue;
        }
        let mut two = rest.chars();
        let first = two.next();
        if first == Some('\\') && escapes == EscapeRule::Read {
            match two.next() {
                Some('n') => whole.push('\n'),
                Some('t') => whole.push('\t'),
                Some('r') => whole.push('\r'),
                Some(other @ ('"' | '\\' | '\'' | '$' | '`')) => whole.push(other),
                Some(other) => whole.extend(['\\', other]),
                None => whole.push('\\'),
            }
        } else {
            whole.extend(first);
        }
        rest = two.as_str();
    }
    Ok(whole + rest)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::variables::Variables;
    use super::parse_dotenv;

    fn variables(pairs: &[(&str, &str)]) -> Variables {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    fn parse(text: &str) -> Result<Vec<(&'static str, String)>, String> {
        parse_dotenv(text, Path::new("/h/.env"), &variables(&[("SET", "7")]))
            .map(|provided| provided.into_iter().map(|s| (s.setting.name, s.text)).collect())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn reads_dotenv_files_like_the_python_wnm() {
        let text = "export NODE_CAP=44\n# a comment\nCPU_REMOVE='72' # tail\nMEM_REMOVE = 73\n\
                    ENVIRONMENT=\"A=${NODE_CAP} B=${SET} C=${NO:-c}\"\nHOST=\nSOME_OTHER=thing\nBARE\n";
        assert_eq!(
            parse(text).unwrap(),
            [
                ("node_cap", "44".to_owned()),
                ("cpu_remove", "72".to_owned()),
                ("mem_remove", "73".to_owned()),
                ("environment", "A=44 B=7 C=c".to_owned()),
            ]
        );
    }

    #[test]
    fn given_a_value_of_several_lines_of_another_program_when_dotenv_is_read_then_it_is_skipped() {
        let key = "PRIVATE_KEY=\"-----BEGIN KEY-----\nNODE_CAPS=\nabc=\n-----END KEY-----\"\nNODE_CAP=7\n";
        let node_cap = [("node_cap", "7".to_owned())];
        assert_eq!(parse(key).unwrap(), node_cap);
        assert_eq!(parse(&key.replace('"', "'")).unwrap(), node_cap);
        assert_eq!(parse(&format!("export {key}")).unwrap(), node_cap);
        let whole = parse("NODE_CAP=7\nOTHER=\"one\n\ntwo # three\n\"  \nCPU_REMOVE=72").unwrap();
        assert_eq!(whole.len(), 2);
        let unclosed = parse("OTHER=\"one\nNODE_CAP=7").unwrap_err();
        assert!(
            unclosed.contains("missing closing quote of 'OTHER'"),
            "{unclosed}"
        );
        let ours = parse("NODE_CAP=\"7\n\"\n").unwrap_err();
        assert!(ours.contains("missing closing quote of 'NODE_CAP'"), "{ours}");
    }

    #[test]
    fn rejects_similar_names_in_dotenv_files() {
        assert_eq!(
            parse("\nNODECAP=3\n").unwrap_err(),
            "unknown variable 'NODECAP' ('/h/.env' line 2); did you mean 'NODE_CAP'?"
        );
        assert!(parse("WNM_NODECAP=3").unwrap_err().contains("'NODE_CAP'"));
        assert!(parse("WNM_WHATEVER=3").is_err());
        assert!(parse("CONFIRM=1").unwrap_err().contains("only its flag"));
        assert!(parse("HOSTNAME=box\nEDITOR=vi\nAWS_KEY=x").unwrap().is_empty());
        assert!(
            parse("NODE_CAP='3")
                .unwrap_err()
                .contains("missing closing quote")
        );
        assert!(parse("NODE_CAP='3'4").unwrap_err().contains("unexpected text"));
    }

    #[test]
    fn variables_can_have_a_prefix_or_be_empty() {
        let settings: Vec<_> = variables(&[
            ("HOST", "a"),
            ("NODE_CAP", ""),
            ("WNM_HOST", "b"),
            ("WNM_FIREWALL", "ufw"),
            ("FIREWALL", "iptables"),
            ("WNM_FIREWALL_DISABLED", "1"),
            ("INIT", "1"),
        ])
        .settings()
        .unwrap()
        .into_iter()
        .map(|s| (s.setting.name, s.text))
        .collect();
        assert_eq!(
            settings,
            [
                ("host", "a".to_owned()),
                ("firewall", "ufw".to_owned()),
                ("firewall", "null".to_owned()),
                ("host", "b".to_owned()),
            ]
        );
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in "(?s).{0,200}") {
            let _ = parse_dotenv(&text, Path::new("/h/.env"), &Variables::default());
        }
    }
}
