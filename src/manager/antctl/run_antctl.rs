//! Runs antctl and parses its output.
//!
//! Observed with antctl 0.14.2: the exit code is reliable. Errors are on stdout after a cross, or on stderr, in colour
//! even without a terminal.

use crate::colony::Mode;
use crate::program::{Program, ProgramError, trusted_path};

use super::super::timeouts::SUDO_TIMEOUT_MARGIN;
use super::super::{AntctlPolicy, ManagerError, systemctl};
use super::command_line::AntctlCommand;

/// The antctl of one account.
#[derive(Clone, Debug)]
pub struct Antctl {
    mode: Mode,
    policy: AntctlPolicy,
}

/// Why antctl failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub enum AntctlFailure {
    /// The error that antctl printed.
    Said(String),
    /// A node did not answer antctl, so that it did nothing.
    Unanswered(String),
    /// antctl was killed after its time limit.
    Hung(String),
}

impl Antctl {
    #[must_use]
    pub fn new(mode: Mode, policy: AntctlPolicy) -> Antctl {
        Antctl { mode, policy }
    }

    /// Runs a command; returns its output, or why it failed.
    ///
    /// # Errors
    /// When antctl is not installed, sudo refuses, or systemd does not answer.
    pub fn run(&self, order: &AntctlCommand) -> Result<Result<String, AntctlFailure>, ManagerError> {
        // An account that can replace this program could run its own as root.
        let path = &self.policy.program;
        if let Some(weak) = trusted_path::is_required(self.mode)
            .then(|| trusted_path::find_untrusted(path))
            .flatten()
        {
            return Err(ManagerError::Refused {
                doing: "run",
                path: path.clone(),
                why: format!("{weak}; {}", weak.hint()),
            });
        }
        let program = self.program(order);
        let begun = std::time::Instant::now();
        let ended = match program.ask() {
            Err(error @ ProgramError::TooLong { .. }) => {
                return Ok(Err(AntctlFailure::Hung(error.to_string())));
            }
            Err(ProgramError::Missing { program }) if program != "sudo" => return Err(self.missing()),
            ended => ended?,
        };
        tracing::debug!(
            "`{}`: {:?} after {} ms: {}",
            program.command_line(),
            ended.code(),
            begun.elapsed().as_millis(),
            ended.stdout.trim_end()
        );
        if self.policy.debug {
            ended
                .stderr
                .lines()
                .for_each(|line| tracing::debug!("antctl: {}", uncoloured(line)));
        }
        if ended.code() == Some(0) {
            return Ok(Ok(ended.stdout));
        }
        if is_missing(ended.code(), &ended.stderr) {
            return Err(self.missing());
        }
        // The exit codes of `timeout` after it ended or killed the program.
        if self.needs_timeout_as_root() && matches!(ended.code(), Some(124 | 137)) {
            return Ok(Err(AntctlFailure::Hung(
                ProgramError::TooLong {
                    command: program.command_line(),
                    limit: order.limit,
                    complaint: String::new(),
                }
                .to_string(),
            )));
        }
        let failure = failure(ended.code(), &ended.stdout, &ended.stderr);
        if let AntctlFailure::Said(why) = &failure
            && self.mode == Mode::User
            && why.contains("connect to bus")
        {
            return Err(systemctl::no_session(why));
        }
        Ok(Err(failure))
    }

    fn program(&self, order: &AntctlCommand) -> Program {
        let mut words: Vec<std::ffi::OsString> = Vec::new();
        if let Some(backtrace) = &self.policy.backtrace {
            // sudo does not pass environment variables.
            words.extend(["env".into(), format!("RUST_BACKTRACE={backtrace}").into()]);
        }
        let mut limit = order.limit;
        if self.needs_timeout_as_root() {
            // Only root can end a process of root: killing sudo could leave antctl running.
            let seconds = format!("{}", order.limit.as_secs());
            words.extend(["timeout", "-k", "5", &seconds].map(Into::into));
            limit += SUDO_TIMEOUT_MARGIN;
        }
        words.push(self.policy.program.clone().into());
        if self.policy.debug {
            words.push("--debug".into());
        }
        words.extend(order.words.iter().map(Into::into));
        let program = Program::new(&words[0])
            .args(&words[1..])
            .rights(self.mode)
            .limit(limit);
        match self.mode {
            Mode::User => systemctl::in_session(program),
            Mode::Sudo => program,
        }
    }

