//! Rewards addresses and how often each is drawn.

use std::fmt;

/// A resolved rewards address: `0x` and forty hexadecimal digits, in the case it was given.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Wallet(pub String);

impl fmt::Display for Wallet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The wallets of a colony with their weights; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wallets(pub Vec<(Wallet, u128)>);
