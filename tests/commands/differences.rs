//! Where wnm answers otherwise than the peer, and the heading in `docs/differences.md` that says why.

/// One reason, and what it explains.
pub struct Difference {
    /// A heading in `docs/differences.md`.
    pub reason: &'static str,
    /// The cases, by name; `*` stands for anything.
    pub cases: &'static [&'static str],
    /// What differs in them; `*` stands for anything.
    pub what: &'static [&'static str],
}

/// Nothing was printed or kept where the peer printed or kept something, for we refused.
const REFUSED: &[&str] = &[
    "*code 0 -> 2",
    "*stdout is missing",
    "*result is missing",
    "*machine 1 *",
    "*node *",
];

/// All that is known.
pub const DIFFERENCES: &[Difference] = &[
    Difference {
        reason: "What is not known is refused",
        cases: &["flags_*", "start_unknown_*"],
        what: REFUSED,
    },
    Difference {
        reason: "What is not known is refused",
        cases: &["env_test_mode"],
        what: &["code 1 -> 0", "stdout is more"],
    },
    Difference {
        reason: "Bad values end with exit code 2",
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
        reason: "Values have bounds",
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
        reason: "Values have bounds",
        cases: &["number_update_*"],
        what: &["02_code 1 -> 0", "02_stdout *"],
    },
    Difference {
        reason: "A limit must be below the one it goes with",
        cases: &["config_*_change"],
        what: REFUSED,
    },
    Difference {
        reason: "A count begins at 1",
        cases: &["count_*"],
        what: REFUSED,
    },
    Difference {
        reason: "What fails ends with exit code 3",
        cases: &["dry_*", "count_*"],
        what: &["code 0 -> 3"],
    },
    Difference {
        reason: "A dry run names what would be done",
        cases: &["dry_add_*", "dry_env_*"],
        what: &["result/added_nodes/* \"node-*", "result/node is more"],
    },
    Difference {
        reason: "A dry run names what would be done",
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
        reason: "Disabled and dead nodes are left alone",
        cases: &["dry_remove_count*", "dry_env_COUNT*"],
        what: &["result/removed_*"],
    },
    Difference {
        reason: "Disabled and dead nodes are left alone",
        cases: &["dry_stop_*", "dry_start_*", "dry_upgrade_*"],
        what: &["result/*"],
    },
    Difference {
        reason: "Reading takes no lock",
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
        reason: "An antnode that tells no version is none",
        cases: &["env_antnode_broken"],
        what: &[
            "01_stdout line: antnode_version: 0 -> antnode_version: None",
            "02_code 1 -> 0",
            "01_stdout line: nodes_to_upgrade: * -> nodes_to_upgrade: 0",
        ],
    },
    Difference {
        reason: "Versions are read whole",
        cases: &["env_antnode_version_*"],
        what: &["*stdout *", "*result *"],
    },
    Difference {
        reason: "disable_config switches off",
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
        reason: "An empty variable says nothing, and `.env` is always read",
        cases: &["precedence_13_*", "precedence_14_*", "precedence_16_*"],
        what: &["machine 1 node_cap *"],
    },
    Difference {
        reason: "A manager that cannot be had is refused",
        cases: &["init_highest_node_id_antctl", "init_pm_*", "precedence_15_*"],
        what: &["*code 0 -> 2", "*code 0 -> 1", "*machine 1 is gone"],
    },
    Difference {
        reason: "A manager that cannot be had is refused",
        cases: &["*"],
        what: &[
            "*machine 1 process_manager systemd+user -> setsid+user",
            "*stdout line: PROCESS_MANAGER=systemd+user -> PROCESS_MANAGER=setsid+user",
            "*stdout line: process_manager*systemd+user* -> process_manager*setsid+user*",
        ],
    },
    Difference {
        reason: "Blanks around a value do not count",
        cases: &["init_good_*"],
        what: &["machine 1 rewards_address *"],
    },
    Difference {
        reason: "What a first run is told, it keeps",
        cases: &["init_last_stopped_*", "all_settings_*"],
        what: &["*machine 1 last_stopped_at *"],
    },
    Difference {
        reason: "A first run makes the folders it needs, or nothing",
        cases: &["dbpath_dir_missing"],
        what: &["*code 1 -> 0"],
    },
    Difference {
        reason: "A first run makes the folders it needs, or nothing",
        cases: &["init_as_root*", "init_dry_run*"],
        what: &["*"],
    },
    Difference {
        reason: "A setting that stays as it is, is no change",
        cases: &["highest_same_*"],
        what: &["code 1 -> *", "stderr does not name *", "node * is new"],
    },
    Difference {
        reason: "Timers are settled before anything is counted",
        cases: &["plan_dry_*", "flags_json_*", "log_*"],
        what: &["result *"],
    },
    Difference {
        reason: "Databases of the peer are adopted once",
        cases: &["migrate_*", "flags_*"],
        what: &[
            "*node * method antctl -> antctl+*",
            "*node * method systemd -> systemd+*",
            "*node * manager_type systemd -> systemd+*",
            "*node * manager_type antctl -> antctl+*",
        ],
    },
    Difference {
        reason: "Databases of the peer are adopted once",
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
        reason: "Help and version are our own",
        cases: &["start_help*", "start_version*", "lock_present_version"],
        what: &["stdout *"],
    },
    Difference {
        reason: "The table of nodes keeps its columns",
        cases: &["*"],
        what: &["*stdout line: antnode?????.service12D3* -> antnode?????.service *"],
    },
    Difference {
        reason: "Every form of a name is found",
        cases: &["*plain*"],
        what: &["stdout *"],
    },
    Difference {
        reason: "A list of names that names nobody is refused",
        cases: &["*/comma*", "*/empty*"],
        what: REFUSED,
    },
    Difference {
        reason: "Details tell what is so",
        cases: &["*/node-status-details/*"],
        what: &[
            "stdout line: Bin Path: * -> Bin Path: *",
            "stdout line: Age: * -> Age: *",
            "stdout line: Log path: * -> Log path: *",
        ],
    },
    Difference {
        reason: "Nothing is shown as nothing",
        cases: &["*/node-status-details/*"],
        what: &[
            "stdout line: *: \"None\", -> *: null,",
            "stdout line: *: \"None\" -> *: null",
        ],
    },
    Difference {
        reason: "Nothing is shown as nothing",
        cases: &["*/machine-config/*", "dbpath_*", "precedence_*"],
        what: &["*stdout line: *=None -> *=\"\""],
    },
    Difference {
        reason: "Databases of the peer are adopted once",
        cases: &["*/node-status-details/*"],
        what: &[
            "stdout line: *\"method\": \"antctl\", -> *\"method\": \"antctl+*",
            "stdout line: *\"method\": \"systemd\", -> *\"method\": \"systemd+*",
            "stdout line: *\"manager_type\": \"systemd\", -> *\"manager_type\": \"systemd+*",
            "stdout line: *\"manager_type\": \"antctl\", -> *\"manager_type\": \"antctl+*",
        ],
    },
    Difference {
        reason: "Rewards are summed with all their digits",
        cases: &["*/influx-resources/*"],
        what: &["stdout line: nodes_totals rewards=* -> nodes_totals rewards=*"],
    },
    Difference {
        reason: "Every report has its forms",
        cases: &["*/influx-resources/json*", "*/machine-metrics/config/*"],
        what: &["stdout *"],
    },
];

/// Why `what` differs in the case `name`; none where nothing explains it.
pub fn reason(name: &str, what: &str) -> Option<&'static str> {
    DIFFERENCES
        .iter()
        .find(|difference| {
            difference.cases.iter().any(|pattern| fits(pattern, name))
                && difference.what.iter().any(|pattern| fits(pattern, what))
        })
        .map(|difference| difference.reason)
}

/// Whether `text` is what `pattern` describes: `*` is anything, `?` is one character.
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
