//! How the tools that handle files for root are spoken to: GNU's on Linux, those of BSD on macOS.
//!
//! Each word must be understood, since what is not is an error halfway through a node. None follows a link
//! where a name is meant.

/// Whose tools they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileTools {
    Gnu,
    Bsd,
}

impl FileTools {
    /// That of this machine.
    #[must_use]
    pub fn here() -> FileTools {
        if cfg!(target_os = "macos") {
            FileTools::Bsd
        } else {
            FileTools::Gnu
        }
    }

    /// Gives a file another name, in place of what had it.
    #[must_use]
    pub fn rename(self) -> &'static [&'static str] {
        match self {
            FileTools::Gnu => &["mv", "-fT", "--"],
            FileTools::Bsd => &["mv", "-fh", "--"],
        }
    }

    /// Gives a file a second name, which is free.
    #[must_use]
    pub fn link(self) -> &'static [&'static str] {
        match self {
            FileTools::Gnu => &["ln", "-T", "--"],
            FileTools::Bsd => &["ln", "-h", "--"],
        }
    }

    /// Makes a file at a name that is free one of its own on the blocks of another, or fails; none where no tool says
    /// whether it could.
    #[must_use]
    pub fn reflink(self) -> Option<&'static [&'static str]> {
        match self {
            FileTools::Gnu => Some(&["cp", "-P", "--reflink=always", "-T", "--"]),
            FileTools::Bsd => None,
        }
    }

    /// Copies a file to a name that is free; the copy is root's. Of a link it makes a link, so that nobody gets
    /// a copy of what only root may read.
    #[must_use]
    pub fn copy(self) -> &'static [&'static str] {
        match self {
            FileTools::Gnu => &["cp", "-P", "--reflink=never", "-T", "--"],
            FileTools::Bsd => &["cp", "-RP", "--"],
        }
    }

    /// Erases a folder with all that is in it, but for what is mounted there.
    #[must_use]
    pub fn erase(self) -> &'static [&'static str] {
        match self {
            FileTools::Gnu => &["rm", "-rf", "--one-file-system", "--"],
            FileTools::Bsd => &["rm", "-rfx", "--"],
        }
    }

    /// Makes a file of what it reads from stdin, at a name that is free.
    #[must_use]
    pub fn write(self) -> &'static [&'static str] {
        match self {
            FileTools::Gnu => &["install", "-m", "0644", "-T", "--", "/dev/stdin"],
            // Its `install` takes no pipe. `chmod 0644` follows.
            FileTools::Bsd => &["tee", "--"],
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
            FileTools::rename,
            FileTools::link,
            FileTools::copy,
            FileTools::erase,
            FileTools::write,
        ];
        for words in all.map(|of| of(FileTools::Bsd)) {
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
