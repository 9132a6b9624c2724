//! Versions of antnode. They are compared as versions, not as text.

use std::cmp::Ordering;
use std::fmt;

use super::sanitize::excerpt;

/// The version that a binary or a node reports, valid or not.
///
/// Compared by PEP 440, as in the peer, which suits the versions of antnode too: `0.4.10 > 0.4.9`, `0.4 = 0.4.0`,
/// `0.4.17-rc.1 < 0.4.17`, and a leading `v` is allowed. An invalid version is neither older nor newer than any other.
#[derive(Clone, Debug)]
pub struct Version {
    text: String,
    key: Option<Key>,
}

/// The comparable parts of a version, without trailing zeros of the release.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    epoch: u64,
    release: Vec<u64>,
    /// In this order: development, alpha, beta, candidate, release.
    stage: (Stage, u64),
    post: Option<u64>,
    /// A development build is older than its release.
    dev: Dev,
    local: Vec<LocalPart>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Development,
    Alpha,
    Beta,
    Candidate,
    Release,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Dev {
    Build(u64),
    None,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum LocalPart {
    Text(String),
    Number(u64),
}

impl Version {
    /// A version from any text, which may be invalid.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Version {
        let text = text.into();
        let key = Key::read(&text);
        Version { text, key }
    }

    /// Whether it is valid, and so can be compared.
    #[must_use]
    pub fn is_readable(&self) -> bool {
        self.key.is_some()
    }

    /// The original text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is older than `other`; false if either is invalid.
    #[must_use]
    pub fn is_older_than(&self, other: &Version) -> bool {
        self.partial_cmp(other) == Some(Ordering::Less)
    }
}

/// Compares as versions; an invalid version only equals the same text.
impl PartialEq for Version {
    fn eq(&self, other: &Version) -> bool {
        match (&self.key, &other.key) {
            (Some(one), Some(two)) => one == two,
            (None, None) => self.text == other.text,
            _ => false,
        }
    }
}

impl Eq for Version {}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Version) -> Option<Ordering> {
        match (&self.key, &other.key) {
            (Some(one), Some(two)) => Some(one.cmp(two)),
            (None, None) if self.text == other.text => Some(Ordering::Equal),
            _ => None,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&excerpt(&self.text, 60))
    }
}

impl Key {
    fn read(text: &str) -> Option<Key> {
        let lower = text.trim().to_ascii_lowercase();
        let (public, local) = match lower.split_once('+') {
            Some((public, local)) => (public, read_local(local)?),
            None => (lower.as_str(), Vec::new()),
        };
        let mut rest = VersionParser(public.strip_prefix('v').unwrap_or(public));
        let mut epoch = 0;
        let mut first = rest.number()?;
        if rest.take("!") {
            epoch = first;
            first = rest.number()?;
        }
        let mut release = vec![first];
        while let Some(number) = rest.dotted_number() {
            release.push(number);
        }
        while release.len() > 1 && release.last() == Some(&0) {
            release.pop();
        }
        let stage = rest.labelled(&[
            ("alpha", Stage::Alpha),
            ("beta", Stage::Beta),
            ("preview", Stage::Candidate),
            ("pre", Stage::Candidate),
            ("rc", Stage::Candidate),
            ("a", Stage::Alpha),
            ("b", Stage::Beta),
            ("c", Stage::Candidate),
        ]);
        let post = rest.dashed_number().or_else(|| {
            rest.labelled(&[("post", ()), ("rev", ()), ("r", ())])
                .map(|(_, number)| number)
        });
        let dev = rest.labelled(&[("dev", ())]).map(|(_, number)| number);
        if !rest.0.is_empty() {
            return None;
        }
        let stage = match (stage, post, dev) {
            (Some(stage), _, _) => stage,
            (None, None, Some(_)) => (Stage::Development, 0),
            (None, _, _) => (Stage::Release, 0),
        };
        let dev = dev.map_or(Dev::None, Dev::Build);
        Some(Key {
            epoch,
            release,
            stage,
            post,
            dev,
            local,
        })
    }
}

