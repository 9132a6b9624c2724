//! So many of something, in words.

use std::fmt;

/// A number and what is counted, said in the singular: `1 node`, `3 nodes`.
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
    fn one_is_said_otherwise_than_none_and_many() {
        let said = [0, 1, 2].map(|count| Plural(count, "outdated node").to_string());
        assert_eq!(said, ["0 outdated nodes", "1 outdated node", "2 outdated nodes"]);
    }
}
