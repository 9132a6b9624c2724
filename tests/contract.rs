//! The contract of the process managers: each test here passes with every manager. `manager_stage` lists
//! the allowed differences.
//!
//! Managers with sudo run in `tests/stage/sandbox.rs`, and are skipped where namespaces are not allowed.
//! `tests/lab/contract.sh` checks the simulated systemctl against the real one.

mod killed_runs;
mod lost_database;
pub mod manager_stage;
mod quoting;
mod repeated_actions;

use manager_stage::Kind;

/// Runs each test of the contract with each manager.
macro_rules! every_manager {
    ($($manager:ident: $kind:literal),+ $(,)?) => {
        $(mod $manager {
            every_manager!(@clauses $kind;
                repeated_actions::start_stop_upgrade_and_removal_can_be_repeated,
                killed_runs::next_run_finishes_a_killed_add,
                killed_runs::next_run_finishes_a_killed_removal,
                killed_runs::next_run_finishes_a_killed_stop_or_upgrade,
                quoting::values_with_quotes_and_paths_with_spaces_reach_the_node_unchanged,
                lost_database::import_rebuilds_thirty_rows_after_the_database_was_lost,
            );
        })+
    };
    (@clauses $kind:literal; $($file:ident::$clause:ident),+ $(,)?) => {
        $(#[test]
        fn $clause() {
            crate::contract::$file::$clause(&crate::contract::Kind::of($kind));
        })+
    };
}

every_manager! {
    setsid_user: "setsid+user",
    setsid_sudo: "setsid+sudo",
    systemd_user: "systemd+user",
    systemd_sudo: "systemd+sudo",
    launchd_user: "launchd+user",
    launchd_sudo: "launchd+sudo",
    antctl_user: "antctl+user",
    antctl_sudo: "antctl+sudo",
    antctl_zen: "antctl+zen",
}
