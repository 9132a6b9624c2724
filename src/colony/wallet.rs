//! Rewards addresses and their weights.

use std::fmt;

use super::parse_number::{strip, whole};
use sha3::{Digest, Keccak256};

/// The faucet of the network: the address for `faucet`, and the default for donations.
pub const FAUCET: &str = "0x00455d78f850b0358E8cea5be24d415E01E107CF";

/// A resolved rewards address: `0x` and forty hexadecimal digits, in the case of the input.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Deserialize)]
pub struct Wallet(pub String);

impl fmt::Display for Wallet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The wallets of a colony with their weights; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wallets(pub Vec<(Wallet, u128)>);

/// Why a text is not a valid list of wallets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WalletError {
    /// The text is empty.
    Empty,
    /// The text has only commas.
    NoneNamed,
    /// An entry is neither `donate`, `faucet` nor an address.
    NoWallet(String),
    /// The weight of an entry is not a whole number.
    NoWeight { entry: String, weight: String },
    /// The weight of an entry is below 1.
    NotPositive(String),
}

impl fmt::Display for WalletError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WalletError::Empty => f.write_str("at least one wallet is needed"),
            WalletError::NoneNamed => f.write_str("no wallet is named in it"),
            WalletError::NoWallet(name) => write!(
                f,
                "`{name}` is not `donate`, not `faucet` and no address of `0x` and 40 hexadecimal digits"
            ),
            WalletError::NoWeight { entry, weight } => {
                write!(f, "the weight `{weight}` of `{entry}` is no whole number from 1")
            }
            WalletError::NotPositive(entry) => write!(f, "the weight of `{entry}` must be 1 or more"),
        }
    }
}

impl Wallet {
    /// Parses an address, ignoring spaces around it; None if it is invalid.
    #[must_use]
    pub fn from_address(text: &str) -> Option<Wallet> {
        let text = strip(text);
        let digits = text.strip_prefix("0x")?;
        (digits.len() == 40 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .then(|| Wallet(text.to_owned()))
    }

    /// The wallet of `faucet`.
    #[must_use]
    pub fn faucet() -> Wallet {
        Wallet(FAUCET.to_owned())
    }

    /// Whether the case of its letters is a valid EIP-55 checksum. An address in one case has no checksum, and is valid.
    #[must_use]
    pub fn checksum_holds(&self) -> bool {
        let digits = self.0.strip_prefix("0x").unwrap_or(&self.0);
        let has = |test: fn(&u8) -> bool| digits.as_bytes().iter().any(test);
        if !has(u8::is_ascii_lowercase) || !has(u8::is_ascii_uppercase) {
            return true;
        }
        let hash = Keccak256::digest(digits.to_ascii_lowercase().as_bytes());
        digits.bytes().enumerate().all(|(n, byte)| {
            let half = hash.get(n / 2).copied().unwrap_or_default() >> (if n % 2 == 0 { 4 } else { 0 }) & 0xf;
            !byte.is_ascii_alphabetic() || byte.is_ascii_uppercase() == (half >= 8)
        })
    }
}

impl Wallets {
    /// Parses a list, separated by commas, of `donate`, `faucet` or addresses, each with an optional `:WEIGHT`; the default
    /// weight is 1. The two words can be in any case, and become addresses.
    pub fn parse(text: &str, donate: &Wallet) -> Result<Wallets, WalletError> {
        if strip(text).is_empty() {
            return Err(WalletError::Empty);
        }
        let wallets = text
            .split(',')
            .map(strip)
            .filter(|entry| !entry.is_empty())
            .map(|entry| one(entry, donate))
            .collect::<Result<Vec<_>, _>>()?;
        if wallets.is_empty() {
            return Err(WalletError::NoneNamed);
        }
        Ok(Wallets(wallets))
    }