    fn needs_timeout_as_root(&self) -> bool {
        self.mode == Mode::Sudo && !crate::program::user_account::is_root()
    }

    fn missing(&self) -> ManagerError {
        ManagerError::NoAntctl {
            path: self.policy.program.clone(),
        }
    }
}

/// Whether `env`, `timeout` or sudo did not find antctl.
fn is_missing(code: Option<i32>, said: &str) -> bool {
    matches!(code, Some(1 | 127))
        && (said.contains("command not found")
            || said.contains("antctl: No such file or directory")
            || said.contains("antctl’: No such file")
            || said.contains("antctl': No such file"))
}

fn failure(code: Option<i32>, stdout: &str, stderr: &str) -> AntctlFailure {
    if let Some(crossed) = crossed(stdout) {
        return AntctlFailure::Said(crossed);
    }
    let why = complaint(stderr);
    match why.split_once("Could not connect to RPC endpoint 'https://") {
        Some((_, rest)) => AntctlFailure::Unanswered(format!(
            "a node does not answer at {}",
            rest.split('\'').next().unwrap_or_default()
        )),
        None if why.is_empty() => AntctlFailure::Said(match code {
            Some(code) => format!("it exited with code {code} and no message"),
            None => "it was killed".to_owned(),
        }),
        None => AntctlFailure::Said(why),
    }
}

/// The error after `✕ antnode1: `, which can have several lines.
fn crossed(stdout: &str) -> Option<String> {
    let (_, after) = stdout.split_once("✕ ")?;
    let lines = after
        .lines()
        .take_while(|line| !line.starts_with(['✓', '✕', '╔']));
    let text: Vec<&str> = lines.map(str::trim).filter(|line| !line.is_empty()).collect();
    let text = text.join("; ");
    let reason = text
        .split_once(": ")
        .filter(|(name, _)| name.starts_with("antnode") && !name.contains(' '));
    Some(reason.map_or(text.clone(), |(_, reason)| reason.to_owned()))
}

/// The numbered lines of an error, or the first line if the command line was rejected; without colours.
fn complaint(stderr: &str) -> String {
    let plain = uncoloured(stderr);
    let numbered: Vec<&str> = plain
        .lines()
        // The numbered lines after the location are a backtrace.
        .take_while(|line| *line != "Location:")
        .filter_map(|line| {
            let (number, text) = line.strip_prefix("   ")?.split_once(": ")?;
            number
                .bytes()
                .all(|byte| byte.is_ascii_digit())
                .then_some(text.trim())
        })
        .collect();
    if !numbered.is_empty() {
        return numbered.join(": ");
    }
    let is_log = |line: &&str| !line.starts_with('[') && !line.trim().is_empty();
    plain
        .lines()
        .find(is_log)
        .unwrap_or_default()
        .trim_start_matches("error: ")
        .to_owned()
}

/// Without `ESC [ … m`.
fn uncoloured(text: &str) -> String {
    let mut parts = text.split("\x1b[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        plain.push_str(part.split_once('m').map_or(part, |(_, rest)| rest));
    }
    plain
}

