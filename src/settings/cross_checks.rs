//! Checks of settings against each other and against the values that `--init` fixed.

use std::collections::BTreeMap;

use super::error::SettingsError;
use super::parse_value::Value;
use super::resolved_setting::ResolvedSetting;
use super::run_options::{ForceAction, OtherAction};
use super::source::{Provided, Source};
use super::table::{Lifetime, ValueType};
use super::values::Settings;
use crate::colony::Wallet;
use crate::colony::wallet::FAUCET;

type CheckInput<'a> = BTreeMap<&'static str, ResolvedSetting<'a>>;

/// Pairs of limits: the first must be below the second.
const LIMITS: [(&str, &str); 4] = [
    ("cpu_less_than", "cpu_remove"),
    ("mem_less_than", "mem_remove"),
    ("hd_less_than", "hd_remove"),
    ("desired_load_average", "max_load_average_allowed"),
];

/// Pairs of rates: the first must be below the second, or both 0, which means that the rate is not checked.
const RATES: [(&str, &str); 4] = [
    ("hdio_read_less_than", "hdio_read_remove"),
    ("hdio_write_less_than", "hdio_write_remove"),
    ("netio_read_less_than", "netio_read_remove"),
    ("netio_write_less_than", "netio_write_remove"),
];

const PORTS: [&str; 3] = ["port_start", "metrics_port_start", "rpc_port_start"];

/// With `--force_action disable_config`, turns off each stored switch that is given as a flag.
pub(super) fn apply_disable_config(provided: &[Provided], action: Option<ForceAction>) -> Vec<Provided> {
    let mut provided = provided.to_vec();
    if action == Some(ForceAction::Other(OtherAction::DisableConfig)) {
        for one in &mut provided {
            let is_switch =
                one.setting.value_type == ValueType::Switch && one.setting.lifetime == Lifetime::Colony;
            if is_switch && one.source == Source::Flag {
                one.text = "false".to_owned();
            }
        }
    }
    provided
}

/// Refuses to change a setting that `--init` fixed, or that only `update_config` can change.
pub(super) fn refuse_fixed(resolved: &CheckInput<'_>, is_update: bool) -> Result<(), SettingsError> {
    let mut refused = Vec::new();
    for one in resolved.values() {
        let setting = one.provided.setting;
        if !(setting.lifetime == Lifetime::InitOnly || setting.lifetime == Lifetime::ByOrder && !is_update) {
            continue;
        }
        let Some(stored) = &one.stored else { continue };
        if one.provided.source.is_explicit() && one.is_changed() {
            let shown = |text: &Option<String>| text.clone().unwrap_or_else(|| "nothing".to_owned());
            refused.push(SettingsError::Fixed {
                setting,
                text: shown(&one.parsed.stored),
                stored: shown(stored),
                place: one.provided.source.clone(),
            });
        }
    }
    match refused.len() {
        0 => Ok(()),
        1 => Err(refused.remove(0)),
        _ => Err(SettingsError::Several(refused)),
    }
}

/// Rejects settings that contradict each other. Returns a warning instead if the colony already stores them, because it
/// runs with them.
pub(super) fn check(resolved: &CheckInput<'_>) -> Result<Vec<String>, SettingsError> {
    let mut warnings = Vec::new();
    for (low, high) in LIMITS {
        if let Some((one, two)) = numbers(resolved, low, high)
            && one >= two
        {
            conflict(
                resolved,
                (low, high),
                &format!("'{low}' must be below '{high}'"),
                &mut warnings,
            )?;
        }
    }
    for (low, high) in RATES {
        if let Some((one, two)) = numbers(resolved, low, high)
            && one >= two
            && (one, two) != (0.0, 0.0)
        {
            let rule = format!("'{low}' must be below '{high}', or both must be 0");
            conflict(resolved, (low, high), &rule, &mut warnings)?;
        }
    }
    ports(resolved, &mut warnings)?;
    warnings.extend(faucet_address(resolved));
    Ok(warnings)
}

/// A warning if the rewards address is that of the faucet, which examples show, and not the word `faucet`.
fn faucet_address(resolved: &CheckInput<'_>) -> Option<String> {
    let one = resolved.get("rewards_address")?;
    let is_new = one.provided.source.is_explicit() && one.is_changed();
    let text = one.provided.text.to_ascii_lowercase();
    (is_new && text.contains(&FAUCET.to_ascii_lowercase())).then(|| {
        format!(
            "rewards_address contains {FAUCET}, the address of the faucet, not yours: use the word `faucet` if you mean it ({})",
            one.provided.source
        )
    })
}

