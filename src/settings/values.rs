//! Settings as typed values.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::parse_value::Values;
use super::resolve::ResolvedSetting;
use super::run_options::RunOptions;
use crate::colony::{FirewallKind, ManagerKind, Mode, Timestamp, Tool, Version, Wallet, Wallets};

/// Every persistent setting, named as its column, and this run's.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    pub node_cap: u32,
    /// Percent.
    pub cpu_less_than: i64,
    /// Percent.
    pub cpu_remove: i64,
    /// Percent.
    pub mem_less_than: i64,
    /// Percent.
    pub mem_remove: i64,
    /// Percent.
    pub hd_less_than: i64,
    /// Percent.
    pub hd_remove: i64,
    /// Bytes a second.
    pub hdio_read_less_than: i64,
    /// Bytes a second.
    pub hdio_read_remove: i64,
    /// Bytes a second.
    pub hdio_write_less_than: i64,
    /// Bytes a second.
    pub hdio_write_remove: i64,
    /// Bytes a second.
    pub netio_read_less_than: i64,
    /// Bytes a second.
    pub netio_read_remove: i64,
    /// Bytes a second.
    pub netio_write_less_than: i64,
    /// Bytes a second.
    pub netio_write_remove: i64,
    pub desired_load_average: f64,
    pub max_load_average_allowed: f64,
    /// 0: never.
    pub shunned_remove: i64,
    /// Bytes.
    pub crisis_bytes: i64,
    /// Seconds.
    pub delay_start: i64,
    /// Seconds.
    pub delay_upgrade: i64,
    /// Seconds.
    pub delay_remove: i64,
    /// Seconds; not used.
    pub delay_restart: i64,
    /// Milliseconds.
    pub survey_delay: u64,
    /// Milliseconds.
    pub action_delay: u64,
    pub max_concurrent_upgrades: i64,
    pub max_concurrent_starts: i64,
    pub max_concurrent_removals: i64,
    pub max_concurrent_operations: i64,
    pub enable_upgrade: bool,
    /// `donate` and `faucet` resolved.
    pub rewards_address: Wallets,
    /// As it was said, and as it is stored.
    pub rewards_address_text: String,
    pub donate_address: Wallet,
    /// Absolute.
    pub node_storage: PathBuf,
    pub environment: Vec<(String, String)>,
    /// As it was said, and as it is stored.
    pub environment_text: String,
    pub start_args: Vec<String>,
    /// As it was said, and as it is stored.
    pub start_args_text: String,
    pub no_upnp: bool,
    pub host: String,
    /// There is one strategy, `youngest`.
    pub node_removal_strategy: String,
    /// Thousands.
    pub port_start: u32,
    /// Thousands.
    pub metrics_port_start: u32,
    /// Thousands.
    pub rpc_port_start: u32,
    pub process_manager: ManagerKind,
    pub firewall: FirewallKind,
    /// With `~` and variables put in.
    pub antnode_path: PathBuf,
    /// As it is stored.
    pub antnode_path_text: String,
    /// With `~` and variables put in.
    pub antctl_path: PathBuf,
    /// As it is stored.
    pub antctl_path_text: String,
    /// As it is stored; whether antctl is to tell more in this run is [`Settings::antctl_tells_more`].
    pub antctl_debug: bool,
    pub antctl_version: Option<Version>,
    pub docker_image: String,
    pub max_node_per_container: i64,
    pub min_container_count: i64,
    pub highest_node_id_used: Option<u32>,
    pub last_stopped_at: Timestamp,
    pub run: RunOptions,
}

