//! What a node's antnode has in common with those of the other nodes.

/// Whether a program is one file for many nodes, or takes disk and memory for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BinarySharing {
    /// One file with many names: its disk space and its pages in memory are there once.
    Link,
    /// A file of its own on the blocks of another: its disk space is there once, its pages in memory are not.
    Reflink,
    /// A file of its own.
    Copy,
}

impl BinarySharing {
    /// All of them, from the thriftiest.
    pub const ALL: [BinarySharing; 3] = [BinarySharing::Link, BinarySharing::Reflink, BinarySharing::Copy];

    /// As reports say it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            BinarySharing::Link => "link",
            BinarySharing::Reflink => "reflink",
            BinarySharing::Copy => "copy",
        }
    }
}
