//! An antnode binary on disk.

use std::path::PathBuf;

use super::Version;

/// What tells whether a file is still the one that was asked for its version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BinaryKey {
    /// Bytes.
    pub size: u64,
    /// Nanoseconds since 1970 of the last change of its content.
    pub mtime_ns: i128,
    /// The file's number on its filesystem.
    pub inode: u64,
}

/// An antnode binary that was asked for its version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binary {
    /// Where it lies; empty for one that antctl is to download.
    pub path: PathBuf,
    /// What it says of itself.
    pub version: Version,
    /// By which it is known again without being run.
    pub key: BinaryKey,
}

impl Binary {
    /// One that antctl is to download; None: whichever is the newest. No other manager can make a node of it.
    #[must_use]
    pub fn download(version: Option<&Version>) -> Binary {
        Binary {
            path: PathBuf::new(),
            version: version.cloned().unwrap_or_else(|| Version::new("latest")),
            key: BinaryKey {
                size: 0,
                mtime_ns: 0,
                inode: 0,
            },
        }
    }
}
