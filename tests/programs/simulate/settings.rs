//! The settings of a simulated colony: those of the scenario, and wnm's defaults.

use std::collections::BTreeMap;

use wnm::colony::{StoredPlace, Timestamp};
use wnm::plan::{Policy, Template};
use wnm::settings::locations::{self, HostFacts, Operator, Platform};
use wnm::settings::{self, Provided, Source, Variables, defaults, table};

/// The policy and the template of new nodes, for a machine with `cpus` CPUs that was booted at `boot`.
pub fn read(
    settings: &BTreeMap<String, toml::Value>,
    cpus: u32,
    boot: Timestamp,
) -> Result<(Policy, Template), String> {
    let operator = Operator {
        user: "op".to_owned(),
        uid: 1000,
        home: "/home/op".into(),
    };
    let machine = HostFacts {
        platform: Platform::Linux,
        peek: &|_| StoredPlace::Nothing,
        systemd: &|_| true,
    };
    let variables = Variables::default();
    let place = locations::find(&[], &operator, &machine, &variables).map_err(|error| error.to_string())?;
    let mut provided = defaults::values(&place, cpus, boot);
    let fixed = [("rewards_address", "faucet"), ("node_storage", "/mnt/nodes")];
    let fixed = fixed.map(|(name, text)| (name.to_owned(), text.to_owned()));
    let own = settings.iter().map(|(name, value)| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        (name.clone(), text)
    });
    for (name, text) in fixed.into_iter().chain(own) {
        let setting = table::find(&name).ok_or_else(|| format!("there is no setting `{name}`"))?;
        provided.push(Provided {
            setting,
            text,
            source: Source::Flag,
        });
    }
    let resolved = settings::resolve(&provided, &place, &variables).map_err(|error| error.to_string())?;
    Ok((resolved.settings.policy(), resolved.settings.template(&place)))
}
