//! Whether sudo runs what wnm needs, and without asking for a password.
//!
//! Nothing is run through sudo here but sudo's own listing of rights.

use std::path::Path;

use crate::program::Program;
use crate::report::doctor::CheckResult;
use crate::settings::{NODE_USER, Settings};

const CHECK: &str = "sudo";

/// A command as it is told to sudo, and in whose name if not in root's.
#[derive(Debug)]
struct SudoCommand {
    account: Option<&'static str>,
    words: Vec<String>,
}

impl SudoCommand {
    fn of_root(line: &str) -> SudoCommand {
        SudoCommand {
            account: None,
            words: line.split(' ').map(str::to_owned).collect(),
        }
    }

    fn about(mut self, path: &Path) -> SudoCommand {
        self.words.push(path.to_string_lossy().into_owned());
        self
    }
}

/// What this colony runs with the rights of others, one command of each kind, word for word.
fn needs(settings: &Settings, firewall: &[&str]) -> Vec<SudoCommand> {
    let mut needs = Vec::new();
    let manager = settings.process_manager;
    if let Some(example) = manager.sudo_example() {
        let root = settings.node_storage.join("antnode0001");
        needs.push(SudoCommand {
            account: example.is_as_node_account.then_some(NODE_USER),
            ..SudoCommand::of_root(example.command)
        });
        needs.push(SudoCommand::of_root("install -d -m 0755 -o ant -g 99999 --").about(&root));
        needs.push(SudoCommand::of_root("rm -rf --one-file-system --").about(&root));
    }
    needs.extend(firewall.iter().copied().map(SudoCommand::of_root));
    needs
}

/// Asks sudo for each thing this colony needs root for. None: it needs root for nothing, or is run by root.
#[must_use]
pub fn judge(
    settings: &Settings,
    firewall: &[&str],
    user: &str,
    environment: &[(&'static str, String)],
) -> Option<CheckResult> {
    let needs = needs(settings, firewall);
    if needs.is_empty() {
        return None;
    }
    let sudo = |words: &[&str]| {
        Program::new("sudo")
            .arg("-n")
            .args(words)
            .only_env(environment.iter().cloned())
            .ask()
    };
    let todo = format!("let `{user}` run them with NOPASSWD in /etc/sudoers.d, see packaging/sudoers");
    let listed = match sudo(&["-ll"]) {
        Err(error) => return Some(CheckResult::failed(CHECK, format!("cannot {error}"), todo)),
        Ok(ended) if ended.code() != Some(0) => {
            return Some(CheckResult::failed(
                CHECK,
                format!("sudo asks `{user}` for a password, and there is nobody to give it"),
                todo,
            ));
        }
        Ok(ended) => entries(&ended.stdout),
    };
    let mut refused = Vec::new();
    for need in &needs {
        let whose = need.account.map_or(Vec::new(), |account| vec!["-u", account]);
        let words: Vec<&str> = whose
            .into_iter()
            .chain(["-l", "--"])
            .chain(need.words.iter().map(String::as_str))
            .collect();
        // It answers with the whole path of the program, where the command is allowed.
        let path = match sudo(&words) {
            Ok(ended) if ended.code() == Some(0) => {
                let first = ended.stdout.split_whitespace().next().map(str::to_owned);
                first.unwrap_or_default()
            }
            _ => String::new(),
        };
        if path.is_empty() || !is_unasked(&listed, &path) {
            refused.push(format!("`{}`", need.words.join(" ")));
        }
    }
    Some(match refused.as_slice() {
        [] => CheckResult::ok(CHECK, "runs what wnm needs without a password"),
        refused => CheckResult::failed(
            CHECK,
            format!("does not run {} without a password", refused.join(", ")),
            todo,
        ),
    })
}

/// One entry of the rights that sudo lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct SudoRule {
    is_unasked: bool,
    commands: Vec<String>,
}

/// The entries of `sudo -ll`, in the order in which sudo reads them.
fn entries(listing: &str) -> Vec<SudoRule> {
    let mut entries: Vec<SudoRule> = Vec::new();
    for line in listing.lines() {
        let text = line.trim();
        if text.starts_with("Sudoers entry") || text.starts_with("LDAP Role") {
            entries.push(SudoRule::default());
        }
        let Some(entry) = entries.last_mut() else { continue };
        if let Some(options) = text.strip_prefix("Options:") {
            entry.is_unasked = options.split(',').any(|option| option.trim() == "!authenticate");
        } else if line.starts_with('\t') {
            entry.commands.push(text.to_owned());
        }
    }
    entries
}

/// Whether the last entry that may be about the program at `path`, the one that counts, asks for no password.
fn is_unasked(entries: &[SudoRule], path: &str) -> bool {
    let last = entries.iter().rev().find(|entry| {
        entry.commands.iter().any(|command| {
            let program = command.split_whitespace().next().unwrap_or_default();
            let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
            program == "ALL" || program == path || program.ends_with('/') || name(program) == name(path)
        })
    });
    last.is_some_and(|entry| entry.is_unasked)
}

#[cfg(test)]
mod tests {
    use super::{entries, is_unasked};

    /// As sudo 1.9.13 lists it.
    const LISTED: &str = "Matching Defaults entries for op on localhost:\n    env_reset, use_pty\n\n\
        User op may run the following commands on localhost:\n\nSudoers entry:\n    RunAsUsers: ALL\n    \
        RunAsGroups: ALL\n    Commands:\n\tALL\n\nSudoers entry: /etc/sudoers.d/wnm\n    RunAsUsers: root\n    \
        Options: !authenticate\n    Commands:\n\t/usr/bin/systemctl --no-ask-password *\n\t/usr/sbin/ufw\n";

    #[test]
    fn the_last_entry_about_a_program_says_whether_a_password_is_asked_for() {
        let entries = entries(LISTED);
        assert_eq!(entries.len(), 2);
        assert!(is_unasked(&entries, "/usr/bin/systemctl"));
        assert!(is_unasked(&entries, "/usr/sbin/ufw"));
        assert!(
            !is_unasked(&entries, "/usr/bin/rm"),
            "only by the entry that asks"
        );
        assert!(!is_unasked(&entries[1..], "/usr/bin/rm"));
    }

    #[test]
    fn all_without_a_password_is_enough() {
        let all = LISTED.replace(
            "RunAsGroups: ALL\n",
            "RunAsGroups: ALL\n    Options: !authenticate\n",
        );
        assert!(is_unasked(&entries(&all), "/usr/bin/rm"));
    }
}