/// The part of a version that is not parsed yet.
struct VersionParser<'a>(&'a str);

impl VersionParser<'_> {
    fn take(&mut self, word: &str) -> bool {
        match self.0.strip_prefix(word) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }

    fn number(&mut self) -> Option<u64> {
        let end = self.0.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.0.len());
        let number = self.0[..end].parse().ok()?;
        self.0 = &self.0[end..];
        Some(number)
    }

    /// Parses `SEPARATOR digits`, or consumes nothing.
    fn after(&mut self, separator: &str) -> Option<u64> {
        let before = self.0;
        if self.take(separator)
            && let Some(number) = self.number()
        {
            return Some(number);
        }
        self.0 = before;
        None
    }

    fn dotted_number(&mut self) -> Option<u64> {
        self.after(".")
    }

    fn dashed_number(&mut self) -> Option<u64> {
        self.after("-")
    }

    /// Parses `[-_.] LABEL [-_.] [digits]`, or consumes nothing. A label without a number counts as 0.
    fn labelled<T: Copy>(&mut self, labels: &[(&str, T)]) -> Option<(T, u64)> {
        let before = self.0;
        let _ = self.take("-") || self.take("_") || self.take(".");
        for (label, meaning) in labels {
            if self.take(label) {
                // A separator belongs to its label even if no number follows: `0.4.17-rc.`.
                let _ = self.take("-") || self.take("_") || self.take(".");
                let number = self.number().unwrap_or(0);
                return Some((*meaning, number));
            }
        }
        self.0 = before;
        None
    }
}

fn read_local(text: &str) -> Option<Vec<LocalPart>> {
    text.split(['.', '-', '_'])
        .map(|part| {
            if part.is_empty() || !part.chars().all(|c| c.is_ascii_alphanumeric()) {
                return None;
            }
            Some(match part.parse() {
                Ok(number) => LocalPart::Number(number),
                Err(_) => LocalPart::Text(part.to_owned()),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::Version;

    fn older(one: &str, two: &str) -> bool {
        Version::new(one).is_older_than(&Version::new(two))
    }

    #[test]
    fn compares_numbers_as_numbers() {
        assert!(older("0.4.9", "0.4.10"));
        assert!(!older("0.4.10", "0.4.9"));
        assert_eq!(Version::new("0.4"), Version::new("0.4.0"));
        assert_eq!(Version::new("v0.4.17"), Version::new("0.4.17"));
    }

    #[test]
    fn pre_releases_are_older_than_their_release() {
        for early in [
            "0.4.17-rc.1",
            "0.4.17-rc.",
            "0.4.17rc1",
            "0.4.17.dev3",
            "0.4.17-beta",
            "0.4.17a2",
        ] {
            assert!(older(early, "0.4.17"), "{early}");
            assert!(older("0.4.16", early), "{early}");
        }
        assert!(older("0.4.17-alpha.2", "0.4.17-beta.1"));
        assert!(older("0.4.17-beta.2", "0.4.17-rc.1"));
        assert!(older("0.4.17-rc.1.dev2", "0.4.17-rc.1"));
        assert!(older("0.4.17", "0.4.17.post1"));
        assert!(older("0.4.17", "0.4.17+build.5"));
        assert!(older("0.4.17", "1!0.0.1"));
    }

    #[test]
    fn invalid_versions_are_neither_older_nor_newer() {
        for text in [
            "",
            "0x",
            "None",
            "latest",
            "0.4.",
            "0..4",
            "0.4.17-",
            "99999999999999999999.1",
        ] {
            let odd = Version::new(text);
            assert!(!odd.is_readable(), "{text}");
            assert!(!odd.is_older_than(&Version::new("0.4.17")));
            assert!(!Version::new("0.4.17").is_older_than(&odd));
            assert_eq!(odd, Version::new(text));
        }
    }
}
