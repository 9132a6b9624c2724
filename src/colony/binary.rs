//! An antnode binary on disk.

use std::path::PathBuf;

use super::Version;

/// Identifies the content of a file, to see whether it changed since its version was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BinaryKey {
    /// Bytes.
    pub size: u64,
    /// The modification time in nanoseconds since 1970.
    pub mtime_ns: i128,
    /// The inode number.
    pub inode: u64,
}

/// An antnode binary with its version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binary {
    /// Empty for a binary that antctl will download.
    pub path: PathBuf,
    /// The version that it prints.
    pub version: Version,
    /// Shows that the file is unchanged, so that it need not be run again.
    pub key: BinaryKey,
}

impl Binary {
    /// A binary that antctl will download; None: the newest version. Other managers cannot use it.
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
