//! The settings a colony keeps: the columns of `machine` that an operator may set.

use strum::VariantNames;

use super::table::{EnvName, Group, Lifetime, Setting, Unit, ValueType};
use crate::colony::{FirewallKind, ManagerKind};

const fn kept(
    group: Group,
    name: &'static str,
    takes: ValueType,
    default: &'static str,
    help: &'static str,
) -> Setting {
    Setting {
        name,
        variable: EnvName::Capitals,
        takes,
        kept: Lifetime::Colony,
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

const PERCENT: ValueType = whole(0, 100, Unit::Percent);
const RATE: ValueType = whole(0, i64::MAX, Unit::BytesPerSecond);
const SECONDS: ValueType = whole(0, i64::MAX, Unit::Seconds);
const MILLISECONDS: ValueType = whole(0, i64::MAX, Unit::Milliseconds);
const QUOTA: ValueType = whole(1, 10_000, Unit::Actions);

const fn fixed(name: &'static str, default: &'static str, help: &'static str) -> Setting {
    Setting {
        kept: Lifetime::InitOnly,
        ..kept(Group::Ports, name, ValueType::Thousands, default, help)
    }
}

const fn limit(name: &'static str, default: &'static str, help: &'static str) -> Setting {
    kept(Group::Limits, name, PERCENT, default, help)
}

const fn rate(name: &'static str, help: &'static str) -> Setting {
    kept(Group::Rates, name, RATE, "0", help)
}

const fn quota(name: &'static str, help: &'static str) -> Setting {
    kept(Group::Pace, name, QUOTA, "1", help)
}

pub(super) const PERSISTENT: &[Setting] = &[
    kept(
        Group::Limits,
        "node_cap",
        whole(0, 10_000, Unit::Nodes),
        "20",
        "How many nodes the colony may have",
    ),
    limit("cpu_less_than", "50", "Add nodes only below this use of the CPU"),
    limit("cpu_remove", "70", "Stop nodes above this use of the CPU"),
    limit("mem_less_than", "60", "Add nodes only below this use of memory"),
    limit("mem_remove", "75", "Stop nodes above this use of memory"),
    limit("hd_less_than", "75", "Add nodes only below this use of the disk"),
    limit("hd_remove", "90", "Remove nodes above this use of the disk"),
    rate(
        "hdio_read_less_than",
        "Add nodes only below this rate of reading from disks",
    ),
    rate(
        "hdio_read_remove",
        "Stop nodes above this rate of reading from disks",
    ),
    rate(
        "hdio_write_less_than",
        "Add nodes only below this rate of writing to disks",
    ),
    rate(
        "hdio_write_remove",
        "Stop nodes above this rate of writing to disks",
    ),
    rate(
        "netio_read_less_than",
        "Add nodes only below this rate of receiving",
    ),
    rate("netio_read_remove", "Stop nodes above this rate of receiving"),
    rate(
        "netio_write_less_than",
        "Add nodes only below this rate of sending",
    ),
    rate("netio_write_remove", "Stop nodes above this rate of sending"),
    kept(
        Group::Limits,
        "desired_load_average",
        ValueType::Load,
        "",
        "Add nodes only below this load average (default: 0.6 for each CPU)",
    ),
    kept(
        Group::Limits,
        "max_load_average_allowed",
        ValueType::Load,
        "",
        "Stop nodes above this load average (default: 1 for each CPU)",
    ),
    kept(
        Group::Limits,
        "shunned_remove",
        whole(0, i64::MAX, Unit::Times),
        "0",
        "Replace nodes shunned at least so often in three surveys; 0: never",
    ),
    kept(
        Group::Limits,
        "crisis_bytes",
        whole(0, i64::MAX, Unit::Bytes),
        "2000000000",
        "Disk space a node is reckoned to grow to, for node_hd_crisis and the doctor",
    ),
    kept(
        Group::Pace,
        "delay_start",
        SECONDS,
        "300",
        "How long a started node is left alone",
    ),
    kept(
        Group::Pace,
        "delay_upgrade",
        SECONDS,
        "300",
        "How long an upgraded node is left alone",
    ),
    kept(
        Group::Pace,
        "delay_remove",
        SECONDS,
        "300",
        "How long a node stopped for removal is kept; also between two stops for pressure",
    ),
    kept(
        Group::Pace,
        "delay_restart",
        SECONDS,
        "600",
        "Kept for anm; not used",
    ),
    kept(
        Group::Pace,
        "survey_delay",
        MILLISECONDS,
        "0",
        "Between the starts of two probes of nodes; a minute at most",
    ),
    kept(
        Group::Pace,
        "action_delay",
        MILLISECONDS,
        "0",
        "Between two actions; an hour at most",
    ),
    quota("max_concurrent_upgrades", "Upgrades under way at once"),
    quota("max_concurrent_starts", "Starts under way at once"),
    quota("max_concurrent_removals", "Removals under way at once"),
    quota(
        "max_concurrent_operations",
        "Operations of all kinds under way at once",
    ),
    kept(
        Group::Pace,
        "enable_upgrade",
        ValueType::Switch,
        "true",
        "Whether wnm upgrades nodes; off: they upgrade themselves",
    ),
    kept(
        Group::Nodes,
        "rewards_address",
        ValueType::Wallets,
        "",
        "Who is paid: an address, `faucet`, `donate`, or a list ADDRESS:WEIGHT,…",
    ),
    kept(
        Group::Nodes,
        "donate_address",
        ValueType::Address,
        "faucet",
        "What `donate` means",
    ),
    kept(
        Group::Nodes,
        "node_storage",
        ValueType::Storage,
        "",
        "The folder that holds one folder a node (default: by mode)",
    ),
    kept(
        Group::Nodes,
        "environment",
        ValueType::Variables,
        "",
        "Variables of every node made: K=V K=\"V W\"",
    ),
    kept(
        Group::Nodes,
        "start_args",
        ValueType::Words,
        "",
        "More arguments for every node made",
    ),
    kept(
        Group::Nodes,
        "no_upnp",
        ValueType::Switch,
        "false",
        "Make nodes without UPnP",
    ),
    kept(
        Group::Nodes,
        "host",
        ValueType::Host,
        "127.0.0.1",
        "Where the metrics ports of nodes are reached",
    ),
    kept(
        Group::Nodes,
        "node_removal_strategy",
        ValueType::Choice(&["youngest"]),
        "youngest",
        "Which node goes first",
    ),
    fixed("port_start", "55", "Node ports: thousands; 55 means 55001 and up"),
    fixed("metrics_port_start", "13", "Metrics ports: thousands"),
    fixed(
        "rpc_port_start",
        "30",
        "RPC ports: thousands; used by antctl only",
    ),
    Setting {
        kept: Lifetime::InitOnly,
        ..kept(
            Group::Tools,
            "process_manager",
            ValueType::Choice(&ManagerKind::CHOICES),
            "",
            "What runs the nodes; fixed by --init (default: what the machine has)",
        )
    },
    Setting {
        variable: EnvName::As("WNM_FIREWALL"),
        ..kept(
            Group::Tools,
            "firewall",
            ValueType::Choice(FirewallKind::VARIANTS),
            "auto",
            "What opens ports; auto: ufw with +sudo where installed, else null",
        )
    },
    kept(
        Group::Tools,
        "antnode_path",
        ValueType::File,
        "~/.local/bin/antnode",
        "The antnode new nodes are made from",
    ),
    kept(
        Group::Tools,
        "antctl_path",
        ValueType::File,
        "~/.local/bin/antctl",
        "The antctl that antctl+… uses",
    ),
    kept(
        Group::Tools,
        "antctl_debug",
        ValueType::Switch,
        "false",
        "Have antctl tell more; also on at DEBUG",
    ),
    kept(
        Group::Tools,
        "antctl_version",
        ValueType::Version,
        "",
        "The antnode that antctl shall download; empty: antnode_path, and with antctl+zen the latest",
    ),
    kept(
        Group::Tools,
        "docker_image",
        ValueType::Text,
        "iweave/antnode:latest",
        "Reserved",
    ),
    kept(
        Group::Tools,
        "max_node_per_container",
        whole(1, 10_000, Unit::Nodes),
        "200",
        "Reserved",
    ),
    kept(
        Group::Tools,
        "min_container_count",
        whole(0, 10_000, Unit::Containers),
        "1",
        "Reserved",
    ),
    Setting {
        kept: Lifetime::ByOrder,
        ..kept(
            Group::Upkeep,
            "highest_node_id_used",
            ValueType::Whole {
                min: 0,
                max: 99_999,
                unit: Unit::Id,
                or_none: true,
            },
            "",
            "Ids up to this are not given again by antctl; later only with --force_action update_config",
        )
    },
    kept(
        Group::Upkeep,
        "last_stopped_at",
        whole(0, i64::MAX, Unit::Moment),
        "",
        "When a node was last stopped for pressure (default: when the machine was booted)",
    ),
];
