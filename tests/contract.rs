//! The contract of the process managers: given a colony of any of them, when wnm runs, then the same is true of all.
//! What differs between them, and may, is told in `ground`.
//!
//! Those with sudo are played in a house (`tests/stage/house.rs`), and skipped where none can be built. That our
//! systemctl promises no more than systemd's, `tests/lab/contract.sh` shows.

pub mod ground;
mod killed;
mod lost;
mod odd;
mod twice;

use ground::Kind;

/// Each clause, for each manager.
macro_rules! every_manager {
    ($($manager:ident: $kind:literal),+ $(,)?) => {
        $(mod $manager {
            every_manager!(@clauses $kind;
                twice::a_start_a_stop_an_upgrade_and_a_removal_done_twice_are_done_once,
                killed::what_a_killed_add_left_becomes_a_node,
                killed::what_a_killed_removal_left_goes,
                killed::a_killed_stop_or_upgrade_is_ended,
                odd::values_with_quotes_and_paths_with_spaces_reach_the_node_as_they_are,
                lost::thirty_nodes_whose_database_was_lost_are_rebuilt_row_for_row,
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