fn numbers(resolved: &CheckInput<'_>, one: &str, two: &str) -> Option<(f64, f64)> {
    let number = |name: &str| match resolved.get(name)?.parsed.value {
        Value::Whole(value) => Some(value as f64),
        Value::Number(value) => Some(value),
        _ => None,
    };
    Some((number(one)?, number(two)?))
}

/// Rejects the value with the higher priority of the two, if one of them is new; otherwise adds a warning.
fn conflict(
    resolved: &CheckInput<'_>,
    (one, two): (&str, &str),
    rule: &str,
    warnings: &mut Vec<String>,
) -> Result<(), SettingsError> {
    let (Some(first), Some(second)) = (resolved.get(one), resolved.get(two)) else {
        return Ok(());
    };
    let new = |one: &ResolvedSetting<'_>| one.is_changed() && one.provided.source.is_explicit();
    let (blamed, other) = if second.provided.source.rank() > first.provided.source.rank() {
        (second, first)
    } else {
        (first, second)
    };
    if !new(first) && !new(second) {
        warnings.push(format!(
            "{rule}; they are {} and {} ({})",
            first.parsed.stored.as_deref().unwrap_or("nothing"),
            second.parsed.stored.as_deref().unwrap_or("nothing"),
            blamed.provided.source,
        ));
        return Ok(());
    }
    Err(blamed.provided.invalid(format!(
        "{rule}, and '{}' is {} ({})",
        other.provided.setting.name,
        other.parsed.stored.as_deref().unwrap_or("nothing"),
        other.provided.source,
    )))
}

/// A range is `start * 1000 + 1` to `start * 1000 + node_cap`. It must not exceed 65535 or overlap another range.
fn ports(resolved: &CheckInput<'_>, warnings: &mut Vec<String>) -> Result<(), SettingsError> {
    let cap = numbers(resolved, "node_cap", "node_cap").map_or(0.0, |(cap, _)| cap);
    let range = |name: &str| {
        numbers(resolved, name, name).map(|(start, _)| (start * 1000.0 + 1.0, start * 1000.0 + cap))
    };
    for (n, name) in PORTS.into_iter().enumerate() {
        let Some((first, last)) = range(name) else {
            continue;
        };
        if last > 65535.0 {
            let rule = format!("the ports of 'node_cap' nodes from {first} would end at {last}, above 65535");
            conflict(resolved, (name, "node_cap"), &rule, warnings)?;
        }
        for other in PORTS.iter().skip(n + 1) {
            let Some((other_first, other_last)) = range(other) else {
                continue;
            };
            if first <= other_last && other_first <= last || first == other_first {
                let rule = format!("the ports of '{name}' and '{other}' for 'node_cap' nodes would overlap");
                // The error is about one that is new.
                let by_cap = [name, *other]
                    .iter()
                    .all(|name| resolved.get(name).is_some_and(|one| !one.is_changed()));
                let pair = if by_cap {
                    ("node_cap", *other)
                } else {
                    (name, *other)
                };
                conflict(resolved, pair, &rule, warnings)?;
            }
        }
    }
    Ok(())
}

