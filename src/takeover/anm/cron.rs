//! The account that runs anm, and all files that start anm.

use std::path::{Path, PathBuf};

use super::paths::{CRON, SCRIPT, STATE};
use super::units::digits_in;
use super::{Server, TakeoverError};
use crate::program::crontab::CrontabEntry;

/// The account that runs anm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnmAccount {
    pub name: String,
    /// On the server.
    pub home: PathBuf,
    /// The antnode binary for new nodes.
    pub antnode: PathBuf,
}

/// Finds the operator: the account in anm's cron file (`cron` is its text), else the owner of anm's directory.
///
/// # Errors
/// When neither is an account, or the operator has no antnode.
pub fn operator(server: &Server, cron: Option<&str>) -> Result<AnmAccount, TakeoverError> {
    let named = cron.and_then(|text| {
        entries(text, CrontabFormat::WithUser)
            .into_iter()
            .find_map(|entry| entry.user)
    });
    // A line that was commented out names no account.
    let name = named.or_else(|| server.owner(STATE)).ok_or_else(|| {
        let what = match cron {
            Some(_) => format!("has no line that runs `{SCRIPT}`"),
            None => "does not exist".to_owned(),
        };
        TakeoverError::refused(
            format_args!("`{CRON}` {what}, and the owner of `{STATE}` is not an account of this machine"),
            "change the owner of `/var/antctl` to the account that ran anm, and run this again",
        )
    })?;
    let home = server.host.home(&name).ok_or_else(|| {
        TakeoverError::refused(
            format_args!("the account `{name}` in `{CRON}` does not exist"),
            "write the account that ran anm into that line, and run this again",
        )
    })?;
    let looked = [
        home.join(".local/bin/antnode"),
        "/usr/local/bin/antnode".into(),
        "/usr/bin/antnode".into(),
    ];
    let found = looked.iter().find(|path| server.path(path).is_file()).cloned();
    let antnode = found.ok_or_else(|| {
        TakeoverError::refused(
            format_args!("`{name}` has no antnode: `{}` not found", looked[0].display()),
            "install it with `antup node` as that user, and run this again",
        )
    })?;
    Ok(AnmAccount { name, home, antnode })
}

/// Finds every file that starts anm, except its own cron file, with the line.
///
/// # Errors
/// When a crontab cannot be read.
pub fn other_starters(server: &Server, operator: &AnmAccount) -> Result<Vec<String>, TakeoverError> {
    let mut found = Vec::new();
    let mut look = |path: PathBuf, form: CrontabFormat| -> Result<(), TakeoverError> {
        let text = server.read(&path)?.unwrap_or_default();
        let lines = entries(&text, form).into_iter();
        found.extend(lines.map(|entry| format!("`{}`: `{}`", path.display(), entry.line)));
        Ok(())
    };
    for folder in ["/var/spool/cron/crontabs", "/var/spool/cron"] {
        look(Path::new(folder).join("root"), CrontabFormat::Own)?;
        if operator.name != "root" {
            look(Path::new(folder).join(&operator.name), CrontabFormat::Own)?;
        }
    }
    look("/etc/crontab".into(), CrontabFormat::WithUser)?;
    look("/etc/anacrontab".into(), CrontabFormat::Own)?;
    look("/etc/rc.local".into(), CrontabFormat::Own)?;
    for (folder, form) in [
        ("/etc/cron.d", CrontabFormat::WithUser),
        ("/etc/cron.hourly", CrontabFormat::Own),
        ("/etc/cron.daily", CrontabFormat::Own),
        ("/etc/cron.weekly", CrontabFormat::Own),
        ("/etc/cron.monthly", CrontabFormat::Own),
    ] {
        for name in server.names(folder)? {
            let path = Path::new(folder).join(name);
            if path != Path::new(CRON) && server.path(&path).is_file() {
                look(path, form)?;
            }
        }
    }
    let own_units = operator.home.join(".config/systemd/user");
    let folders = [
        "/etc/systemd/system",
        "/run/systemd/system",
        "/usr/local/lib/systemd/system",
        "/lib/systemd/system",
        "/etc/systemd/user",
    ];
    for folder in folders.iter().map(Path::new).chain([own_units.as_path()]) {
        for name in server.names(folder)? {
            let path = folder.join(&name);
            let is_of_node = digits_in(&name).is_some();
            if name.ends_with(".service") && !is_of_node && server.path(&path).is_file() {
                look(path, CrontabFormat::Unit)?;
            }
        }
    }
    Ok(found)
}

/// The format of a file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum CrontabFormat {
    /// Five times, a user, a command.
    WithUser,
    /// Five times, a command.
    Own,
    /// `ExecStart=` and the like.
    Unit,
}

/// A line that runs the script.
struct ScriptLine {
    user: Option<String>,
    line: String,
}

fn entries(text: &str, form: CrontabFormat) -> Vec<ScriptLine> {
    let script = Path::new(SCRIPT)
        .file_name()
        .unwrap_or_default()
        .to_string_lossy();
    text.lines()
        .map(str::trim)
        .filter(|line| !line.starts_with(['#', ';']) && line.contains(&*script))
        .filter(|line| form != CrontabFormat::Unit || line.starts_with("Exec"))
        .map(|line| ScriptLine {
            user: CrontabEntry::parse(line, form == CrontabFormat::WithUser)
                .and_then(|entry| entry.user.map(str::to_owned)),
            line: line.to_owned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{CrontabFormat, entries};

    #[test]
    fn operator_is_the_sixth_field() {
        let text = "# anms.sh\nPATH=/bin\n* * * * * weave /bin/bash /usr/bin/anms.sh >> /var/antctl/log\n";
        let found = entries(text, CrontabFormat::WithUser);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].user.as_deref(), Some("weave"));
        let short = entries("@reboot op /usr/bin/anms.sh", CrontabFormat::WithUser);
        assert_eq!(short[0].user.as_deref(), Some("op"));
        assert_eq!(
            entries("*/5 * * * * bash /usr/bin/anms.sh", CrontabFormat::Own).len(),
            1
        );
    }

    #[test]
    fn only_exec_lines_of_a_unit_count() {
        assert_eq!(entries("Description=anms.sh", CrontabFormat::Unit).len(), 0);
        assert_eq!(
            entries("ExecStart=/bin/bash /usr/bin/anms.sh", CrontabFormat::Unit).len(),
            1
        );
    }
}
