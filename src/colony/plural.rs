//! Counts with a noun in the singular or plural.

use std::fmt;

/// A count and the noun in the singular; displays `1 node`, `3 nodes`.
#[derive(Clone, Copy, Debug)]
pub struct Plural<'a>(pub i64, pub &'a str);

impl fmt::Display for Plural<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Plural(count, what) = self;
        write!(f, "{count} {what}{}", if *count == 1 { "" } else { "s" })
    }
}

#[cfg(test)]
mod tests {
    use super::Plural;

    #[test]
    fn only_one_is_singular() {
        let said = [0, 1, 2].map(|count| Plural(count, "outdated node").to_string());
        assert_eq!(said, ["0 outdated nodes", "1 outdated node", "2 outdated nodes"]);
    }
}
