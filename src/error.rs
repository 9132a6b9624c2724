//! What a run ends with when it does not end well: a sentence, maybe a hint, and an exit code.

use std::fmt;

use crate::terminal::{Color, Coloring};

/// Why a run did not do what it was asked; its kind is the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitKind {
    /// 1: locked, not initialised, migration needed, `--confirm` missing, colony unreadable, a signal.
    Refused,
    /// 2: a flag, a key or a value that cannot be; nothing was changed.
    Mistaken,
    /// 3: a step failed; the others still ran, the next cycle goes on.
    Incomplete,
    /// 4: a safety stop; `--confirm` overrides where it says so.
    Unsafe,
}

impl ExitKind {
    /// The exit code of a run that ends so.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            ExitKind::Refused => 1,
            ExitKind::Mistaken => 2,
            ExitKind::Incomplete => 3,
            ExitKind::Unsafe => 4,
        }
    }
}

/// What happened, to what, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExitError {
    pub kind: ExitKind,
    /// A lowercase fragment without a period, names in backticks.
    pub what: String,
    /// One thing the operator can do.
    pub hint: Option<String>,
}

impl ExitError {
    /// An error without a hint.
    pub fn new(kind: ExitKind, what: impl fmt::Display) -> ExitError {
        ExitError {
            kind,
            what: what.to_string(),
            hint: None,
        }
    }

    /// A refusal: exit code 1.
    pub fn refused(what: impl fmt::Display) -> ExitError {
        ExitError::new(ExitKind::Refused, what)
    }

    /// A mistake in what was asked: exit code 2.
    pub fn mistaken(what: impl fmt::Display) -> ExitError {
        ExitError::new(ExitKind::Mistaken, what)
    }

    /// A signal asked the run to end: exit code 1.
    #[must_use]
    pub fn interrupted() -> ExitError {
        ExitError::refused("ended by a signal")
            .hint("what was begun is finished or undone; the next run goes on")
    }

    /// The same error with something to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl fmt::Display) -> ExitError {
        self.hint = Some(hint.to_string());
        self
    }

    /// The error and its hint as they are printed: `error:` and `hint:` painted in this style.
    #[must_use]
    pub fn told(&self, style: Coloring) -> String {
        let error = format!("{} {}", style.paint(Color::Alarm, "error:"), harmless(&self.what));
        match &self.hint {
            Some(hint) => format!(
                "{error}\n{} {}",
                style.paint(Color::Cyan, "hint:"),
                harmless(hint)
            ),
            None => error,
        }
    }
}

/// A text that may hold names of others, as of a home, without what would steer a terminal.
fn harmless(text: &str) -> String {
    let mut told = String::with_capacity(text.len());
    for c in text.chars() {
        match c.is_control() && c != '\n' {
            true => told.extend(c.escape_default()),
            false => told.push(c),
        }
    }
    told
}

impl fmt::Display for ExitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.told(Coloring::Plain))
    }
}
