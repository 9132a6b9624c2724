//! Command lines of the tools that handle files as root: GNU tools on Linux, BSD tools on macOS.
//!
//! Every option must exist in the tool, as an error in the middle would leave half a node. No command follows a symlink
//! at the path that it is given.

/// The family of the tools.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileTools {
    Gnu,
    Bsd,
}

impl FileTools {
    /// The family on this machine.
    #[must_use]
    pub fn here() -> FileTools {
        if cfg!(target_os = "macos") {
            FileTools::Bsd
        } else {
            FileTools::Gnu
        }
    }

    /// Renames a file and replaces what is there.
    #[must_use]
    pub fn rename(self) -> &'static [&'static str] {
        match self {
            FileTools::Gnu => &["mv", "-fT", "--"],
            FileTools::Bsd => &["mv", "-fh", "--"],
        }
    }

    /// Creates a hard link at a path where nothing is.
    #[must_use]
    pub fn link(self) -> &'static [&'static str] {
        match self {
            FileTools::Gnu => &["ln", "-T", "--"],
            FileTools::Bsd => &["ln", "-h", "--"],
        }
    }

    /// Creates a reflink at a path where nothing is, or fails; none where no tool tells a reflink from a copy.
    #[must_use]
    pub fn reflink(self) -> Option<&'static [&'static str]> {
        match self {
            FileTools::Gnu => Some(&["cp", "-P", "--reflink=always", "-T", "--"]),
            FileTools::Bsd => None,
        }
    }

    /// Copies a file to a path where nothing is; root owns the copy. A symlink is copied as a symlink, so that nobody gets a
    /// copy of a file that only root may read.
    #[must_use]
    pub fn copy(self) -> &'static [&'static str] {
        match self {
            FileTools::Gnu => &["cp", "-P", "--reflink=never", "-T", "--"],
            FileTools::Bsd => &["cp", "-RP", "--"],
        }
    }

    /// Deletes a directory with its contents, except other filesystems mounted in it.
    #[must_use]
    pub fn delete_dir(self) -> &'static [&'static str] {
        match self {
            FileTools::Gnu => &["rm", "-rf", "--one-file-system", "--"],
            FileTools::Bsd => &["rm", "-rfx", "--"],
        }
    }

    /// Writes stdin to a file at a path where nothing is.
    #[must_use]
    pub fn write(self) -> &'static [&'static str] {
        match self {
            // Not with `-T`, which uutils had not before 2025: a staging file was deleted before.
            FileTools::Gnu => &["install", "-m", "0644", "--", "/dev/stdin"],
            // The `install` of BSD cannot read a pipe. The caller runs `chmod 0644` afterwards.
            FileTools::Bsd => &["tee", "--"],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The options of the tools of macOS by their manual pages; not tried on a Mac.
    const BSD: [(&str, &str); 5] = [
        ("mv", "finhv"),
        ("ln", "LPsfFihnwv"),
        ("cp", "RHLPfinaXpcvx"),
        ("rm", "fdIiPRrvWx"),
        ("tee", "ai"),
    ];

    #[test]
    fn bsd_commands_have_only_bsd_options() {
        let all = [
            FileTools::rename,
            FileTools::link,
            FileTools::copy,
            FileTools::delete_dir,
            FileTools::write,
        ];
        for words in all.map(|of| of(FileTools::Bsd)) {
            let (tool, options) = words.split_first().unwrap();
            let (_, known) = BSD.iter().find(|(name, _)| name == tool).unwrap();
            let (end, options) = options.split_last().unwrap();
            assert_eq!(*end, "--", "{tool}: paths follow");
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
