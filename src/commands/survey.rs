//! `--force_action survey`: surveys nodes and records what they report.

use super::{RunResult, execution, survey_step::survey_and_record};
use crate::error::ExitError;
use crate::report::{self, order_result};
use crate::session::{Colony, Session};

/// Surveys the nodes in `names`, or all nodes when it is empty.
///
/// # Errors
/// As [`Colony::open`] and [`survey_and_record`].
pub(super) fn survey(session: &Session, names: &[String]) -> Result<RunResult, ExitError> {
    let mut colony = Colony::open(session)?;
    let dry = session.run.dry_run;
    if !dry {
        execution::recover(session, &mut colony)?;
        survey_and_record(session, &mut colony, names)?;
    }
    let result = order_result::of_survey(names, &colony.nodes, dry);
    let has_failed = order_result::has_failures(&result);
    Ok(RunResult::of_steps(report::pretty(&result), has_failed))
}
