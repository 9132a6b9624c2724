//! Reads crontabs: which lines run wnm, and with which environment.

use crate::program::crontab::{CrontabEntry, assignment};

/// PATH of a cron job whose crontab does not set it.
pub const PATH: &str = "/usr/bin:/bin";

/// A line that runs wnm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrontabLine {
    /// The user that it runs as; None in a user's own crontab.
    pub user: Option<String>,
    /// The program as written in the line: `$HOME/.local/bin/wnm`.
    pub program: String,
    /// PATH of the line.
    pub path: String,
    /// Whether it runs every five minutes or more often.
    pub is_frequent: bool,
}

/// The lines of a crontab that run wnm. `with_users`: lines name a user, as in `/etc/crontab` and `/etc/cron.d`.
#[must_use]
pub fn read(text: &str, with_users: bool) -> Vec<CrontabLine> {
    let mut path = PATH.to_owned();
    let mut found = Vec::new();
    for line in text.lines() {
        if let Some(("PATH", value)) = assignment(line) {
            value.clone_into(&mut path);
        }
        let Some(entry) = CrontabEntry::parse(line, with_users) else {
            continue;
        };
        let program = entry
            .command
            .split_whitespace()
            .map(|word| word.trim_matches(['"', '\'', '(', ')', ';']))
            .find(|word| word.rsplit('/').next() == Some("wnm"));
        if let Some(program) = program {
            found.push(CrontabLine {
                user: entry.user.map(str::to_owned),
                program: program.to_owned(),
                path: path.clone(),
                is_frequent: is_frequent(entry.schedule),
            });
        }
    }
    found
}

/// Whether a schedule runs every five minutes or more often.
fn is_frequent(schedule: &str) -> bool {
    let mut fields = schedule.split_whitespace();
    fields.next().is_some_and(is_each_minute) && fields.all(|field| field == "*")
}

/// Whether a field for minutes matches at least every five minutes.
fn is_each_minute(field: &str) -> bool {
    match field.strip_prefix("*/").or_else(|| field.strip_prefix("0-59/")) {
        Some(step) => step.parse::<u32>().is_ok_and(|step| (1..=5).contains(&step)),
        None => field == "*" || field.split(',').count() >= 12,
    }
}

#[cfg(test)]
mod tests {
    use super::{CrontabLine, PATH, read};

    #[test]
    fn finds_lines_in_every_notation() {
        for (text, program) in [
            ("* * * * * $HOME/.local/bin/wnm --quiet", "$HOME/.local/bin/wnm"),
            ("* * * * * wnm -q >>$HOME/wnm.log 2>&1", "wnm"),
            ("*/5 * * * * cd /x && \"/opt/wnm\"; true", "/opt/wnm"),
            ("* * * * *\tflock -n /tmp/x /usr/bin/wnm", "/usr/bin/wnm"),
        ] {
            let lines = read(text, false);
            assert_eq!(lines.len(), 1, "{text}");
            assert_eq!(lines[0].program, program);
            assert!(lines[0].is_frequent, "{text}");
            assert_eq!((lines[0].path.as_str(), &lines[0].user), (PATH, &None));
        }
        for text in [
            "",
            "# * * * * * wnm",
            "* * * * * /usr/bin/wnmd",
            "* * * * * ls /var/lib/wnm.log",
        ] {
            assert_eq!(read(text, false), [], "{text}");
        }
    }

    #[test]
    fn path_is_the_last_one_set_above_the_line() {
        let text = "PATH=/a\n* * * * * op /x/wnm\nPATH = \"/b:/c\"\nMAILTO=op\n* * * * * root /y/wnm\n";
        let line = |user: &str, program: &str, path: &str| CrontabLine {
            user: Some(user.to_owned()),
            program: program.to_owned(),
            path: path.to_owned(),
            is_frequent: true,
        };
        assert_eq!(
            read(text, true),
            [line("op", "/x/wnm", "/a"), line("root", "/y/wnm", "/b:/c")]
        );
    }

    #[test]
    fn rare_lines_are_not_frequent() {
        for text in [
            "0 * * * * wnm",
            "*/10 * * * * wnm",
            "@reboot wnm",
            "@hourly wnm",
            "* 3 * * * wnm",
            "0,30 * * * * wnm",
        ] {
            assert!(!read(text, false)[0].is_frequent, "{text}");
        }
    }
}
