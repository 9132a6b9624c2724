//! Checks that sudo runs the commands that wnm needs without a password.
//!
//! It only lists the user's rights with sudo, and runs no other command as root.

use std::ffi::OsStr;
use std::path::Path;

use crate::program::{Program, path_in_sbin};
use crate::report::doctor::CheckResult;
use crate::settings::{NODE_USER, Settings};

const CHECK: &str = "sudo";

/// A command for sudo, and the account that it runs as if not root.
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

/// The commands that this colony runs as another user, one of each kind.
fn needs(settings: &Settings, firewall: &[String]) -> Vec<SudoCommand> {
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
    needs.extend(firewall.iter().map(|line| SudoCommand::of_root(line)));
    needs
}

/// Checks each command that this colony runs as root. None: it runs nothing as root.
#[must_use]
pub fn check(
    settings: &Settings,
    firewall: &[String],
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
    let todo = format!("allow `{user}` to run them with NOPASSWD in /etc/sudoers.d, see packaging/sudoers");
    let listed = match sudo(&["-ll"]) {
        Err(error) => return Some(CheckResult::failed(CHECK, format!("cannot {error}"), todo)),
        Ok(ended) if ended.code() != Some(0) => {
            let (what, remedy) = refusal(&ended.stderr, user);
            return Some(CheckResult::failed(CHECK, what, remedy.unwrap_or(todo)));
        }
        Ok(ended) => rules(&ended.stdout),
    };
    let mut refused = Vec::new();
    let mut missing = Vec::new();
    for need in &needs {
        let whose = need.account.map_or(Vec::new(), |account| vec!["-u", account]);
        // A run calls it by the same path.
        let path = path_in_sbin(OsStr::new(&need.words[0]));
        let program = path.map_or_else(|| need.words[0].clone(), |path| path.display().to_string());
        let words: Vec<&str> = whose
            .into_iter()
            .chain(["-l", "--", program.as_str()])
            .chain(need.words.iter().skip(1).map(String::as_str))
            .collect();
        // For an allowed command it prints the full path of the program.
        let path = match sudo(&words) {
            Ok(ended) if ended.code() == Some(0) => {
                let first = ended.stdout.split_whitespace().next().map(str::to_owned);
                first.unwrap_or_default()
            }
            Ok(ended) if ended.stderr.contains("command not found") => {
                missing.push(format!("`{}`", need.words[0]));
                continue;
            }
            _ => String::new(),
        };
        if path.is_empty() || !needs_no_password(&listed, &path) {
            refused.push(format!("`{}`", need.words.join(" ")));
        }
    }
    if refused.is_empty() && !missing.is_empty() {
        return Some(CheckResult::failed(
            CHECK,
            format!("sudo does not find {} on its PATH", missing.join(", ")),
            format!(
                "add the line `Defaults:{user} secure_path=\"/usr/sbin:/usr/bin:/sbin:/bin\"` {BY_VISUDO}"
            ),
        ));
    }
    Some(match refused.as_slice() {
        [] => CheckResult::ok(CHECK, "runs all commands that wnm needs without a password"),
        refused => CheckResult::failed(
            CHECK,
            format!("does not run {} without a password", refused.join(", ")),
            todo,
        ),
    })
}

const BY_VISUDO: &str = "with `sudo visudo -f /etc/sudoers.d/wnm`";

/// Why sudo does not list the rights of `user`, and what to do if it is not to allow the commands.
fn refusal(message: &str, user: &str) -> (String, Option<String>) {
    let first = message
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty())
        .unwrap_or_default();
    let has = |parts: &[&str]| parts.iter().any(|part| message.contains(part));
    if has(&["must have a tty", "no tty present"]) {
        let what =
            format!("sudo refuses to run without a terminal, which a scheduled run does not have: `{first}`");
        return (
            what,
            Some(format!("add the line `Defaults:{user} !requiretty` {BY_VISUDO}")),
        );
    }
    if has(&["password", "authentication is required"]) {
        let what = format!("sudo asks `{user}` for a password, which a scheduled run cannot give");
        return (what, None);
    }
    if has(&["may not run", "not allowed", "not in the sudoers", "I'm sorry"]) {
        return (format!("sudo allows `{user}` nothing: `{first}`"), None);
    }
    let check = "run `sudo -n -ll` to see it, and `sudo visudo -c` to check the files of sudo";
    (format!("sudo fails: `{first}`"), Some(check.to_owned()))
}

