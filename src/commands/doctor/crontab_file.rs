//! The crontabs of the machine, and why cron ignores one of them.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::crontab;
use crate::program::crontab::CrontabEntry;
use crate::program::user_account;

/// A crontab that cron ignores.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IgnoredCrontab {
    pub path: PathBuf,
    pub reason: String,
    pub todo: String,
}

/// `/etc/crontab` and the files of `/etc/cron.d`.
pub fn all() -> Vec<PathBuf> {
    let parts = fs::read_dir("/etc/cron.d").into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = parts.map(|entry| entry.path()).collect();
    paths.sort();
    paths.insert(0, PathBuf::from("/etc/crontab"));
    paths
}

/// Why the cron of Debian ignores a crontab of the machine, if it does.
pub fn why_ignored(path: &Path, text: &str) -> Option<IgnoredCrontab> {
    let file = fs::metadata(path).ok()?;
    let link = fs::symlink_metadata(path).ok()?;
    let quoted = shell_words::quote(&path.to_string_lossy()).into_owned();
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let (reason, todo) = if !name.chars().all(is_name) {
        let better: String = name.chars().map(|c| if is_name(c) { c } else { '-' }).collect();
        let better = path.with_file_name(better.trim_start_matches('-'));
        (
            "its name has characters other than letters, digits, `-` and `_`".to_owned(),
            format!(
                "sudo mv {quoted} {}",
                shell_words::quote(&better.to_string_lossy())
            ),
        )
    } else if file.uid() != 0 || link.uid() != 0 {
        (
            "its owner is not root".to_owned(),
            format!("sudo chown -h root:root {quoted} && sudo chown root:root {quoted}"),
        )
    } else if file.mode() & 0o022 != 0 {
        (
            format!(
                "users other than root may write it (mode {:04o})",
                file.mode() & 0o7777
            ),
            format!("sudo chmod 644 {quoted}"),
        )
    } else if file.nlink() > 1 {
        (
            "the file has a second name (a hard link)".to_owned(),
            format!("sudo cp --remove-destination {quoted} {quoted}.new && sudo mv {quoted}.new {quoted}"),
        )
    } else {
        why_text_is_ignored(text, &quoted)?
    };
    Some(IgnoredCrontab {
        path: path.to_owned(),
        reason,
        todo,
    })
}

/// cron ignores a whole file for one line that it cannot read.
fn why_text_is_ignored(text: &str, quoted: &str) -> Option<(String, String)> {
    if !text.is_empty() && !text.ends_with('\n') {
        return Some((
            "its last line does not end with a newline".to_owned(),
            format!("echo | sudo tee -a {quoted}"),
        ));
    }
    let correct = |number: usize| format!("correct line {number}: `sudoedit {quoted}`");
    if let Some(number) = crontab::first_invalid_line(text, true) {
        return Some((format!("cron cannot read line {number}"), correct(number)));
    }
    let unknown = (1..).zip(text.lines()).find_map(|(number, line)| {
        let user = CrontabEntry::parse(line, true)?.user?;
        user_account::named(user)
            .is_err()
            .then(|| (number, user.to_owned()))
    });
    let (number, user) = unknown?;
    Some((
        format!("line {number} names the account `{user}`, which does not exist"),
        correct(number),
    ))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::{why_ignored, why_text_is_ignored};

    #[test]
    fn a_file_that_others_may_write_or_with_a_dot_in_its_name_is_ignored() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, mode: u32| {
            let path = folder.path().join(name);
            fs::write(&path, "").expect("a file");
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("a mode");
            why_ignored(&path, "* * * * * root wnm\n")
        };
        let dotted = write("wnm.cron", 0o644).expect("it is ignored");
        assert!(
            dotted.reason.contains("letters, digits") && dotted.todo.ends_with("wnm-cron"),
            "{dotted:?}"
        );
        let is_root = crate::program::user_account::is_root();
        let writable = write("wnm", 0o664).expect("it is ignored");
        let expected = if is_root { "mode 0664" } else { "owner" };
        assert!(writable.reason.contains(expected), "{writable:?}");
        assert_eq!(write("wnm2", 0o600).is_none(), is_root);
    }

    #[test]
    fn a_file_is_ignored_for_one_line_that_cron_cannot_read() {
        for (text, reason) in [
            ("* * * * * root wnm -q\n", None),
            ("# a\n\nPATH=/bin\n@reboot root true\n", None),
            ("* * * * * root wnm -q", Some("does not end with a newline")),
            ("* * * * * root true\n61 * * * * root wnm\n", Some("line 2")),
            (
                "* * * * * no-such-account wnm\n",
                Some("account `no-such-account`"),
            ),
            ("* * * * * wnm\n", Some("line 1")),
        ] {
            let found = why_text_is_ignored(text, "/etc/cron.d/wnm").map(|(reason, _)| reason);
            let fits = match (&found, reason) {
                (Some(found), Some(reason)) => found.contains(reason),
                (found, reason) => found.is_none() && reason.is_none(),
            };
            assert!(fits, "{text}: {found:?}");
        }
    }
}
