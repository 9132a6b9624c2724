//! The rewards address of new nodes.

use super::{SettingsConverter, most_frequent, place};
use crate::colony::Wallet;
use crate::takeover::anm::TakeoverError;
use crate::takeover::anm::config::{Assignment, plain_text};
use crate::takeover::anm::inspect::WalletFile;
use crate::takeover::anm::units::NodeUnit;
use crate::takeover::anm::warning::{Warning, WarningCode};

impl SettingsConverter<'_> {
    /// Finds the rewards address of new nodes in the files that anm reads, in anm's order, else in the units. If there is
    /// none, the operator has to set it.
    pub(super) fn rewards_address(&mut self, units: &[NodeUnit]) -> Result<(), TakeoverError> {
        let mut candidates: Vec<Assignment> = Vec::new();
        match &self.reading.wallet_file {
            WalletFile::Unset => {}
            WalletFile::Plain(value) => candidates.push(value.clone()),
            WalletFile::Program(path) => {
                let say = "it is a program that can set another wallet for each new node; wnm does not run it, \
                           and uses the address in anm's settings";
                self.warnings
                    .push(Warning::of_path(WarningCode::WalletFileIsProgram, path, say));
            }
        }
        candidates.extend(self.reading.effective.rewards.iter().cloned());
        for value in candidates {
            let text = plain_text("RewardsAddress", &value)?;
            if let Some(wallet) = address_in(text) {
                let was = format!("RewardsAddress={text}");
                let note = "for new nodes; existing nodes keep theirs";
                self.push("rewards_address", wallet.0, was, &place(&value), note);
                return Ok(());
            }
            let say = format!(
                "`RewardsAddress` in {} is `{text}`, which is not an address",
                place(&value)
            );
            self.warnings
                .push(Warning::new(WarningCode::RewardsAddressUnusable, say));
        }
        let wallets = units
            .iter()
            .filter_map(|unit| Wallet::from_address(unit.wallet.as_deref()?).map(|wallet| wallet.0));
        if let Some(wallet) = most_frequent(wallets) {
            let note = "for new nodes; existing nodes keep theirs";
            self.push("rewards_address", wallet, String::new(), "as most nodes", note);
        }
        Ok(())
    }
}

/// Parses an address, or `--rewards-address` and an address. Ignores what follows.
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
    fn finds_address_with_and_without_flag() {
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
