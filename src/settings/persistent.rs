//! The settings that a colony stores, in the order of the machine-config report of the Python wnm; then those that the
//! Python wnm does not know.

use strum::VariantNames;

use super::setting::{EnvName, Group, KnownTo, Lifetime, Setting, Unit, ValueType};
use crate::colony::{FirewallKind, FirewallRules, ManagerKind};

const fn stored(
    group: Group,
    name: &'static str,
    value_type: ValueType,
    default: &'static str,
    help: &'static str,
) -> Setting {
    Setting {
        name,
        variable: EnvName::Capitals,
        value_type,
        lifetime: Lifetime::Colony,
        known_to: KnownTo::Both,
        default,
        group,
        help,
    }
}

const fn whole(min: i64, max: i64, unit: Unit) -> ValueType {
    ValueType::Whole {
        min,
        max,
        unit,
        or_none: false,
    }
}

const NODES: ValueType = whole(0, 10_000, Unit::Nodes);
const PERCENT: ValueType = whole(0, 100, Unit::Percent);
const RATE: ValueType = whole(0, i64::MAX, Unit::BytesPerSecond);
const BYTES: ValueType = whole(0, i64::MAX, Unit::Bytes);
const SECONDS: ValueType = whole(0, i64::MAX, Unit::Seconds);
const MILLISECONDS: ValueType = whole(0, i64::MAX, Unit::Milliseconds);
const UNIX_TIME: ValueType = whole(0, i64::MAX, Unit::UnixTime);
const QUOTA: ValueType = whole(1, 10_000, Unit::Actions);
const TIMES: ValueType = whole(0, i64::MAX, Unit::Times);
const HIGHEST_ID: ValueType = ValueType::Whole {
    min: 0,
    max: 99_999,
    unit: Unit::Id,
    or_none: true,
};

/// One row for each setting: group, name, type, default and help, then the fields that differ from [`stored`].
macro_rules! settings {
    ($($group:ident, $name:literal, $type:expr, $default:literal, $help:literal $(, $field:ident: $value:expr)*;)*) => {
        &[$(Setting { $($field: $value,)* ..stored(Group::$group, $name, $type, $default, $help) }),*]
    };
}