    /// Chooses the wallet for a uniformly random number, with a probability in proportion to its weight.
    #[must_use]
    pub fn draw(&self, random: u64) -> &Wallet {
        // If the sum of the weights exceeds 64 bits, all weights lose the same low bits, which changes less than one draw
        // in 2^60.
        let mut shift = 0;
        let total = loop {
            let sum = self.0.iter().try_fold(0_u64, |sum, (_, weight)| {
                sum.checked_add(u64::try_from(weight >> shift).ok()?)
            });
            match sum {
                Some(sum) => break sum,
                None => shift += 1,
            }
        };
        let mut point = (u128::from(random) * u128::from(total)) >> 64;
        for (wallet, weight) in &self.0 {
            let weight = weight >> shift;
            if point < weight {
                return wallet;
            }
            point -= weight;
        }
        let (wallet, _) = self.0.last().expect("a colony has at least one wallet");
        wallet
    }
}

fn one(entry: &str, donate: &Wallet) -> Result<(Wallet, u128), WalletError> {
    let (name, weight) = match entry.rsplit_once(':') {
        None => (entry, 1),
        Some((name, weight)) => {
            let weight = strip(weight);
            let value = whole(weight).ok_or_else(|| WalletError::NoWeight {
                entry: entry.to_owned(),
                weight: weight.to_owned(),
            })?;
            if value < 1 {
                return Err(WalletError::NotPositive(entry.to_owned()));
            }
            (strip(name), value.unsigned_abs())
        }
    };
    let wallet = match name.to_lowercase().as_str() {
        "donate" => donate.clone(),
        "faucet" => Wallet::faucet(),
        _ => Wallet::from_address(name).ok_or_else(|| WalletError::NoWallet(name.to_owned()))?,
    };
    Ok((wallet, weight))
}

#[cfg(test)]
mod tests {
    use super::{FAUCET, Wallet, WalletError, Wallets};

    const ONE: &str = "0x1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a";
    const TWO: &str = "0x2B2B2B2B2B2B2B2B2B2B2B2B2B2B2B2B2B2B2B2B";

    fn parse(text: &str) -> Result<Vec<(String, u128)>, WalletError> {
        Wallets::parse(text, &Wallet(TWO.to_owned()))
            .map(|wallets| wallets.0.into_iter().map(|(w, weight)| (w.0, weight)).collect())
    }

    #[test]
    fn parses_wallets_with_weights() {
        assert_eq!(
            parse(&format!(" {ONE} : 100 , Donate:1_0,faucet,")),
            Ok(vec![
                (ONE.to_owned(), 100),
                (TWO.to_owned(), 10),
                (FAUCET.to_owned(), 1)
            ])
        );
    }

    #[test]
    fn errors_name_the_invalid_entry() {
        assert_eq!(parse(" "), Err(WalletError::Empty));
        assert_eq!(parse(" , "), Err(WalletError::NoneNamed));
        assert_eq!(parse("nope:2"), Err(WalletError::NoWallet("nope".to_owned())));
        assert_eq!(
            parse("donate:0"),
            Err(WalletError::NotPositive("donate:0".to_owned()))
        );
        assert_eq!(
            parse("donate:1.0"),
            Err(WalletError::NoWeight {
                entry: "donate:1.0".to_owned(),
                weight: "1.0".to_owned()
            })
        );
    }

    #[test]
    fn draws_in_proportion_to_the_weights() {
        let wallets = Wallets::parse(&format!("{ONE}:3,{TWO}:1"), &Wallet::faucet()).unwrap();
        let draws = 4000_u64;
        let ones = (0..draws)
            .filter(|n| wallets.draw(n * (u64::MAX / draws)).0 == ONE)
            .count();
        assert!(ones.abs_diff(3000) <= 1, "{ones}");
        assert_eq!(wallets.draw(0).0, ONE);
        assert_eq!(wallets.draw(u64::MAX).0, TWO);
    }

