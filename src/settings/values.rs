//! The settings of a run as typed values.

use std::path::PathBuf;

use serde::{Deserialize, Deserializer};

use super::deserialize::{Values, from_values, word};
use super::error::SettingsError;
use super::parse_value::Value;
use super::run_options::RunOptions;
use crate::colony::{FirewallKind, FirewallRules, ManagerKind, Mode, Timestamp, Version, Wallet, Wallets};

/// The stored settings that wnm uses, and the options of this run. The name of a field is the name of its setting.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
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
    /// Bytes per second.
    pub hdio_read_less_than: i64,
    /// Bytes per second.
    pub hdio_read_remove: i64,
    /// Bytes per second.
    pub hdio_write_less_than: i64,
    /// Bytes per second.
    pub hdio_write_remove: i64,
    /// Bytes per second.
    pub netio_read_less_than: i64,
    /// Bytes per second.
    pub netio_read_remove: i64,
    /// Bytes per second.
    pub netio_write_less_than: i64,
    /// Bytes per second.
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
    /// Milliseconds.
    pub survey_delay: u64,
    /// Milliseconds.
    pub action_delay: u64,
    pub max_concurrent_upgrades: i64,
    pub max_concurrent_starts: i64,
    pub max_concurrent_removals: i64,
    pub max_concurrent_operations: i64,
    pub enable_upgrade: bool,
    pub remove_for_upgrade: bool,
    /// [`Settings::from_values`] replaces `donate` with `donate_address`.
    #[serde(deserialize_with = "wallets")]
    pub rewards_address: Wallets,
    pub donate_address: Wallet,
    /// Absolute.
    pub node_storage: PathBuf,
    /// As stored: `K=V K="V W"`.
    pub environment: String,
    pub start_args: Vec<String>,
    pub no_upnp: bool,
    pub host: String,
    /// Thousands.
    pub port_start: u32,
    /// Thousands.
    pub metrics_port_start: u32,
    /// Thousands.
    pub rpc_port_start: u32,
    #[serde(deserialize_with = "manager")]
    pub process_manager: ManagerKind,
    #[serde(deserialize_with = "word")]
    pub firewall: FirewallKind,
    #[serde(deserialize_with = "word")]
    pub firewall_rules: FirewallRules,
    /// Chains of nftables, separated by commas; empty: the one that drops packets.
    pub nft_chain: String,
    /// Expanded.
    pub antnode_path: PathBuf,
    /// Expanded.
    pub antctl_path: PathBuf,
    /// As stored. [`Settings::is_antctl_verbose`] is the value for this run.
    pub antctl_debug: bool,
    #[serde(deserialize_with = "version")]
    pub antctl_version: Option<Version>,
    pub highest_node_id_used: Option<u32>,
    pub last_stopped_at: Timestamp,
    /// Days; 0: no identity is kept.
    pub keep_removed: i64,
    /// Empty: the name of the user.
    pub colony_name: String,
    pub metrics_nodes: usize,
    /// None: no file is written.
    pub textfile: Option<PathBuf>,
    #[serde(skip)]
    pub run: RunOptions,
}

impl Settings {
    /// Reads the values of the stored settings. Fails if a setting has no field, or a field no value.
    pub(super) fn from_values(values: Values, run: RunOptions) -> Result<Settings, SettingsError> {
        let rewards = values.get("rewards_address").cloned();
        let mut settings: Settings = from_values(values)?;
        if let Some(Value::Text(text)) = rewards
            && let Ok(wallets) = Wallets::parse(&text, &settings.donate_address)
        {
            settings.rewards_address = wallets;
        }
        settings.run = run;
        Ok(settings)
    }
}

fn wallets<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Wallets, D::Error> {
    let text = String::deserialize(deserializer)?;
    Wallets::parse(&text, &Wallet::faucet()).map_err(serde::de::Error::custom)
}

fn manager<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ManagerKind, D::Error> {
    let text = String::deserialize(deserializer)?;
    // The Python wnm stored some managers without their mode; resolving has added it.
    ManagerKind::from_stored(&text, Mode::User)
        .ok_or_else(|| serde::de::Error::custom(format_args!("unknown process manager `{text}`")))
}

fn version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Version>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.map(Version::new))
}
