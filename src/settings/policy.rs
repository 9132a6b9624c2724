//! What the plan, the survey and the execution read from the settings.

use std::time::Duration;

use super::locations::Locations;
use super::run_options::LogLevel;
use super::values::Settings;
use crate::colony::Mode;
use crate::plan::policy::{Delays, Policy, Quotas, Template, Threshold};

/// The network of all nodes.
const NETWORK: &str = "evm-arbitrum-one";

pub use crate::program::user_account::NODE_USER;

/// The defaults of `max_concurrent_starts` and `max_concurrent_operations`, and of `delay_start`. Another value was set
/// by the operator, and then it applies to stopped nodes as well as to new ones.
const DEFAULT_QUOTA: i64 = 1;
const DEFAULT_DELAY_START: i64 = 300;

fn percent(add: i64, remove: i64) -> Threshold {
    Threshold {
        add: add as f64,
        remove: remove as f64,
    }
}

/// Two rates. If only one of them is checked, the other never limits adding and never removes nodes.
fn rates(pairs: [(i64, i64); 2]) -> [Threshold; 2] {
    let is_checked = pairs.iter().any(|pair| *pair != (0, 0));
    pairs.map(|(add, remove)| {
        if is_checked && (add, remove) == (0, 0) {
            Threshold {
                add: f64::INFINITY,
                remove: f64::INFINITY,
            }
        } else {
            percent(add, remove)
        }
    })
}

impl Settings {
    /// The limits, quotas and delays of the plan.
    #[must_use]
    pub fn policy(&self) -> Policy {
        Policy {
            cap: i64::from(self.node_cap),
            cpu: percent(self.cpu_less_than, self.cpu_remove),
            memory: percent(self.mem_less_than, self.mem_remove),
            disk: percent(self.hd_less_than, self.hd_remove),
            load: Threshold {
                add: self.desired_load_average,
                remove: self.max_load_average_allowed,
            },
            hdio: rates([
                (self.hdio_read_less_than, self.hdio_read_remove),
                (self.hdio_write_less_than, self.hdio_write_remove),
            ]),
            netio: rates([
                (self.netio_read_less_than, self.netio_read_remove),
                (self.netio_write_less_than, self.netio_write_remove),
            ]),
            quotas: Quotas {
                operations: self.max_concurrent_operations,
                starts: self.max_concurrent_starts,
                upgrades: self.max_concurrent_upgrades,
                removals: self.max_concurrent_removals,
                restarts: [self.max_concurrent_starts, self.max_concurrent_operations]
                    .into_iter()
                    .filter(|quota| *quota != DEFAULT_QUOTA)
                    .min(),
            },
            delays: Delays {
                start: self.delay_start,
                upgrade: self.delay_upgrade,
                remove: self.delay_remove,
                is_start_set: self.delay_start != DEFAULT_DELAY_START,
            },
            last_stopped_at: self.last_stopped_at,
            upgrades: self.enable_upgrade,
            shunned: (self.shunned_remove > 0).then_some(self.shunned_remove),
            remove_for_upgrade: self.remove_for_upgrade,
            takeover: None,
        }
    }

    /// The properties of new nodes.
    #[must_use]
    pub fn template(&self, place: &Locations) -> Template {
        let manager = self.process_manager;
        Template {
            manager,
            port_start: self.port_start,
            metrics_port_start: self.metrics_port_start,
            rpc_port_start: self.rpc_port_start,
            storage: self.node_storage.clone(),
            logs: place.logs.clone(),
            host: self.host.clone(),
            user: match manager.mode {
                Mode::Sudo => NODE_USER.to_owned(),
                Mode::User => place.operator.user.clone(),
            },
            network: NETWORK.to_owned(),
            environment: self.environment.clone(),
            highest_id_used: manager
                .numbers_its_nodes()
                .then(|| self.highest_node_id_used.unwrap_or_default()),
            reserved: Vec::new(),
            reserved_ports: Vec::new(),
        }
    }

