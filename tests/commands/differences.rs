//! The differences from the Python wnm, each with the heading in `docs/differences.md` that gives the
//! reason.

/// One reason, and the differences that it explains.
pub struct Difference {
    /// A heading in `docs/differences.md`.
    pub reason: &'static str,
    /// The cases by name; `*` matches anything.
    pub cases: &'static [&'static str],
    /// The differences; `*` matches anything.
    pub what: &'static [&'static str],
}

/// wnm rejected the command, so it printed or stored nothing where the Python wnm did.
const REFUSED: &[&str] = &[
    "*code 0 -> 2",
    "*stdout is missing",
    "*result is missing",
    "*machine 1 *",
    "*node *",
];

/// All known differences.
pub const DIFFERENCES: &[Difference] = &[
    Difference {
        reason: "Unknown flags, keys and words are rejected",
        cases: &["flags_*", "start_unknown_*"],
        what: REFUSED,
    },
    Difference {
        reason: "Unknown flags, keys and words are rejected",
        cases: &["env_test_mode"],
        what: &["code 1 -> 0", "stdout is more"],
    },
    Difference {
        reason: "Invalid values end with exit code 2",
        cases: &[
            "config_*_bad*",
            "highest_word_*",
            "init_bad_address_*",
            "init_donate_*",
            "number_*",
            "port_form_init_*",
            "wallet_update_*",
            "log_level_*",
        ],
        what: &["*code 1 -> 2"],
    },
    Difference {
        reason: "Values have limits",
        cases: &[
            "number_*",
            "port_form_init_*",
            "log_level_*",
            "init_donate_*",
            "wallet_update_donate_*",
        ],
        what: REFUSED,
    },
    Difference {
        reason: "Values have limits",
        cases: &["number_update_*"],
        what: &["02_code 1 -> 0", "02_stdout *"],
    },
    Difference {
        reason: "Numbers have the digits 0 to 9",
        cases: &["wallets/other_digits/*"],
        what: &["Some(* -> None"],
    },
    Difference {
        reason: "A lower limit must be below its upper limit",
        cases: &["config_*_change"],
        what: REFUSED,
    },
    Difference {
        reason: "`--count` must be at least 1",
        cases: &["count_*"],
        what: REFUSED,
    },
    Difference {
        reason: "Failures end with exit code 3",
        cases: &["dry_*", "count_*"],
        what: &["code 0 -> 3"],
    },
    Difference {
        reason: "A dry run names the nodes and ids",
        cases: &["dry_add_*", "dry_env_*"],
        what: &["result/added_nodes/* \"node-*", "result/node is more"],
    },
    Difference {
        reason: "A dry run names the nodes and ids",
        cases: &["dry_start_*"],
        what: &[
            "result/started_*",
            "result/upgraded_*",
            "result/status \"started-node\" -> \"upgrading-node\"",
            "result/status \"starting-node\" -> \"upgrading-*",
        ],
    },
    Difference {
        reason: "Only outdated nodes are upgraded",
        cases: &["dry_upgrade_*"],
        what: &["result/*"],
    },
    Difference {
        reason: "Forced actions skip disabled and dead nodes",
        cases: &["dry_remove_count*", "dry_env_COUNT*"],
        what: &["result/removed_*"],
    },
    Difference {
        reason: "Forced actions skip disabled and dead nodes",
        cases: &["dry_stop_*", "dry_start_*", "dry_upgrade_*"],
        what: &["result/*"],
    },
    Difference {
        reason: "Reports and dry runs take no lock",
        cases: &["lock_present*"],
        what: &[
            "code 1 -> *",
            "stdout is more",
            "result is missing",
            "machine 1 *",
            "node *",
        ],
    },
    Difference {
        reason: "Reports need no antnode",
        cases: &["env_no_antnode*"],
        what: &["*code 1 -> 0", "*stdout is more"],
    },
    Difference {
        reason: "An antnode without a version is not used",
        cases: &["env_antnode_broken"],
        what: &[
            "01_stdout line: antnode_version: 0 -> antnode_version: None",
            "02_code 1 -> 0",
            "01_stdout line: nodes_to_upgrade: * -> nodes_to_upgrade: 0",
        ],
    },
    Difference {
        reason: "Pre-release versions are compared in full",
        cases: &["env_antnode_version_*"],
        what: &["*stdout *", "*result *"],
    },
    Difference {
        reason: "disable_config turns switches off",
        cases: &["config_disable_config_*"],
        what: &["machine 1 no_upnp 1 -> 0", "machine 1 antctl_debug 1 -> 0"],
    },
    Difference {
        reason: "Dashes and underscores are the same",
        cases: &["config_*_hyphen"],
        what: &["machine 1 no_upnp 0 -> 1", "machine 1 antctl_debug *"],
    },
    Difference {
        reason: "Dashes and underscores are the same",
        cases: &["flags_hyphens"],
        what: &["stdout *"],
    },
    Difference {
        reason: "An empty variable is ignored, and `.env` is always read",
        cases: &["precedence_13_*", "precedence_14_*", "precedence_16_*"],
        what: &["machine 1 node_cap *"],
    },
    Difference {
        reason: "An unavailable manager is rejected",
        cases: &["init_highest_node_id_antctl", "init_pm_*", "precedence_15_*"],
        what: &["*code 0 -> 2", "*code 0 -> 1", "*machine 1 is gone"],
    },
    Difference {
        reason: "An unavailable manager is rejected",
        cases: &["*"],
        what: &[
            "*machine 1 process_manager systemd+user -> setsid+user",
            "*stdout line: PROCESS_MANAGER=systemd+user -> PROCESS_MANAGER=setsid+user",
            "*stdout line: process_manager*systemd+user* -> process_manager*setsid+user*",
        ],
    },
    Difference {
        reason: "Spaces around a value are ignored",
        cases: &["init_good_*"],
        what: &["machine 1 rewards_address *"],
    },
    Difference {
        reason: "The first run stores all its settings",
        cases: &["init_last_stopped_*", "all_settings_*"],
        what: &["*machine 1 last_stopped_at *"],
    },
    Difference {
        reason: "The first run creates all directories, or nothing",
        cases: &["dbpath_dir_missing"],
        what: &["*code 1 -> 0"],
    },
    Difference {
        reason: "The first run creates all directories, or nothing",
        cases: &["init_as_root*", "init_dry_run*"],
        what: &["*"],
    },
    Difference {
        reason: "Setting the same value again is not a change",
        cases: &["highest_same_*"],
        what: &["code 1 -> *", "stderr does not name *", "node * is new"],
    },
    Difference {
        reason: "Expired delays are handled first",
        cases: &["plan_dry_*", "flags_json_*", "log_*"],
        what: &["result *"],
    },
    Difference {
        reason: "Databases of the peer must be migrated once",
        cases: &["migrate_*", "flags_*"],
        what: &[
            "*node * method antctl -> antctl+*",
            "*node * method systemd -> systemd+*",
            "*node * manager_type systemd -> systemd+*",
            "*node * manager_type antctl -> antctl+*",
        ],
    },
    Difference {
        reason: "Databases of the peer must be migrated once",
        cases: &["migrate_*"],
        what: &[
            "01_code 0 -> 1",
            "01_stdout is missing",
            "*code 1 -> 0",
            "*stdout is more",
            "*machine 1 highest_node_id_used *",
            "*machine 1 is new",
        ],
    },
    Difference {
        reason: "A dry run changes nothing",
        cases: &["migrate_dry_run"],
        what: &["*"],
    },
    Difference {
        reason: "Help and version texts differ",
        cases: &["start_help*", "start_version*", "lock_present_version"],
        what: &["stdout *"],
    },
    Difference {
        reason: "Long node names keep the table columns apart",
        cases: &["*"],
        what: &["*stdout line: antnode?????.service12D3* -> antnode?????.service *"],
    },
    Difference {
        reason: "Every form of a node name is accepted",
        cases: &["*plain*"],
        what: &["stdout *"],
    },
    Difference {
        reason: "An empty list of node names is rejected",
        cases: &["*/comma*", "*/empty*"],
        what: REFUSED,
    },
    Difference {
        reason: "Node details show correct values",
        cases: &["*/node-status-details/*"],
        what: &[
            "stdout line: Bin Path: * -> Bin Path: *",
            "stdout line: Age: * -> Age: *",
            "stdout line: Log path: * -> Log path: *",
        ],
    },
    Difference {
        reason: "A missing value is null",
        cases: &["*/node-status-details/*"],
        what: &[
            "stdout line: *: \"None\", -> *: null,",
            "stdout line: *: \"None\" -> *: null",
        ],
    },
    Difference {
        reason: "A missing value is null",
        cases: &["*/machine-config/*", "dbpath_*", "precedence_*"],
        what: &["*stdout line: *=None -> *=\"\""],
    },
    Difference {
        reason: "Databases of the peer must be migrated once",
        cases: &["*/node-status-details/*"],
        what: &[
            "stdout line: *\"method\": \"antctl\", -> *\"method\": \"antctl+*",
            "stdout line: *\"method\": \"systemd\", -> *\"method\": \"systemd+*",
            "stdout line: *\"manager_type\": \"systemd\", -> *\"manager_type\": \"systemd+*",
            "stdout line: *\"manager_type\": \"antctl\", -> *\"manager_type\": \"antctl+*",
        ],
    },
    Difference {
        reason: "Rewards are summed exactly",
        cases: &["*/influx-resources/*"],
        what: &["stdout line: nodes_totals rewards=* -> nodes_totals rewards=*"],
    },
    Difference {
        reason: "Formats of reports",
        cases: &["*/influx-resources/json*", "*/machine-metrics/config/*"],
        what: &["stdout *"],
    },
];

/// The reason why `what` differs in the case `name`; None where there is none.
pub fn reason(name: &str, what: &str) -> Option<&'static str> {
    DIFFERENCES
        .iter()
        .find(|difference| {
            difference.cases.iter().any(|pattern| fits(pattern, name))
                && difference.what.iter().any(|pattern| fits(pattern, what))
        })
        .map(|difference| difference.reason)
}

/// Whether `text` matches `pattern`: `*` is any text, `?` is one character.
pub fn fits(pattern: &str, text: &str) -> bool {
    let mut rest = text.chars();
    let mut left = pattern.chars();
    match left.next() {
        None => text.is_empty(),
        Some('*') => {
            let left = left.as_str();
            text.char_indices()
                .map(|(at, _)| at)
                .chain([text.len()])
                .any(|at| fits(left, &text[at..]))
        }
        Some(wanted) => {
            rest.next().is_some_and(|c| wanted == '?' || wanted == c) && fits(left.as_str(), rest.as_str())
        }
    }
}
