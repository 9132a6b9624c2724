//! The answer to a command on a terminal: what was done, in sentences, and what happens next.

use crate::colony::{ForcedAction, Node, NodeState, Plural};
use crate::execute::{StepEnd, StepOutcome};
use crate::plan::{Action, Plan};

/// What the next runs will make of a command.
pub struct Outlook<'a> {
    /// The nodes after the command.
    pub nodes: &'a [Node],
    pub cap: u32,
    pub keep_removed: i64,
    pub delay_start: i64,
    /// What is paused; None: nothing.
    pub pause: Option<String>,
    /// Until when nodes are disabled, and why.
    pub disabled: Option<String>,
}

/// The most names in a sentence.
const NAMES: usize = 8;

/// The answer to a forced action.
#[must_use]
pub fn of_order(
    action: ForcedAction,
    plan: &Plan,
    outcomes: &[StepOutcome],
    dry: bool,
    outlook: &Outlook<'_>,
) -> String {
    let (mut done, mut failed) = (Vec::new(), Vec::new());
    for outcome in outcomes {
        let name = name_of(outcome);
        match &outcome.ending {
            StepEnd::Done => done.push(name),
            StepEnd::Failed(error) => failed.push(format!("{name} failed: {error}")),
            StepEnd::Skipped => failed.push(format!("{name} was skipped, because a signal ended the run")),
        }
    }
    let mut lines = Vec::new();
    if action == ForcedAction::Teardown {
        lines.extend((!dry).then(|| "Removed all nodes and deleted their data.".to_owned()));
    } else if !done.is_empty() {
        let verb = match dry {
            true => format!("Would {}", action.word()),
            false => capitalized(action.facts().done),
        };
        lines.push(format!("{verb} {}.", names(&done)));
    } else if failed.is_empty() && plan.blockers.is_empty() {
        lines.push("Nothing to do.".to_owned());
    }
    lines.extend(failed);
    if !dry && !done.is_empty() {
        lines.extend(next(action, &done, outlook));
    }
    lines.join("\n")
}

/// The answer to `wnm restart`.
#[must_use]
pub fn of_restart(outcomes: &[StepOutcome], dry: bool, outlook: &Outlook<'_>) -> String {
    let (mut done, mut lines) = (Vec::new(), Vec::new());
    for outcome in outcomes {
        match &outcome.ending {
            StepEnd::Done => done.push(name_of(outcome)),
            StepEnd::Failed(error) => lines.push(format!("{} failed: {error}", name_of(outcome))),
            StepEnd::Skipped => lines.push(format!("{} was skipped", name_of(outcome))),
        }
    }
    if !done.is_empty() {
        let verb = if dry { "Would restart" } else { "Restarted" };
        lines.insert(0, format!("{verb} {}.", names(&done)));
    }
    if !dry && !done.is_empty() {
        lines.push(settling(outlook));
    }
    match lines.is_empty() {
        true => "Nothing to do.".to_owned(),
        false => lines.join("\n"),
    }
}

/// What a run of the decision engine did.
#[must_use]
pub fn of_cycle(plan: &Plan, outcomes: &[StepOutcome]) -> String {
    let mut lines: Vec<String> = outcomes
        .iter()
        .map(|outcome| match (&outcome.ending, &outcome.node) {
            (StepEnd::Failed(error), _) => format!("Failed to {}: {error}", outcome.step),
            (StepEnd::Skipped, _) => format!("Skipped: {}", outcome.step),
            (StepEnd::Done, Some(node)) => format!("Done: {} `{}`", outcome.step, node.service),
            (StepEnd::Done, None) => format!("Done: {}", outcome.step),
        })
        .collect();
    if lines.is_empty() {
        lines.push("Surveyed the nodes; nothing else to do.".to_owned());
    }
    lines.extend(plan.blockers.iter().map(|blocker| format!("  {blocker}")));
    lines.join("\n")
}

fn name_of(outcome: &StepOutcome) -> String {
    match (&outcome.step.action, &outcome.node) {
        (Action::Add(new), _) => new.name.full(),
        (_, Some(node)) => node.name.full(),
        (action, None) => action
            .node()
            .map_or_else(|| "the colony".to_owned(), |id| format!("node {id}")),
    }
}

fn names(all: &[String]) -> String {
    let shown = all.iter().take(NAMES).cloned().collect::<Vec<_>>().join(", ");
    let count = i64::try_from(all.len()).unwrap_or(i64::MAX);
    match all.len() {
        1 => shown,
        2..=NAMES => format!("{}: {shown}", Plural(count, "node")),
        _ => format!(
            "{}: {shown} and {} more",
            Plural(count, "node"),
            all.len() - NAMES
        ),
    }
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters
        .next()
        .map(|first| first.to_ascii_uppercase().to_string() + letters.as_str())
        .unwrap_or_default()
}

/// What happens next, and how to prevent it.
fn next(action: ForcedAction, done: &[String], outlook: &Outlook<'_>) -> Option<String> {
    let kept = outlook
        .nodes
        .iter()
        .filter(|node| node.state != NodeState::Removing);
    let count = kept.count();
    let cap = usize::try_from(outlook.cap).unwrap_or(usize::MAX);
    let these = match done {
        [one] => one.clone(),
        _ => "NODES".to_owned(),
    };
    Some(match action {
        ForcedAction::Stop if outlook.pause.is_some() => {
            format!(
                "wnm is {}; nothing starts them meanwhile.",
                outlook.pause.as_deref()?
            )
        }
        ForcedAction::Stop => format!(
            "The next run starts them again if there is room, with cron in at most a minute. \
             `wnm disable {these}` keeps them stopped."
        ),
        ForcedAction::Disable => match &outlook.disabled {
            Some(until) => {
                format!("They stay stopped {until}. `wnm enable {these}` brings them back before.")
            }
            None => format!("They stay stopped until `wnm enable {these}`."),
        },
        ForcedAction::Remove => {
            let kept = match outlook.keep_removed {
                0 => "Their identities are not kept.".to_owned(),
                days => format!(
                    "Their identities are kept for {}: `wnm restore {these}`.",
                    Plural(days, "day")
                ),
            };
            match count < cap {
                true => format!(
                    "{kept}\nThe cap is {cap}, and the colony has {count}: the next runs add new nodes in their place. \
                     `wnm config set node_cap {count}` prevents that."
                ),
                false => kept,
            }
        }
        ForcedAction::Teardown => format!(
            "The cap is still {cap}: if cron or a timer runs wnm, it adds new nodes. \
             `wnm schedule remove` or `wnm config set node_cap 0` prevents that."
        ),
        ForcedAction::Add if count > cap => format!(
            "The colony has {count} nodes and a cap of {cap}: the next runs remove {} of them, with their data. \
             `wnm config set node_cap {count}` keeps them.",
            count - cap
        ),
        ForcedAction::Add | ForcedAction::Restore | ForcedAction::Start | ForcedAction::Upgrade => {
            settling(outlook)
        }
    })
}

fn settling(outlook: &Outlook<'_>) -> String {
    match outlook.delay_start {
        0 => "`wnm status` shows when they answer.".to_owned(),
        delay => format!("A node may take up to {delay} s to answer; `wnm status` shows it."),
    }
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn many_names_are_shortened() {
        let all: Vec<String> = (1..=10).map(|id| format!("n{id}")).collect();
        assert_eq!(names(&all[..1]), "n1");
        assert_eq!(names(&all[..2]), "2 nodes: n1, n2");
        assert_eq!(names(&all), "10 nodes: n1, n2, n3, n4, n5, n6, n7, n8 and 2 more");
    }
}
