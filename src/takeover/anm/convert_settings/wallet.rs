//! Who is paid by new nodes.

use super::{SettingsConverter, most_frequent, place};
use crate::colony::Wallet;
use crate::takeover::anm::TakeoverError;
use crate::takeover::anm::config::{Assignment, evaluated};
use crate::takeover::anm::inspect::WalletFile;
use crate::takeover::anm::units::NodeUnit;
use crate::takeover::anm::warning::{Warning, WarningCode};

impl SettingsConverter<'_> {
    /// Who is paid by new nodes, in the order in which anm would ask. Where nobody says it, the operator has to.
    pub(super) fn payee(&mut self, units: &[NodeUnit]) -> Result<(), TakeoverError> {
        let mut offers: Vec<Assignment> = Vec::new();
        match &self.reading.wallet_file {
            WalletFile::Unsaid => {}
            WalletFile::Plain(said) => offers.push(said.clone()),
            WalletFile::Program(path) => {
                let say = "it is a program that may give each new node another wallet; wnm does not run it, \
                           and takes the address of anm's settings";
                self.warnings
                    .push(Warning::of_path(WarningCode::WalletFileIsProgram, path, say));
            }
        }
        offers.extend(self.reading.effective.rewards.iter().cloned());
        for said in offers {
            let text = evaluated("RewardsAddress", &said)?;
            if let Some(wallet) = address_in(text) {
                let was = format!("RewardsAddress={text}");
                let note = "for new nodes; those there keep theirs";
                self.push("rewards_address", wallet.0, was, &place(&said), note);
                return Ok(());
            }
            let say = format!(
                "`RewardsAddress` in {} is `{text}`, which is no address",
                place(&said)
            );
            self.warnings
                .push(Warning::new(WarningCode::RewardsAddressUnusable, say));
        }
        let wallets = units
            .iter()
            .filter_map(|unit| Wallet::from_address(unit.wallet.as_deref()?).map(|wallet| wallet.0));
        if let Some(wallet) = most_frequent(wallets) {
            let note = "for new nodes; those there keep theirs";
            self.push(
                "rewards_address",
                wallet,
                String::new(),
                "what most nodes have",
                note,
            );
        }
        Ok(())
    }
}

/// The address in `--rewards-address 0x…`, or alone; what follows it is no part of it.
fn address_in(text: &str) -> Option<Wallet> {
    let mut words = text.split([' ', '\t', '=']).filter(|word| !word.is_empty());
    match words.next()? {
        "--rewards-address" => Wallet::from_address(words.next()?),
        word => Wallet::from_address(word),
    }
}

#[cfg(test)]
mod tests {
    use super::address_in;

    #[test]
    fn an_address_is_found_behind_its_flag_and_alone() {
        const ADDRESS: &str = "0x94F54E2c09eF751201293cAeE2693dAaCDF0F01c";
        for text in [
            "{}",
            "--rewards-address {}",
            " --rewards-address={} ",
            "--rewards-address  {} evm-arbitrum-one",
        ] {
            let text = text.replace("{}", ADDRESS);
            assert_eq!(address_in(&text).unwrap().0, ADDRESS, "{text}");
        }
        for text in [
            "",
            "--rewards-address",
            "--rewards-address EtheriumAddress",
            "0x94F5",
            "--owner 0x1",
        ] {
            assert_eq!(address_in(text), None, "{text}");
        }
    }
}
