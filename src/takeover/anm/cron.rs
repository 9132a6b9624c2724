//! Who runs anm: the line in its cron file, and every other place that might start it too.

use std::path::{Path, PathBuf};

use super::paths::{CRON, SCRIPT, STATE};
use super::units::digits_of;
use super::{Server, TakeoverError};

/// Who runs anm, and where his things are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnmAccount {
    pub name: String,
    /// On the server.
    pub home: PathBuf,
    /// The antnode that new nodes are made from.
    pub antnode: PathBuf,
}

/// The operator: named by anm's cron file (`cron`, its text), else the owner of anm's state.
///
/// # Errors
/// When neither names an account, or the operator has no antnode.
pub fn operator(server: &Server, cron: Option<&str>) -> Result<AnmAccount, TakeoverError> {
    let named = cron.and_then(|text| {
        entries(text, CrontabFormat::WithUser)
            .into_iter()
            .find_map(|entry| entry.user)
    });
    // One that an operator has put a `#` before names nobody any more.
    let name = named.or_else(|| server.owner(STATE)).ok_or_else(|| {
        let what = match cron {
            Some(_) => format!("has no line that runs `{SCRIPT}`"),
            None => "is not there".to_owned(),
        };
        TakeoverError::refused(
            format_args!("`{CRON}` {what}, and `{STATE}` belongs to no account of this machine"),
            "give `/var/antctl` to the account that ran anm, and call it again",
        )
    })?;
    let home = server.host.home(&name).ok_or_else(|| {
        TakeoverError::refused(
            format_args!("`{name}`, who runs anm by `{CRON}`, has no account on this machine"),
            "name the account that ran anm in that line, and call it again",
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
            format_args!("`{name}` has no antnode: looked for `{}`", looked[0].display()),
            "install it with `antup node` as that user, and call it again",
        )
    })?;
    Ok(AnmAccount { name, home, antnode })
}

/// Everything beside its own cron file that starts anm, each with the line that does it.
///
/// # Errors
/// When a crontab cannot be read.
pub fn elsewhere(server: &Server, operator: &AnmAccount) -> Result<Vec<String>, TakeoverError> {
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
            let is_of_node = digits_of(&name).is_some();
            if name.ends_with(".service") && !is_of_node && server.path(&path).is_file() {
                look(path, CrontabFormat::Unit)?;
            }
        }
    }
    Ok(found)
}

/// What kind of lines a file has.
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
        .map(|line| {
            let mut words = line.split_whitespace();
            // `@daily` stands for all five times.
            let times = if line.starts_with('@') { 1 } else { 5 };
            ScriptLine {
                user: match form {
                    CrontabFormat::WithUser => words.nth(times).map(str::to_owned),
                    CrontabFormat::Own | CrontabFormat::Unit => None,
                },
                line: line.to_owned(),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{CrontabFormat, entries};

    #[test]
    fn the_sixth_field_is_the_operator() {
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
    fn a_unit_starts_it_by_its_exec_lines_alone() {
        assert_eq!(entries("Description=anms.sh", CrontabFormat::Unit).len(), 0);
        assert_eq!(
            entries("ExecStart=/bin/bash /usr/bin/anms.sh", CrontabFormat::Unit).len(),
            1
        );
    }
}