    /// The pause between two actions of this run: `--interval`, else `--this_action_delay`, else `action_delay`; at most an
    /// hour, because no other run can do anything meanwhile.
    #[must_use]
    pub fn effective_action_delay(&self) -> Duration {
        let of_run = self.run.interval.or(self.run.this_action_delay);
        Duration::from_millis(of_run.unwrap_or(self.action_delay)).min(Duration::from_secs(3600))
    }

    /// The pause between queries of two nodes: `--this_survey_delay`, else `survey_delay`; at most a minute.
    #[must_use]
    pub fn effective_survey_delay(&self) -> Duration {
        let delay = self.run.this_survey_delay.unwrap_or(self.survey_delay);
        Duration::from_millis(delay).min(Duration::from_secs(60))
    }

    /// Whether antctl prints debug output: with `antctl_debug`, or at the log level DEBUG.
    #[must_use]
    pub fn is_antctl_verbose(&self) -> bool {
        self.antctl_debug || self.run.level() >= LogLevel::Debug
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::fixtures::{colony, flag, fresh, place, with};

    #[test]
    fn policy_has_the_values_of_the_settings() {
        let policy = fresh(&[
            ("node_cap", "7"),
            ("shunned_remove", "3"),
            ("enable_upgrade", "no"),
        ])
        .settings
        .policy();
        assert_eq!(policy.cap, 7);
        assert_eq!((policy.cpu.add, policy.cpu.remove), (50.0, 70.0));
        assert_eq!((policy.load.add, policy.load.remove), (1.2, 2.0));
        assert_eq!(policy.quotas.operations, 1);
        assert_eq!(policy.delays.remove, 300);
        assert_eq!(policy.shunned, Some(3));
        assert!(!policy.upgrades);
        assert_eq!(fresh(&[]).settings.policy().shunned, None);
    }

    #[test]
    fn rate_of_0_beside_a_checked_rate_never_limits() {
        let idle = fresh(&[]).settings.policy();
        assert_eq!((idle.hdio[0].add, idle.hdio[1].remove), (0.0, 0.0));
        let policy = fresh(&[("hdio_read_less_than", "5"), ("hdio_read_remove", "9")])
            .settings
            .policy();
        assert_eq!((policy.hdio[0].add, policy.hdio[0].remove), (5.0, 9.0));
        assert!(policy.hdio[1].add.is_infinite() && policy.hdio[1].remove.is_infinite());
        assert_eq!(policy.netio[0].remove, 0.0);
    }

    #[test]
    fn user_of_new_nodes_depends_on_the_mode() {
        let user = fresh(&[]).settings.template(&place());
        assert_eq!((user.user.as_str(), user.highest_id_used), ("op", None));
        let system = fresh(&[("process_manager", "antctl+sudo"), ("highest_node_id_used", "4")]);
        let system = system.settings.template(&place());
        assert_eq!((system.user.as_str(), system.highest_id_used), ("ant", Some(4)));
    }

    #[test]
    fn delays_of_one_run_override_stored_delays() {
        let delay = |said: &[(&str, &str)]| {
            let said = said.iter().map(|(name, text)| flag(name, text)).collect();
            let settings = with(colony(&[("action_delay", "100"), ("survey_delay", "50")]), said)
                .unwrap()
                .settings;
            (
                settings.effective_action_delay(),
                settings.effective_survey_delay(),
            )
        };
        let ms = Duration::from_millis;
        assert_eq!(delay(&[]), (ms(100), ms(50)));
        assert_eq!(
            delay(&[("this_action_delay", "7"), ("this_survey_delay", "0")]),
            (ms(7), ms(0))
        );
        assert_eq!(
            delay(&[("this_action_delay", "7"), ("interval", "9")]),
            (ms(9), ms(50))
        );
        // Delays are bounded.
        let endless = i64::MAX.to_string();
        assert_eq!(
            delay(&[("interval", &endless), ("this_survey_delay", &endless)]),
            (ms(3_600_000), ms(60_000))
        );
    }
}
