//! What one setting means for another, and what init has fixed.

use std::collections::BTreeMap;

use super::Settings;
use super::error::SettingsError;
use super::parse_value::Value;
use super::resolve::ResolvedSetting;
use super::run_options::{ForceAction, OtherAction};
use super::source::{Provided, Source};
use super::table::{Lifetime, ValueType};
use crate::colony::Wallet;

type CheckInput<'a> = BTreeMap<&'static str, ResolvedSetting<'a>>;

/// Pairs of limits of which the first must be below the second.
const LIMITS: [(&str, &str); 4] = [
    ("cpu_less_than", "cpu_remove"),
    ("mem_less_than", "mem_remove"),
    ("hd_less_than", "hd_remove"),
    ("desired_load_average", "max_load_average_allowed"),
];

/// Pairs of rates; both 0 is a rate that is not watched.
const RATES: [(&str, &str); 4] = [
    ("hdio_read_less_than", "hdio_read_remove"),
    ("hdio_write_less_than", "hdio_write_remove"),
    ("netio_read_less_than", "netio_read_remove"),
    ("netio_write_less_than", "netio_write_remove"),
];

const PORTS: [&str; 3] = ["port_start", "metrics_port_start", "rpc_port_start"];

/// With `--force_action disable_config` a switch of the colony given as a flag is turned off.
pub(super) fn disabled(sayings: &[Provided], action: Option<ForceAction>) -> Vec<Provided> {
    let mut sayings = sayings.to_vec();
    if action == Some(ForceAction::Other(OtherAction::DisableConfig)) {
        for saying in &mut sayings {
            let is_switch =
                saying.setting.takes == ValueType::Switch && saying.setting.kept == Lifetime::Colony;
            if is_switch && saying.origin == Source::Flag {
                saying.text = "false".to_owned();
            }
        }
    }
    sayings
}

/// Refuses to change what init has fixed, or what needs an order to be changed.
pub(super) fn hold_fixed(settled: &CheckInput<'_>, ordered: bool) -> Result<(), SettingsError> {
    let mut refused = Vec::new();
    for one in settled.values() {
        let setting = one.saying.setting;
        if !(setting.kept == Lifetime::InitOnly || setting.kept == Lifetime::ByOrder && !ordered) {
            continue;
        }
        let Some(stored) = &one.stored else { continue };
        if one.saying.origin.is_said() && one.is_changed() {
            let shown = |text: &Option<String>| text.clone().unwrap_or_else(|| "nothing".to_owned());
            refused.push(SettingsError::Fixed {
                setting,
                text: shown(&one.meaning.stored),
                stored: shown(stored),
                origin: one.saying.origin.clone(),
            });
        }
    }
    match refused.len() {
        0 => Ok(()),
        1 => Err(refused.remove(0)),
        _ => Err(SettingsError::Several(refused)),
    }
}

/// Refuses what cannot be together. What a colony already keeps so is not refused, since it runs with it:
/// it comes back as a warning.
pub(super) fn check(settled: &CheckInput<'_>) -> Result<Vec<String>, SettingsError> {
    let mut warnings = Vec::new();
    for (low, high) in LIMITS {
        if let Some((one, two)) = numbers(settled, low, high)
            && one >= two
        {
            conflict(
                settled,
                (low, high),
                &format!("`{low}` must be below `{high}`"),
                &mut warnings,
            )?;
        }
    }
    for (low, high) in RATES {
        if let Some((one, two)) = numbers(settled, low, high)
            && one >= two
            && (one, two) != (0.0, 0.0)
        {
            let rule = format!("`{low}` must be below `{high}`, or both 0");
            conflict(settled, (low, high), &rule, &mut warnings)?;
        }
    }
    ports(settled, &mut warnings)?;
    Ok(warnings)
}

fn numbers(settled: &CheckInput<'_>, one: &str, two: &str) -> Option<(f64, f64)> {
    let number = |name: &str| match settled.get(name)?.meaning.value {
        Value::Whole(value) => Some(value as f64),
        Value::Number(value) => Some(value),
        _ => None,
    };
    Some((number(one)?, number(two)?))
}

/// Blames that of the two which was said with more force, if either is new.
fn conflict(
    settled: &CheckInput<'_>,
    (one, two): (&str, &str),
    rule: &str,
    warnings: &mut Vec<String>,
) -> Result<(), SettingsError> {
    let (Some(first), Some(second)) = (settled.get(one), settled.get(two)) else {
        return Ok(());
    };
    let new = |one: &ResolvedSetting<'_>| one.is_changed() && one.saying.origin.is_said();
    let (blamed, other) = if second.saying.origin.rank() > first.saying.origin.rank() {
        (second, first)
    } else {
        (first, second)
    };
    if !new(first) && !new(second) {
        warnings.push(format!(
            "{rule}, and they are {} and {} ({})",
            first.meaning.stored.as_deref().unwrap_or("nothing"),
            second.meaning.stored.as_deref().unwrap_or("nothing"),
            blamed.saying.origin,
        ));
        return Ok(());
    }
    Err(SettingsError::Conflict {
        setting: blamed.saying.setting,
        text: blamed.saying.text.clone(),
        rule: format!(
            "{rule}, and `{}` is {} by {}",
            other.saying.setting.name,
            other.meaning.stored.as_deref().unwrap_or("nothing"),
            other.saying.origin,
        ),
        origin: blamed.saying.origin.clone(),
    })
}