/// Warnings about addresses in mixed case with a wrong checksum.
pub(super) fn checksums(settings: &Settings) -> Vec<String> {
    let mut seen: Vec<&Wallet> = Vec::new();
    for wallet in settings
        .rewards_address
        .0
        .iter()
        .map(|(wallet, _)| wallet)
        .chain([&settings.donate_address])
    {
        if !seen.contains(&wallet) && !wallet.checksum_holds() {
            seen.push(wallet);
        }
    }
    seen.into_iter()
        .map(|wallet| {
            format!("the checksum in the address '{wallet}' is wrong: check that it is the address you mean")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{ADDRESS, colony, flag, fresh, with};
    use super::super::source::Provided;
    use super::super::variables::Variables;

    #[test]
    fn refuses_to_change_fixed_settings() {
        let refuse = |name: &str, text: &str| with(colony(&[]), vec![flag(name, text)]).unwrap_err();
        for (name, text) in [
            ("port_start", "56"),
            ("process_manager", "setsid+user"),
            ("rpc_port_start", "31000"),
        ] {
            assert!(refuse(name, text).is_refusal(), "{name}");
        }
        assert_eq!(
            refuse("port_start", "56789").to_string(),
            "cannot change 'port_start' from '55' to '56' (flag): '--init' fixed it, and the nodes use it"
        );
        for (name, text) in [("port_start", "55999"), ("process_manager", "systemd+user")] {
            assert_eq!(with(colony(&[]), vec![flag(name, text)]).unwrap().changes, []);
        }
    }

    #[test]
    fn only_update_config_changes_the_highest_id() {
        let id = || flag("highest_node_id_used", "40");
        assert!(with(colony(&[]), vec![id()]).unwrap_err().is_refusal());
        let ordered = with(colony(&[]), vec![id(), flag("force_action", "update_config")]).unwrap();
        assert_eq!(ordered.changes, [("highest_node_id_used", Some("40".to_owned()))]);
        assert_eq!(
            with(colony(&[("highest_node_id_used", "40")]), vec![id()])
                .unwrap()
                .changes,
            []
        );
        assert_eq!(
            fresh(&[("highest_node_id_used", "40")])
                .settings
                .highest_node_id_used,
            Some(40)
        );
    }

    #[test]
    fn disable_config_turns_switches_off_and_never_on() {
        let disable = |kept: &str, said: Provided| {
            let said = vec![said, flag("force_action", "disable_config")];
            with(colony(&[("no_upnp", kept)]), said).unwrap().changes
        };
        let off = [("no_upnp", Some("0".to_owned()))];
        assert_eq!(disable("1", flag("no_upnp", "true")), off);
        assert_eq!(disable("1", flag("no_upnp", "false")), off);
        assert_eq!(disable("0", flag("no_upnp", "true")), []);
        let variables: Variables = [("NO_UPNP".to_owned(), "true".to_owned())].into_iter().collect();
        assert_eq!(disable("1", variables.settings().unwrap().remove(0)), []);
    }

    #[test]
    fn lower_limits_must_be_below_upper_limits() {
        let refuse = |said: &[(&str, &str)]| {
            let said = said.iter().map(|(name, text)| flag(name, text)).collect();
            let error = with(colony(&[]), said).unwrap_err();
            assert!(!error.is_refusal());
            error.to_string()
        };
        assert_eq!(
            refuse(&[("cpu_less_than", "70")]),
            "invalid value '70' for '--cpu_less_than': 'cpu_less_than' must be below 'cpu_remove', \
             and 'cpu_remove' is 70 ('colony.db')"
        );
        assert!(refuse(&[("hd_remove", "0")]).starts_with("invalid value '0' for '--hd_remove'"));
        assert!(refuse(&[("max_load_average_allowed", "1.2")]).contains("desired_load_average"));
        assert!(refuse(&[("hdio_read_less_than", "7")]).contains("or both must be 0"));
        with(colony(&[]), vec![flag("hdio_read_remove", "7")]).unwrap();
    }

    #[test]
    fn contradictory_stored_settings_cause_a_warning() {
        let odd = colony(&[
            ("cpu_less_than", "101"),
            ("cpu_remove", "101"),
            ("max_load_average_allowed", "inf"),
            ("desired_load_average", "1000.0"),
            ("rpc_port_start", "55"),
        ]);
        let resolved = with(odd.clone(), vec![flag("node_cap", "20")]).unwrap();
        assert_eq!(resolved.warnings.len(), 2, "{:?}", resolved.warnings);
        assert_eq!(resolved.settings.cpu_remove, 101);
        assert_eq!(resolved.changes, []);
        assert!(with(odd, vec![flag("cpu_remove", "101")]).is_err());
    }

    #[test]
    fn port_ranges_must_be_valid_and_must_not_overlap() {
        let refuse = |said: &[(&str, &str)]| {
            let mut flags = vec![flag("rewards_address", ADDRESS)];
            flags.extend(said.iter().map(|(name, text)| flag(name, text)));
            with(Vec::new(), flags).unwrap_err().to_string()
        };
        assert!(refuse(&[("metrics_port_start", "55")]).contains("would overlap"));
        assert!(refuse(&[("metrics_port_start", "54"), ("node_cap", "1500")]).contains("would overlap"));
        assert!(refuse(&[("port_start", "65"), ("node_cap", "600")]).contains("above 65535"));
        fresh(&[("port_start", "65"), ("node_cap", "500")]);
        fresh(&[("node_cap", "10000")]);
        let grown = with(
            colony(&[("metrics_port_start", "54")]),
            vec![flag("node_cap", "1500")],
        );
        assert!(
            grown
                .unwrap_err()
                .to_string()
                .starts_with("invalid value '1500' for '--node_cap'")
        );
    }

    #[test]
    fn wrong_checksum_of_an_address_causes_a_warning() {
        let wrong = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD";
        let resolved = fresh(&[("rewards_address", wrong)]);
        assert_eq!(resolved.warnings.len(), 1);
        assert!(resolved.warnings[0].contains(wrong));
        assert!(fresh(&[]).warnings.is_empty());
    }
}
