//! The error of a run: a message, an optional hint, and an exit code.

use std::fmt;

use crate::terminal::{Color, Coloring};

/// The kind of an error, which decides the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitKind {
    /// 1: the lock is held, no colony, an old schema, `--confirm` is missing, an unreadable database, a signal.
    Refused,
    /// 2: an invalid flag, key or value; nothing was changed.
    Mistaken,
    /// 3: an action failed; the others ran, and the next cycle continues.
    Incomplete,
    /// 4: a safety stop; `--confirm` overrides it if the message says so.
    Unsafe,
}

impl ExitKind {
    /// The exit code.
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

/// An error with an optional hint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExitError {
    pub kind: ExitKind,
    /// Begins in lower case, and has no period at its end.
    pub what: String,
    /// What the operator can do about it.
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

    /// An error with exit code 1.
    pub fn refused(what: impl fmt::Display) -> ExitError {
        ExitError::new(ExitKind::Refused, what)
    }

    /// An error with exit code 2.
    pub fn mistaken(what: impl fmt::Display) -> ExitError {
        ExitError::new(ExitKind::Mistaken, what)
    }

    /// The error of a run that a signal ended: exit code 1.
    #[must_use]
    pub fn interrupted() -> ExitError {
        ExitError::refused("ended by a signal")
            .hint("what was begun is finished or undone; the next run goes on")
    }

    /// Adds a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl fmt::Display) -> ExitError {
        self.hint = Some(hint.to_string());
        self
    }

    /// The error and its hint as printed, with `error:` and `hint:` in this style.
    #[must_use]
    pub fn format(&self, style: Coloring) -> String {
        let error = format!(
            "{} {}",
            style.paint(Color::Alarm, "error:"),
            escape_controls(&self.what)
        );
        match &self.hint {
            Some(hint) => format!(
                "{error}\n{} {}",
                style.paint(Color::Cyan, "hint:"),
                escape_controls(hint)
            ),
            None => error,
        }
    }
}

/// Escapes control characters, because the text can contain names from outside.
fn escape_controls(text: &str) -> String {
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
        f.write_str(&self.format(Coloring::Plain))
    }
}