    /// Pearson's chi-square of 100,000 draws with the random numbers of `chance`.
    fn chi_square(weights: &[u32], drawn_by: &[u32], mut chance: impl FnMut() -> u64) -> f64 {
        const DRAWS: u32 = 100_000;
        let named = |n: usize| Wallet(format!("0x{n:040}"));
        let wallets = drawn_by
            .iter()
            .enumerate()
            .map(|(n, weight)| (named(n), u128::from(*weight)));
        let wallets = Wallets(wallets.collect());
        let mut counts = vec![0_u32; weights.len()];
        for _ in 0..DRAWS {
            let drawn = wallets.draw(chance());
            let place = wallets.0.iter().position(|(wallet, _)| wallet == drawn);
            counts[place.expect("one of them is drawn")] += 1;
        }
        let total: u32 = weights.iter().sum();
        let misfit = |(count, weight): (&u32, &u32)| {
            let expected = f64::from(DRAWS) * f64::from(*weight) / f64::from(total);
            (f64::from(*count) - expected).powi(2) / expected
        };
        counts.iter().zip(weights).map(misfit).sum()
    }

    /// A uniform pseudo-random generator (splitmix64) with a fixed seed.
    fn dice(mut seed: u64) -> impl FnMut() -> u64 {
        move || {
            seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = seed;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        }
    }

    #[test]
    fn a_hundred_thousand_draws_fit_the_weights() {
        // The value that a fair draw exceeds once in a thousand times, by the number of wallets.
        for (weights, most) in [
            (&[1, 1][..], 10.83),
            (&[80, 20], 10.83),
            (&[99, 1], 10.83),
            (&[100, 10, 1], 13.82),
            (&[10, 20, 30, 40], 16.27),
            (&[1; 10], 27.88),
        ] {
            for seed in 1..=3 {
                let far = chi_square(weights, weights, dice(seed));
                assert!(far < most, "{weights:?} with the dice {seed}: {far}");
            }
        }
        let unfair = chi_square(&[80, 20], &[79, 21], dice(1));
        assert!(unfair > 10.83, "one in a hundred drawn wrongly is seen: {unfair}");
    }

    #[test]
    fn draws_with_very_large_weights() {
        let huge = "9".repeat(45);
        let wallets =
            Wallets::parse(&format!("{ONE}:{huge},{TWO}:{huge},faucet:1"), &Wallet::faucet()).unwrap();
        assert_eq!(wallets.draw(0).0, ONE);
        assert_eq!(wallets.draw(u64::MAX / 4 * 3).0, TWO);
        let _ = wallets.draw(u64::MAX);
    }

    #[test]
    fn checks_the_checksum_of_mixed_case_addresses() {
        for (address, holds) in [
            (FAUCET, true),
            ("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", true),
            ("0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359", true),
            ("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD", false),
            (ONE, true),
            (TWO, true),
        ] {
            assert_eq!(Wallet(address.to_owned()).checksum_holds(), holds, "{address}");
        }
    }

    #[test]
    fn parses_the_same_wallets_as_the_peer() {
        let Ok(golden) = std::env::var("WNM_GOLDEN") else {
            eprintln!("skipped: WNM_GOLDEN names no folder with what the peer answered");
            return;
        };
        let text = std::fs::read_to_string(format!("{golden}/wallets.jsonl")).unwrap();
        let mut seen = 0;
        for line in text.lines() {
            let case: serde_json::Value = serde_json::from_str(line).unwrap();
            let input = case["input"].as_str().unwrap_or("");
            let donate = Wallet(case["donate_address"].as_str().unwrap_or("None").to_owned());
            let ours = Wallets::parse(input, &donate);
            match case["wallets"].as_array() {
                None => assert!(ours.is_err(), "{input:?}: {ours:?}"),
                Some(theirs) => {
                    let ours = ours.unwrap_or_else(|error| panic!("{input:?}: {error}"));
                    assert_eq!(ours.0.len(), theirs.len(), "{input:?}");
                    for ((wallet, weight), their) in ours.0.iter().zip(theirs) {
                        assert_eq!(wallet.0, their[0].as_str().unwrap_or("None"), "{input:?}");
                        let their = their[1]
                            .as_str()
                            .map_or_else(|| their[1].to_string(), str::to_owned);
                        // Weights beyond 128 bits become the largest value.
                        let expected = their.parse().unwrap_or(i128::MAX.unsigned_abs());
                        assert_eq!(*weight, expected, "{input:?}");
                    }
                }
            }
            seen += 1;
        }
        assert!(seen > 100, "{seen}");
    }
}
