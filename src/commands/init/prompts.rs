//! The questions of `--init` on a terminal.
//!
//! Each answer becomes one more flag, and the whole command line is checked again. Nothing is written while questions
//! are asked, and signals still end the process at once, so that Ctrl-C leaves nothing behind.

use std::ffi::OsString;

use crate::colony::{ManagerKind, Mode, Tool};
use crate::error::ExitError;
use crate::request::Request;
use crate::session::{Session, SessionStart};
use crate::settings::source::strongest;
use crate::settings::{Resolved, Variables};
use crate::terminal::{Color, Terminal};

use super::preconditions::refuse_second;

/// The settings, in the order of the questions. Only the first has no default.
const QUESTIONS: [&str; 5] = [
    "rewards_address",
    "process_manager",
    "node_cap",
    "node_storage",
    "port_start",
];

/// Whether `--init` asks questions: on a terminal, if the operator has not set the rewards address, and if no nodes are
/// imported.
#[must_use]
pub fn are_due(session: &Session) -> bool {
    session.terminal.has_operator
        && Request::new(session.command.as_ref(), &session.run) == Request::Init
        && !session.run.migrate_anm
        && !session.run.import
        && !is_set(session, QUESTIONS[0])
}

/// Asks, and returns a command line with all answers.
///
/// # Errors
/// When a colony exists, or the operator stops before the end: exit code 1, and nothing was written.
pub fn ask(
    words: Vec<OsString>,
    variables: &Variables,
    terminal: Terminal,
    session: &Session,
) -> Result<Vec<OsString>, ExitError> {
    refuse_second(session)?;
    // Report invalid flags before the first question.
    session.preview_settings()?;
    let mut prompts = Prompts {
        words,
        variables,
        terminal,
    };
    terminal.print(
        "This sets up a new colony. Press Enter for the value in brackets, or Ctrl-C to stop without changes.\n",
    );
    for name in QUESTIONS.into_iter().filter(|name| !is_set(session, name)) {
        prompts.ask_setting(name)?;
    }
    let all = shell_words::join(prompts.words.iter().map(|word| word.to_string_lossy()));
    let (end, _) = prompts.check(&prompts.words)?;
    terminal.print(&format!("\nThe same as one command:\n  {all}"));
    loop {
        let answer = prompts.read_answer(&format!("Create the colony {}? [Y/n]", end.place))?;
        match answer.to_ascii_lowercase().as_str() {
            "" | "y" | "yes" => return Ok(prompts.words),
            "n" | "no" => return Err(stopped()),
            _ => terminal.print("Answer `y` or `n`."),
        }
    }
}

fn is_set(session: &Session, name: &str) -> bool {
    strongest(&session.provided, name).is_some_and(|provided| provided.source.is_explicit())
}

fn stopped() -> ExitError {
    ExitError::refused("stopped before the last question")
        .hint("nothing was created; to start again: `wnm --init`")
}

struct Prompts<'a> {
    words: Vec<OsString>,
    variables: &'a Variables,
    terminal: Terminal,
}

impl Prompts<'_> {
    /// Asks for one setting until the answer is valid.
    fn ask_setting(&mut self, name: &str) -> Result<(), ExitError> {
        loop {
            let question = self.question(name)?;
            let answer = self.read_answer(&question)?;
            if answer.is_empty() {
                if name != QUESTIONS[0] {
                    return Ok(());
                }
                self.terminal.print("There is no default for this one.");
                continue;
            }
            let mut words = self.words.clone();
            words.extend([format!("--{name}"), answer].map(OsString::from));
            match self.check(&words) {
                Ok((_, resolved)) => {
                    for warning in &resolved.warnings {
                        let mark = self.terminal.err.paint(Color::Yellow, "warning:");
                        self.terminal.print(&format!("{mark} {warning}"));
                    }
                    self.words = words;
                    return Ok(());
                }
                Err(error) => {
                    let error = ExitError { hint: None, ..error };
                    self.terminal.print(&error.format(self.terminal.err));
                }
            }
        }
    }

    /// The text of a question, with the default in brackets.
    fn question(&self, name: &str) -> Result<String, ExitError> {
        if name == QUESTIONS[0] {
            return Ok("Which address gets the rewards? 0x…, `faucet` or `donate`:".to_owned());
        }
        let (session, resolved) = self.check(&self.words)?;
        let settings = &resolved.settings;
        Ok(match name {
            "process_manager" => format!(
                "{}\nWhich process manager? One of {} [{}]:",
                explained(&session, &resolved),
                managers(&session, &resolved),
                settings.process_manager
            ),
            "node_cap" => format!("How many nodes at most? [{}]:", settings.node_cap),
            "node_storage" => format!("In which directory? [{}]:", settings.node_storage.display()),
            _ => format!(
                "Which ports, in thousands? Node 1 gets port {}001 [{0}]:",
                settings.port_start
            ),
        })
    }

    /// Checks the command line so far as a run does.
    fn check(&self, words: &[OsString]) -> Result<(Session, Resolved), ExitError> {
        match Session::begin(words.to_vec(), self.variables.clone(), self.terminal)? {
            SessionStart::Session(session) => {
                let resolved = session.resolve_from(None, &[], &session.provided)?;
                let kind = resolved.settings.process_manager;
                let managers = session.world(&resolved.settings).managers;
                managers.of(kind).map_err(ExitError::mistaken)?;
                Ok((*session, resolved))
            }
            SessionStart::Answer(_) => Err(stopped()),
        }
    }

    /// Reads an answer.
    fn read_answer(&self, question: &str) -> Result<String, ExitError> {
        match self.terminal.ask(question) {
            Ok(Some(answer)) => Ok(answer.trim().to_owned()),
            // Ctrl-D, or the terminal was closed.
            Ok(None) | Err(_) => Err(stopped()),
        }
    }
}

/// The process managers that can be used on this machine.
fn usable(session: &Session, resolved: &Resolved) -> Vec<ManagerKind> {
    let managers = session.world(&resolved.settings).managers;
    ManagerKind::all()
        .filter(|kind| kind.is_available_on(session.place.platform) && managers.of(*kind).is_ok())
        .collect()
}

fn managers(session: &Session, resolved: &Resolved) -> String {
    let names = usable(session, resolved).into_iter().map(|kind| kind.to_string());
    names.collect::<Vec<_>>().join(", ")
}

/// A line for each process manager.
fn explained(session: &Session, resolved: &Resolved) -> String {
    let line = |kind: ManagerKind| {
        let what = match (kind.tool, kind.mode) {
            (Tool::Systemd, Mode::User) => "systemd, nodes of your account; no root needed",
            (Tool::Systemd, Mode::Sudo) => "systemd, nodes of the machine; needs sudo without a password",
            (Tool::Setsid, Mode::User) => {
                "plain processes of your account; works everywhere, also in containers"
            }
            (Tool::Setsid, Mode::Sudo) => "plain processes of the account `ant`; needs sudo",
            (Tool::Launchd, Mode::User) => "launchd, nodes of your account",
            (Tool::Launchd, Mode::Sudo) => "launchd, nodes of the machine; needs sudo",
            (Tool::Antctl | Tool::AntctlZen, _) => "Autonomi's antctl starts the nodes",
            (Tool::Docker, _) => "containers",
        };
        format!("  {:<14} {what}", kind.to_string())
    };
    usable(session, resolved)
        .into_iter()
        .map(line)
        .collect::<Vec<_>>()
        .join("\n")
}
