//! Whether a command answers in sentences, and what its answer has to know.

use crate::error::ExitError;
use crate::report::order_text::Outlook;
use crate::session::{Colony, Session};

/// Whether a person reads the answer: on a terminal, unless JSON is requested. Programs get JSON.
pub(super) fn is_for_person(session: &Session) -> bool {
    session.terminal.columns.is_some() && !session.run.json && session.run.report_format.is_none()
}

/// What the next runs will make of a command.
///
/// # Errors
/// When the database cannot be read.
pub(super) fn outlook<'a>(session: &Session, colony: &'a Colony) -> Result<Outlook<'a>, ExitError> {
    let now = colony.now();
    let settings = &colony.settings;
    let until = session
        .run
        .until
        .map(|until| format!("until {}", until.seen_from(now).utc()));
    Ok(Outlook {
        nodes: &colony.nodes,
        cap: settings.node_cap,
        keep_removed: settings.keep_removed,
        delay_start: settings.policy().delays.start,
        pause: colony
            .store
            .pauses()?
            .of_colony(now)
            .map(|pause| format!("paused {}", pause.describe())),
        disabled: until,
    })
}