impl Settings {
    /// Types what was judged. Every persistent setting has a value by now, so that what stands here for a
    /// missing one is never used; a test holds the two lists together.
    pub(super) fn from_values(
        values: &Values,
        settled: &BTreeMap<&'static str, ResolvedSetting<'_>>,
        run: RunOptions,
    ) -> Settings {
        let whole = |name| values.whole(name).unwrap_or_default();
        let thousands = |name| u32::try_from(whole(name)).unwrap_or_default();
        let milliseconds = |name| whole(name).unsigned_abs();
        let text = |name| values.word(name).unwrap_or_default().to_owned();
        let stored = |name| {
            let one = settled.get(name);
            one.and_then(|one| one.meaning.stored.clone()).unwrap_or_default()
        };
        let path = |name| values.path(name).unwrap_or_default();
        let donate = Wallet(text("donate_address"));
        let rewards = text("rewards_address");
        Settings {
            node_cap: u32::try_from(whole("node_cap")).unwrap_or_default(),
            cpu_less_than: whole("cpu_less_than"),
            cpu_remove: whole("cpu_remove"),
            mem_less_than: whole("mem_less_than"),
            mem_remove: whole("mem_remove"),
            hd_less_than: whole("hd_less_than"),
            hd_remove: whole("hd_remove"),
            hdio_read_less_than: whole("hdio_read_less_than"),
            hdio_read_remove: whole("hdio_read_remove"),
            hdio_write_less_than: whole("hdio_write_less_than"),
            hdio_write_remove: whole("hdio_write_remove"),
            netio_read_less_than: whole("netio_read_less_than"),
            netio_read_remove: whole("netio_read_remove"),
            netio_write_less_than: whole("netio_write_less_than"),
            netio_write_remove: whole("netio_write_remove"),
            desired_load_average: values.number("desired_load_average").unwrap_or_default(),
            max_load_average_allowed: values.number("max_load_average_allowed").unwrap_or_default(),
            shunned_remove: whole("shunned_remove"),
            crisis_bytes: whole("crisis_bytes"),
            delay_start: whole("delay_start"),
            delay_upgrade: whole("delay_upgrade"),
            delay_remove: whole("delay_remove"),
            delay_restart: whole("delay_restart"),
            survey_delay: milliseconds("survey_delay"),
            action_delay: milliseconds("action_delay"),
            max_concurrent_upgrades: whole("max_concurrent_upgrades"),
            max_concurrent_starts: whole("max_concurrent_starts"),
            max_concurrent_removals: whole("max_concurrent_removals"),
            max_concurrent_operations: whole("max_concurrent_operations"),
            enable_upgrade: values.on("enable_upgrade"),
            rewards_address: Wallets::parse(&rewards, &donate)
                .unwrap_or_else(|_| Wallets(vec![(donate.clone(), 1)])),
            rewards_address_text: rewards,
            donate_address: donate,
            node_storage: path("node_storage"),
            environment: values.pairs("environment"),
            environment_text: stored("environment"),
            start_args: values.words("start_args"),
            start_args_text: stored("start_args"),
            no_upnp: values.on("no_upnp"),
            host: text("host"),
            node_removal_strategy: text("node_removal_strategy"),
            port_start: thousands("port_start"),
            metrics_port_start: thousands("metrics_port_start"),
            rpc_port_start: thousands("rpc_port_start"),
            process_manager: ManagerKind::from_stored(&text("process_manager"), Mode::User)
                .unwrap_or(ManagerKind::new(Tool::Setsid, Mode::User)),
            firewall: text("firewall").parse().unwrap_or_default(),
            antnode_path: path("antnode_path"),
            antnode_path_text: stored("antnode_path"),
            antctl_path: path("antctl_path"),
            antctl_path_text: stored("antctl_path"),
            antctl_debug: values.on("antctl_debug"),
            antctl_version: values.word("antctl_version").map(Version::new),
            docker_image: text("docker_image"),
            max_node_per_container: whole("max_node_per_container"),
            min_container_count: whole("min_container_count"),
            highest_node_id_used: values
                .whole("highest_node_id_used")
                .and_then(|id| u32::try_from(id).ok()),
            last_stopped_at: Timestamp(whole("last_stopped_at")),
            run,
        }
    }
}
