//! How the tools that handle files for root are spoken to: GNU's on Linux, those of BSD on macOS.
//!
//! Each word must be understood, since what is not is an error halfway through a node. None follows a link
//! where a name is meant.

/// Whose tools they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    Gnu,
    Bsd,
}

impl Dialect {
    /// That of this machine.
    #[must_use]
    pub fn here() -> Dialect {
        if cfg!(target_os = "macos") {
            Dialect::Bsd
        } else {
            Dialect::Gnu
        }
    }

    /// Gives a file another name, in place of what had it.
    #[must_use]
    pub fn rename(self) -> &'static [&'static str] {
        match self {
            Dialect::Gnu => &["mv", "-fT", "--"],
            Dialect::Bsd => &["mv", "-fh", "--"],
        }
    }

    /// Gives a file a second name, which is free.
    #[must_use]
    pub fn link(self) -> &'static [&'static str] {
        match self {
            Dialect::Gnu => &["ln", "-T", "--"],
            Dialect::Bsd => &["ln", "-h", "--"],
        }
    }

    /// Makes a file at a name that is free one of its own on the blocks of another, or fails; none where no tool says
    /// whether it could.
    #[must_use]
    pub fn reflink(self) -> Option<&'static [&'static str]> {
        match self {
            Dialect::Gnu => Some(&["cp", "-P", "--reflink=always", "-T", "--"]),
            Dialect::Bsd => None,
        }
    }

    /// Copies a file to a name that is free; the copy is root's. Of a link it makes a link, so that nobody gets
    /// a copy of what only root may read.
    #[must_use]
    pub fn copy(self) -> &'static [&'static str] {
        match self {
            Dialect::Gnu => &["cp", "-P", "--reflink=never", "-T", "--"],
            Dialect::Bsd => &["cp", "-RP", "--"],
        }
    }

    /// Erases a folder with all that is in it, but for what is mounted there.
    #[must_use]
    pub fn erase(self) -> &'static [&'static str] {
        match self {
            Dialect::Gnu => &["rm", "-rf", "--one-file-system", "--"],
            Dialect::Bsd => &["rm", "-rfx", "--"],
        }
    }

    /// Makes a file of what it reads from stdin, at a name that is free.
    #[must_use]
    pub fn write(self) -> &'static [&'static str] {
        match self {
            Dialect::Gnu => &["install", "-m", "0644", "-T", "--", "/dev/stdin"],
            // Its `install` takes no pipe. `chmod 0644` follows.
            Dialect::Bsd => &["tee", "--"],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The options of the tools of macOS as far as they are known here; not compared with a Mac.
    const BSD: [(&str, &str); 5] = [
        ("mv", "finhv"),
        ("ln", "LPsfFihnwv"),
        ("cp", "RHLPfinaXpcvx"),
        ("rm", "fdIiPRrvWx"),
        ("tee", "ai"),
    ];

    #[test]
    fn macos_is_told_nothing_that_only_gnu_knows() {
        let all = [
            Dialect::rename,
            Dialect::link,
            Dialect::copy,
            Dialect::erase,
            Dialect::write,
        ];
        for words in all.map(|of| of(Dialect::Bsd)) {
            let (tool, options) = words.split_first().unwrap();
            let (_, known) = BSD.iter().find(|(name, _)| name == tool).unwrap();
            let (end, options) = options.split_last().unwrap();
            assert_eq!(*end, "--", "{tool}: names follow");
            for option in options {
                let letters = option.strip_prefix('-').unwrap();
                assert!(
                    letters.chars().all(|letter| known.contains(letter)),
                    "{tool} {option}"
                );
            }
        }
    }
}
