//! The lines of a crontab.

/// A line of a crontab that runs a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CrontabEntry<'a> {
    /// Five fields, or one that starts with `@`.
    pub schedule: &'a str,
    /// The account, only in `/etc/crontab` and `/etc/cron.d`.
    pub user: Option<&'a str>,
    pub command: &'a str,
}

impl CrontabEntry<'_> {
    /// Parses one line. `None`: it is empty, a comment, an assignment or incomplete.
    #[must_use]
    pub fn parse(line: &str, has_user: bool) -> Option<CrontabEntry<'_>> {
        let line = line.trim();
        if line.starts_with('#') || assignment(line).is_some() {
            return None;
        }
        let (schedule, rest) = split_words(line, if line.starts_with('@') { 1 } else { 5 })?;
        let (user, command) = match has_user {
            true => split_words(rest, 1).map(|(user, command)| (Some(user), command))?,
            false => (None, rest),
        };
        Some(CrontabEntry {
            schedule,
            user,
            command,
        })
    }
}

/// Parses `NAME = value` by the rules of crontab(5): both may be quoted, and nothing is expanded.
#[must_use]
pub fn assignment(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once('=')?;
    let name = name.trim().trim_matches(['"', '\'']);
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    is_name.then(|| (name, value.trim().trim_matches(['"', '\''])))
}

/// The first `count` words, and what follows them.
fn split_words(text: &str, count: usize) -> Option<(&str, &str)> {
    let mut rest = text;
    for _ in 0..count {
        rest = rest.trim_start();
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        if end == 0 {
            return None;
        }
        rest = &rest[end..];
    }
    let (words, _) = text.split_at(text.len() - rest.len());
    Some((words, rest.trim_start()))
}

#[cfg(test)]
mod tests {
    use super::CrontabEntry;

    #[test]
    fn a_line_is_split_into_schedule_user_and_command() {
        let parse = |line, has_user| {
            CrontabEntry::parse(line, has_user).map(|entry| (entry.schedule, entry.user, entry.command))
        };
        let all = "* * * * *";
        assert_eq!(parse(" * * * * * wnm -q ", false), Some((all, None, "wnm -q")));
        assert_eq!(parse("* * * * *\top  a b", true), Some((all, Some("op"), "a b")));
        assert_eq!(parse("@reboot op a", true), Some(("@reboot", Some("op"), "a")));
        assert_eq!(parse("* * * * * A=1 b", false), Some((all, None, "A=1 b")));
        for line in ["", "# * * * * * a", "PATH = /bin", "* * * *", "@daily"] {
            assert_eq!(parse(line, true), None, "{line}");
        }
    }
}