/// One rule in sudo's listing of rights.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct SudoRule {
    needs_no_password: bool,
    commands: Vec<String>,
}

/// The rules of `sudo -ll`, in the order in which sudo applies them.
fn rules(listing: &str) -> Vec<SudoRule> {
    let mut rules: Vec<SudoRule> = Vec::new();
    for line in listing.lines() {
        let text = line.trim();
        if text.starts_with("Sudoers entry") || text.starts_with("LDAP Role") {
            rules.push(SudoRule::default());
        }
        let Some(rule) = rules.last_mut() else { continue };
        if let Some(options) = text.strip_prefix("Options:") {
            rule.needs_no_password = options.split(',').any(|option| option.trim() == "!authenticate");
        } else if line.starts_with('\t') {
            rule.commands.push(text.to_owned());
        }
    }
    rules
}

/// Whether the last rule that may match the program at `path` asks for no password. The last rule decides.
fn needs_no_password(rules: &[SudoRule], path: &str) -> bool {
    let last = rules.iter().rev().find(|rule| {
        rule.commands.iter().any(|command| {
            let program = command.split_whitespace().next().unwrap_or_default();
            let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
            program == "ALL" || program == path || program.ends_with('/') || name(program) == name(path)
        })
    });
    last.is_some_and(|rule| rule.needs_no_password)
}

#[cfg(test)]
mod tests {
    use super::{needs_no_password, refusal, rules};

    /// The listing of sudo 1.9.13.
    const LISTED: &str = "Matching Defaults rules for op on localhost:\n    env_reset, use_pty\n\n\
        User op may run the following commands on localhost:\n\nSudoers entry:\n    RunAsUsers: ALL\n    \
        RunAsGroups: ALL\n    Commands:\n\tALL\n\nSudoers entry: /etc/sudoers.d/wnm\n    RunAsUsers: root\n    \
        Options: !authenticate\n    Commands:\n\t/usr/bin/systemctl --no-ask-password *\n\t/usr/sbin/ufw\n";

    #[test]
    fn refusals_of_sudo_are_told_apart() {
        for (message, what, todo) in [
            (
                "sudo: sorry, you must have a tty to run sudo\n",
                "without a terminal",
                Some("Defaults:op !requiretty"),
            ),
            ("sudo: a password is required\n", "for a password", None),
            (
                "sudo: interactive authentication is required\n",
                "for a password",
                None,
            ),
            (
                "sudo-rs: I'm sorry op. I'm afraid I can't do that\n",
                "allows `op` nothing",
                None,
            ),
            (
                "Sorry, user op may not run sudo on box.\n",
                "allows `op` nothing",
                None,
            ),
            (
                "sudo: /etc/sudoers is world writable\n",
                "world writable",
                Some("visudo -c"),
            ),
        ] {
            let found = refusal(message, "op");
            assert!(found.0.contains(what), "{found:?}");
            assert_eq!(found.1.is_some(), todo.is_some(), "{found:?}");
            assert!(
                todo.is_none_or(|todo| found.1.as_ref().is_some_and(|found| found.contains(todo))),
                "{found:?}"
            );
        }
    }

    #[test]
    fn last_rule_that_matches_decides_on_the_password() {
        let rules = rules(LISTED);
        assert_eq!(rules.len(), 2);
        assert!(needs_no_password(&rules, "/usr/bin/systemctl"));
        assert!(needs_no_password(&rules, "/usr/sbin/ufw"));
        assert!(
            !needs_no_password(&rules, "/usr/bin/rm"),
            "only by the rule that asks"
        );
        assert!(!needs_no_password(&rules[1..], "/usr/bin/rm"));
    }

    #[test]
    fn rule_for_all_commands_is_enough() {
        let all = LISTED.replace(
            "RunAsGroups: ALL\n",
            "RunAsGroups: ALL\n    Options: !authenticate\n",
        );
        assert!(needs_no_password(&rules(&all), "/usr/bin/rm"));
    }
}
