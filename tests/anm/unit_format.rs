//! The formats in which anm has written its units since the nodes are called antnode, from U1 of December 2024 to U9
//! of March 2026, to compare with `expected.json`.

use wnm::takeover::anm::NodeUnit;
use wnm::takeover::anm::unit_formats::{is_by_hand, thousands};

/// The option for the shared bootstrap cache, in U4 and from U5 to U8.
const CACHE: &str = "--bootstrap-cache-dir";

/// The format of a unit with this `text`: `U8`, with `+tip` if the operator added the variable that anm's comments
/// suggest, and with `+hand` if he added anything else.
pub(super) fn format_of(unit: &NodeUnit, text: &str) -> String {
    let at = |name: &str| unit.command.iter().position(|word| word == name);
    let has_variable = !unit.environment.is_empty();
    let caches = [
        "/var/antctl/services/bootstrap-cache",
        "/var/antctl/bootstrap-cache",
    ];
    let cache = caches.map(|path| {
        unit.extra
            .windows(2)
            .any(|pair| pair[0] == CACHE && pair[1] == path)
    });
    let mut tip = has_variable;
    let mut form = if at("--bootstrap").is_some() {
        tip = false;
        "U9"
    } else if unit.no_upnp {
        tip = false;
        "U8"
    } else if at("--rewards-address") < at("--log-output-dest") && at("--rewards-address").is_some() {
        if text.lines().any(|line| line.starts_with("RestartSec=")) {
            "U1"
        } else {
            "U2"
        }
    } else if cache[0] {
        "U4"
    } else if !cache[1] {
        "U3"
    } else if unit.digits.len() < 4 {
        "U5"
    } else if has_variable {
        tip = false;
        "U7"
    } else {
        "U6"
    }
    .to_owned();
    if tip {
        form += "+tip";
    }
    if is_by_hand(unit) || has_strange_ports(unit) {
        form += "+hand";
    }
    form
}

/// Whether its ports do not follow from its number: some thousands and the number, and 13000 and the number.
fn has_strange_ports(unit: &NodeUnit) -> bool {
    let (Some(number), Some(_)) = (unit.number, unit.port) else {
        return false;
    };
    thousands(unit.port, number).is_none() || unit.metrics_port.map(u32::from) != Some(13_000 + number)
}

const AFTER: &str = "--max-log-files 1 --max-archived-log-files 1";
const ADDRESS: &str = "0x94F54E2c09eF751201293cAeE2693dAaCDF0F01c";

fn unit(name: &str, before: &str, service: &str, wallet_first: bool) -> (NodeUnit, String) {
    let number: u32 = name.parse().unwrap();
    let logs = format!("--log-output-dest /var/log/antnode/antnode{name} {AFTER}");
    let wallet = format!("--rewards-address {ADDRESS}");
    let (one, two) = if wallet_first {
        (&wallet, &logs)
    } else {
        (&logs, &wallet)
    };
    let text = format!(
        "[Unit]\nDescription=antnode{name}\n[Service]\nUser=ant\n{service}\
         ExecStart=/var/antctl/services/antnode{name}/antnode {before} --root-dir \
         /var/antctl/services/antnode{name} --port {} --enable-metrics-server --metrics-server-port {} \
         {one} {two} evm-arbitrum-one\nRestart=always\n",
        55_000 + number,
        13_000 + number
    );
    let unit = NodeUnit::read(&format!("antnode{name}.service"), std::slice::from_ref(&text));
    (unit, text)
}

#[test]
fn units_of_all_anm_versions_are_parsed() {
    let old = "--bootstrap-cache-dir /var/antctl/services/bootstrap-cache";
    let cache = "--bootstrap-cache-dir /var/antctl/bootstrap-cache";
    let upnp = format!("--no-upnp {cache}");
    let variable = "Environment=\"ANT_LOG=ant_evm=error\"\n";
    for (form, (unit, text)) in [
        ("U1", unit("001", "", "RestartSec=300\n", true)),
        ("U2", unit("008", "", "#RestartSec=300\n", true)),
        ("U3", unit("009", "", "", false)),
        ("U4", unit("010", old, "", false)),
        ("U5", unit("011", cache, "", false)),
        ("U6", unit("0012", cache, "", false)),
        ("U7", unit("0013", cache, variable, false)),
        ("U8", unit("0014", &upnp, variable, false)),
        (
            "U9",
            unit(
                "0015",
                "--no-upnp --bootstrap \"192.0.2.1:12000\"",
                variable,
                false,
            ),
        ),
        ("U5+tip", unit("016", cache, variable, false)),
        (
            "U8+hand",
            unit("0017", &format!("{upnp} --ip 203.0.113.7"), variable, false),
        ),
    ] {
        assert_eq!(format_of(&unit, &text), form);
        let name = unit.name().to_owned();
        assert!(unit.is_whole(), "{form}");
        assert_eq!(
            unit.port.map(u32::from),
            unit.number.map(|number| 55_000 + number)
        );
        assert_eq!(unit.wallet.as_deref(), Some(ADDRESS));
        assert_eq!(unit.network.as_deref(), Some("evm-arbitrum-one"));
        assert_eq!(
            unit.logs,
            Some(format!("/var/log/antnode/{name}").into()),
            "{form}"
        );
        assert_eq!(unit.no_upnp, ["U8", "U9", "U8+hand"].contains(&form), "{form}");
    }
}