/// The name of the node that `antctl add` created.
#[must_use]
pub fn added(stdout: &str) -> Option<String> {
    stdout.lines().find_map(|line| {
        let name = line.strip_prefix(" ✓ ")?.trim_end();
        let digits = name.strip_prefix("antnode")?;
        (!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    /// What the real one answered: exit code, stdout and stderr.
    fn answer(name: &str) -> (Option<i32>, String, String) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/antctl-0.14.2");
        let read =
            |ending: &str| fs::read_to_string(folder.join(format!("{name}.{ending}"))).unwrap_or_default();
        (read("rc").trim().parse().ok(), read("stdout"), read("stderr"))
    }

    #[test]
    fn extracts_error_messages_of_real_antctl() {
        let said = |why: &str| AntctlFailure::Said(why.to_owned());
        let silent = AntctlFailure::Unanswered("a node does not answer at 127.0.0.1:30003".to_owned());
        for (name, expected) in [
            (
                "user-start-no-rpc-timeout5",
                said("Could not connect to RPC endpoint 'https://127.0.0.1:30003'"),
            ),
            ("user-start-other-while-one-has-no-rpc", silent),
            (
                "user-remove-running",
                said(
                    "Unable to remove a running service [\"antnode1\"], stop this service first before removing",
                ),
            ),
            (
                "user-add-port-cross-kind",
                said("Port 30001 is being used by another service"),
            ),
            (
                "user-noxdg-start",
                said("Command failed with exit code 1: Failed to connect to bus: No medium found"),
            ),
            (
                "user-add-version-after-network",
                said("unexpected argument '--version' found"),
            ),
            (
                "user-start-unknown-service-backtrace",
                said("No service named 'antnode99'"),
            ),
            (
                "root-registry-truncated-status-json",
                said("EOF while parsing a string at line 1 column 700"),
            ),
            (
                "root-remove-all-partial-failure",
                said(
                    "Command failed with exit code 1: Warning: Can't execute disable on the unit file path. Proceeding \
                     with the unit name.; Failed to disable unit: Unit file antnode5.service does not exist.",
                ),
            ),
            (
                "root-start-after-reset-stale-unit",
                said(
                    "Command failed with exit code 1: Failed to start antnode1.service: Unit antnode1.service failed to \
                     load properly, please adjust/correct and reload service manager: Device or resource busy; See \
                     system logs and 'systemctl status antnode1.service' for details.",
                ),
            ),
            (
                "user-add-zen-offline",
                said(
                    "error sending request for url (https://crates.io/api/v1/crates/ant-node): client error (Connect): \
                     dns error: failed to lookup address information: Temporary failure in name resolution",
                ),
            ),
            (
                "root-upgrade-unit-file-missing",
                said(
                    "antnode5 was not upgraded: Error: Command failed with exit code 1: Warning: Can't execute disable \
                     on the unit file path. Proceeding with the unit name.; Failed to disable unit: Unit file \
                     antnode5.service does not exist.",
                ),
            ),
        ] {
            let (code, stdout, stderr) = answer(name);
            assert_eq!(failure(code, &stdout, &stderr), expected, "{name}");
        }
        let said_nothing = said("it exited with code 1 and no message");
        assert_eq!(failure(Some(1), "", ""), said_nothing);
    }

    #[test]
    fn finds_name_of_new_node_in_output() {
        for (name, node) in [
            ("user-add-as-peer", Some("antnode1")),
            ("user-add-after-removals", Some("antnode11")),
            ("root-add-default-paths", Some("antnode3")),
            ("user-debug-add", Some("antnode1")),
            ("user-add-zen-version-cached", Some("antnode2")),
            ("user-add-port-cross-kind", None),
        ] {
            let (code, stdout, _) = answer(name);
            assert_eq!(added(&stdout).as_deref(), node, "{name}");
            assert_eq!(code == Some(0), node.is_some(), "{name}");
        }
    }

    #[test]
    fn recognizes_missing_antctl_behind_sudo() {
        let (code, _, stderr) = answer("sudo-antctl-in-local-bin-not-found");
        assert!(is_missing(code, &stderr), "{stderr}");
        let (code, _, stderr) = answer("user-start-unknown-service-backtrace");
        assert!(!is_missing(code, &stderr));
    }
}
