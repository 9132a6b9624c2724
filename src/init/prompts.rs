//! The questions of `--init` on a terminal: whose the rewards are, and the few other things that matter.
//!
//! An answer is one more flag, and is judged as if it had been typed: by reading all flags anew. Nothing is made
//! while questions are asked, and signals still end the process at once, so that Ctrl-C leaves nothing behind.

use std::ffi::OsString;

use crate::colony::ManagerKind;
use crate::error::ExitError;
use crate::request::Request;
use crate::session::{Session, SessionStart};
use crate::settings::source::winner;
use crate::settings::{Resolved, Variables};
use crate::terminal::{Color, Terminal};

use super::refuse_second;

/// What is asked, in this order; the first alone has no default.
const ASKED: [&str; 5] = [
    "rewards_address",
    "process_manager",
    "node_cap",
    "node_storage",
    "port_start",
];

/// Whether `--init` is to ask: on a terminal, of an operator who has not said whose the rewards are, and where no
/// nodes are taken in that could tell.
#[must_use]
pub fn are_due(session: &Session) -> bool {
    session.terminal.has_operator
        && Request::of(&session.run) == Request::Init
        && !session.run.migrate_anm
        && !session.run.import
        && !is_said(session, ASKED[0])
}

/// Asks, and returns the words of the command line that says all of it.
///
/// # Errors
/// When there is a colony already, or the operator leaves before the end: exit code 1, and nothing was made.
pub fn ask(
    words: Vec<OsString>,
    variables: &Variables,
    terminal: Terminal,
    session: &Session,
) -> Result<Vec<OsString>, ExitError> {
    refuse_second(session)?;
    // What was typed wrong is said before anything is asked.
    session.foreseen()?;
    let mut interview = Prompts {
        words,
        variables,
        terminal,
    };
    terminal.tell(
        "A new colony. An empty answer takes what stands in brackets; Ctrl-C leaves, and nothing is made.\n",
    );
    for name in ASKED.into_iter().filter(|name| !is_said(session, name)) {
        interview.settle(name)?;
    }
    let all = shell_words::join(interview.words.iter().map(|word| word.to_string_lossy()));
    let (end, _) = interview.judge(&interview.words)?;
    terminal.tell(&format!("\nThe same without questions:\n  {all}"));
    loop {
        let answer = interview.hear(&format!("Make the colony {}? [Y/n]", end.place))?;
        match answer.to_ascii_lowercase().as_str() {
            "" | "y" | "yes" => return Ok(interview.words),
            "n" | "no" => return Err(left()),
            _ => terminal.tell("`y` or `n`?"),
        }
    }
}

fn is_said(session: &Session, name: &str) -> bool {
    winner(&session.sayings, name).is_some_and(|saying| saying.origin.is_said())
}

fn left() -> ExitError {
    ExitError::refused("the questions were left").hint("nothing was made; `wnm --init` asks again")
}

struct Prompts<'a> {
    words: Vec<OsString>,
    variables: &'a Variables,
    terminal: Terminal,
}

impl Prompts<'_> {
    /// Asks for one setting until the answer can be.
    fn settle(&mut self, name: &str) -> Result<(), ExitError> {
        loop {
            let question = self.question(name)?;
            let answer = self.hear(&question)?;
            if answer.is_empty() {
                if name != ASKED[0] {
                    return Ok(());
                }
                self.terminal.tell("Nobody can guess that one.");
                continue;
            }
            let mut words = self.words.clone();
            words.extend([format!("--{name}"), answer].map(OsString::from));
            match self.judge(&words) {
                Ok((_, resolved)) => {
                    for warning in &resolved.warnings {
                        let mark = self.terminal.err.paint(Color::Yellow, "warning:");
                        self.terminal.tell(&format!("{mark} {warning}"));
                    }
                    self.words = words;
                    return Ok(());
                }
                Err(error) => {
                    let error = ExitError { hint: None, ..error };
                    self.terminal.tell(&error.told(self.terminal.err));
                }
            }
        }
    }

    /// One question, with what an empty answer means.
    fn question(&self, name: &str) -> Result<String, ExitError> {
        if name == ASKED[0] {
            return Ok("Whose are the rewards? An address 0x…, `faucet` or `donate`:".to_owned());
        }
        let (session, resolved) = self.judge(&self.words)?;
        let settings = &resolved.settings;
        Ok(match name {
            "process_manager" => format!(
                "What runs the nodes? One of {} [{}]:",
                managers(&session, &resolved),
                settings.process_manager
            ),
            "node_cap" => format!("How many nodes at most? [{}]:", settings.node_cap),
            "node_storage" => format!("In which folder? [{}]:", settings.node_storage.display()),
            _ => format!(
                "Which ports, in thousands? Node 1 gets {}001 [{0}]:",
                settings.port_start
            ),
        })
    }

    /// All flags so far, read as a run reads them.
    fn judge(&self, words: &[OsString]) -> Result<(Session, Resolved), ExitError> {
        match Session::begin(words.to_vec(), self.variables.clone(), self.terminal)? {
            SessionStart::Session(session) => {
                let resolved = session.weigh(None, &[], &session.sayings)?;
                let kind = resolved.settings.process_manager;
                let managers = session.world(&resolved.settings).managers;
                managers.of(kind).map_err(ExitError::mistaken)?;
                Ok((*session, resolved))
            }
            SessionStart::Answer(_) => Err(left()),
        }
    }

    /// What the operator answers.
    fn hear(&self, question: &str) -> Result<String, ExitError> {
        match self.terminal.ask(question) {
            Ok(Some(answer)) => Ok(answer.trim().to_owned()),
            // Ctrl-D, or a terminal that has gone.
            Ok(None) | Err(_) => Err(left()),
        }
    }
}

/// The managers that this machine may have.
fn managers(session: &Session, resolved: &Resolved) -> String {
    let managers = session.world(&resolved.settings).managers;
    ManagerKind::all()
        .filter(|kind| kind.is_available_on(session.place.platform) && managers.of(*kind).is_ok())
        .map(|kind| kind.to_string())
        .collect::<Vec<_>>()
        .join(", ")
}