/// A range is `start * 1000 + 1` to `start * 1000 + node_cap`, and ends by 65535.
fn ports(settled: &CheckInput<'_>, warnings: &mut Vec<String>) -> Result<(), SettingsError> {
    let cap = numbers(settled, "node_cap", "node_cap").map_or(0.0, |(cap, _)| cap);
    let range = |name: &str| {
        numbers(settled, name, name).map(|(start, _)| (start * 1000.0 + 1.0, start * 1000.0 + cap))
    };
    for (n, name) in PORTS.into_iter().enumerate() {
        let Some((first, last)) = range(name) else {
            continue;
        };
        if last > 65535.0 {
            let rule = format!("the ports of `node_cap` nodes from {first} would end at {last}, above 65535");
            conflict(settled, (name, "node_cap"), &rule, warnings)?;
        }
        for other in PORTS.iter().skip(n + 1) {
            let Some((other_first, other_last)) = range(other) else {
                continue;
            };
            if first <= other_last && other_first <= last || first == other_first {
                let rule = format!("the ports of `{name}` and `{other}` for `node_cap` nodes would overlap");
                // Whoever is new of the three is at fault.
                let by_cap = [name, *other]
                    .iter()
                    .all(|name| settled.get(name).is_some_and(|one| !one.is_changed()));
                let pair = if by_cap {
                    ("node_cap", *other)
                } else {
                    (name, *other)
                };
                conflict(settled, pair, &rule, warnings)?;
            }
        }
    }
    Ok(())
}

/// Addresses whose letters do not carry the checksum that mixed case promises.
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
            format!("the case of the letters in `{wallet}` is not its checksum: make sure it is the address you mean")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::Variables;
    use super::super::fixtures::{ADDRESS, colony, flag, fresh, with};
    use super::super::source::Provided;

    #[test]
    fn what_init_fixed_stays() {
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
            "`port_start` is `55` in this colony and cannot become `56`: its nodes are made with it (flag)"
        );
        for (name, text) in [("port_start", "55999"), ("process_manager", "systemd+user")] {
            assert_eq!(with(colony(&[]), vec![flag(name, text)]).unwrap().changes, []);
        }
    }

    #[test]
    fn the_highest_id_is_changed_by_order_only() {
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
    fn disable_config_turns_flags_off_and_never_on() {
        let disable = |kept: &str, said: Provided| {
            let said = vec![said, flag("force_action", "disable_config")];
            with(colony(&[("no_upnp", kept)]), said).unwrap().changes
        };
        let off = [("no_upnp", Some("0".to_owned()))];
        assert_eq!(disable("1", flag("no_upnp", "true")), off);
        assert_eq!(disable("1", flag("no_upnp", "false")), off);
        assert_eq!(disable("0", flag("no_upnp", "true")), []);
        let variables: Variables = [("NO_UPNP".to_owned(), "true".to_owned())].into_iter().collect();
        assert_eq!(disable("1", variables.sayings().unwrap().remove(0)), []);
    }

    #[test]
    fn limits_must_leave_room_between_them() {
        let refuse = |said: &[(&str, &str)]| {
            let said = said.iter().map(|(name, text)| flag(name, text)).collect();
            let error = with(colony(&[]), said).unwrap_err();
            assert!(!error.is_refusal());
            error.to_string()
        };
        assert_eq!(
            refuse(&[("cpu_less_than", "70")]),
            "`cpu_less_than` cannot be `70`: `cpu_less_than` must be below `cpu_remove`, \
             and `cpu_remove` is 70 by `colony.db` (flag)"
        );
        assert!(refuse(&[("hd_remove", "0")]).starts_with("`hd_remove` cannot be `0`"));
        assert!(refuse(&[("max_load_average_allowed", "1.2")]).contains("desired_load_average"));
        assert!(refuse(&[("hdio_read_less_than", "7")]).contains("or both 0"));
        with(colony(&[]), vec![flag("hdio_read_remove", "7")]).unwrap();
    }

    #[test]
    fn what_a_colony_of_the_peer_keeps_is_used_with_a_warning() {
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
    fn ports_must_not_overlap_and_must_exist() {
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
                .starts_with("`node_cap` cannot be `1500`")
        );
    }

    #[test]
    fn a_wallet_with_a_wrong_checksum_is_warned_of() {
        let wrong = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD";
        let resolved = fresh(&[("rewards_address", wrong)]);
        assert_eq!(resolved.warnings.len(), 1);
        assert!(resolved.warnings[0].contains(wrong));
        assert!(fresh(&[]).warnings.is_empty());
    }
}