pub(super) const PERSISTENT: &[Setting] = settings! {
    Limits, "node_cap", NODES, "20", "Maximum number of nodes";
    Limits, "cpu_less_than", PERCENT, "50", "Add nodes only below this CPU usage";
    Limits, "cpu_remove", PERCENT, "70", "Stop nodes above this CPU usage";
    Limits, "mem_less_than", PERCENT, "60", "Add nodes only below this memory usage";
    Limits, "mem_remove", PERCENT, "75", "Stop nodes above this memory usage";
    Limits, "hd_less_than", PERCENT, "75", "Add nodes only below this disk usage";
    Limits, "hd_remove", PERCENT, "90", "Remove nodes above this disk usage";
    Pace, "delay_start", SECONDS, "300", "How long a started node is given to settle";
    Pace, "delay_restart", SECONDS, "600", "Stored for anm; not used", known_to: KnownTo::Peer;
    Pace, "delay_upgrade", SECONDS, "300", "How long an upgraded node is given to settle";
    Pace, "delay_remove", SECONDS, "300",
        "Time from stopping a node to deleting it; also between two stops that a limit caused";
    Pace, "survey_delay", MILLISECONDS, "0", "Pause between queries of two nodes; at most a minute";
    Pace, "action_delay", MILLISECONDS, "0", "Pause between two actions; at most an hour";
    Nodes, "node_storage", ValueType::Storage, "",
        "Directory that contains one directory for each node (default: depends on the mode)";
    Nodes, "rewards_address", ValueType::Wallets, "",
        "Who receives the rewards: an address, `faucet`, `donate`, or a list ADDRESS:WEIGHT,…";
    Nodes, "donate_address", ValueType::Address, "faucet", "Address that `donate` stands for";
    Limits, "max_load_average_allowed", ValueType::Load, "",
        "Stop nodes above this load average (default: 1 for each CPU)";
    Limits, "desired_load_average", ValueType::Load, "",
        "Add nodes only below this load average (default: 0.6 for each CPU)";
    Ports, "port_start", ValueType::Thousands, "55", "Node ports, in thousands: 55 is 55001 and up",
        lifetime: Lifetime::InitOnly;
    Rates, "hdio_read_less_than", RATE, "0", "Add nodes only below this disk read rate";
    Rates, "hdio_read_remove", RATE, "0", "Stop nodes above this disk read rate";
    Rates, "hdio_write_less_than", RATE, "0", "Add nodes only below this disk write rate";
    Rates, "hdio_write_remove", RATE, "0", "Stop nodes above this disk write rate";
    Rates, "netio_read_less_than", RATE, "0", "Add nodes only below this network receive rate";
    Rates, "netio_read_remove", RATE, "0", "Stop nodes above this network receive rate";
    Rates, "netio_write_less_than", RATE, "0", "Add nodes only below this network send rate";
    Rates, "netio_write_remove", RATE, "0", "Stop nodes above this network send rate";
    Upkeep, "last_stopped_at", UNIX_TIME, "",
        "When wnm last stopped a node because of a limit (default: when the machine was booted)";
    Nodes, "host", ValueType::Host, "127.0.0.1", "Host of the nodes' metrics ports";
    Limits, "crisis_bytes", BYTES, "2000000000",
        "Expected final size of a node, for node_hd_crisis and --doctor";
    Ports, "metrics_port_start", ValueType::Thousands, "13", "Metrics ports, in thousands",
        lifetime: Lifetime::InitOnly;
    Ports, "rpc_port_start", ValueType::Thousands, "30", "RPC ports, in thousands; used only by antctl",
        lifetime: Lifetime::InitOnly;
    Nodes, "environment", ValueType::Variables, "", "Environment variables of new nodes: K=V K=\"V W\"";
    Nodes, "start_args", ValueType::Words, "", "Additional arguments of new nodes";
    Pace, "max_concurrent_upgrades", QUOTA, "1", "Maximum number of upgrades in progress";
    Pace, "max_concurrent_starts", QUOTA, "1", "Maximum number of starts in progress";
    Pace, "max_concurrent_removals", QUOTA, "1", "Maximum number of removals in progress";
    Pace, "max_concurrent_operations", QUOTA, "1", "Maximum number of operations of all kinds in progress";
    Nodes, "node_removal_strategy", ValueType::Choice(&["youngest"]), "youngest", "Which node is removed first",
        known_to: KnownTo::Peer;
    Tools, "process_manager", ValueType::Choice(&ManagerKind::CHOICES), "",
        "What runs the nodes; fixed by --init (default: depends on the machine)", lifetime: Lifetime::InitOnly;
    Tools, "max_node_per_container", whole(1, 10_000, Unit::Nodes), "200", "Reserved", known_to: KnownTo::Peer;
    Tools, "min_container_count", whole(0, 10_000, Unit::Containers), "1", "Reserved", known_to: KnownTo::Peer;
    Tools, "docker_image", ValueType::Text, "iweave/antnode:latest", "Reserved", known_to: KnownTo::Peer;
    Nodes, "no_upnp", ValueType::Switch, "false", "Disable UPnP in new nodes";
    Tools, "antnode_path", ValueType::File, "~/.local/bin/antnode", "The antnode program for new nodes";
    Tools, "antctl_path", ValueType::File, "~/.local/bin/antctl", "The antctl program, for antctl+…";
    Tools, "antctl_debug", ValueType::Switch, "false", "Run antctl with debug output; also on with --loglevel DEBUG";
    Tools, "antctl_version", ValueType::Version, "",
        "The antnode version that antctl downloads; empty: antnode_path, or with antctl+zen the latest";
    Upkeep, "highest_node_id_used", HIGHEST_ID, "",
        "antctl does not use ids up to this one; changed only with --force_action update_config",
        lifetime: Lifetime::ByOrder;
    Pace, "enable_upgrade", ValueType::Switch, "true", "Upgrade nodes; off: nodes upgrade themselves",
        known_to: KnownTo::Wnm;
    Limits, "shunned_remove", TIMES, "0", "Replace nodes shunned at least this often in three surveys; 0: never",
        known_to: KnownTo::Wnm;
    Tools, "firewall", ValueType::Choice(FirewallKind::VARIANTS), "auto",
        "Where wnm opens ports; auto: with +sudo in every active firewall, else null",
        known_to: KnownTo::Wnm, variable: EnvName::As("WNM_FIREWALL");
    Limits, "remove_for_upgrade", ValueType::Switch, "false",
        "Remove nodes, instead of stopping them, when a limit is exceeded while upgrades are pending",
        known_to: KnownTo::Wnm;
    Upkeep, "keep_removed", whole(0, 36_500, Unit::Days), "30",
        "How long the identity of a removed node is kept, for --force_action restore; 0: not kept",
        known_to: KnownTo::Wnm;
    Reports, "colony_name", ValueType::Text, "",
        "Name of the colony in --report prometheus (default: the name of the user)", known_to: KnownTo::Wnm;
    Reports, "metrics_nodes", whole(0, 10_000, Unit::Nodes), "1000",
        "Nodes that --report prometheus shows; in a larger colony only those not running",
        known_to: KnownTo::Wnm;
    Reports, "textfile", ValueType::Directory, "",
        "Directory to which each cycle writes --report prometheus as wnm-COLONY.prom, for node_exporter",
        known_to: KnownTo::Wnm;
    Tools, "firewall_rules", ValueType::Choice(FirewallRules::VARIANTS), "range",
        "One rule for all ports up to node_cap, or a single rule for each node that runs",
        known_to: KnownTo::Wnm;
    Tools, "nft_chain", ValueType::Text, "",
        "The input chain for nftables, such as `inet filter input` (default: the one that drops)",
        known_to: KnownTo::Wnm;
};
