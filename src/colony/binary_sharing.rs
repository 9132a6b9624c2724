//! How the antnode of a node shares disk and memory with those of other nodes.

/// Whether nodes share the file of a program, or each uses disk and memory for its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BinarySharing {
    /// A hard link: disk space and memory are shared.
    Link,
    /// A separate file with the same blocks: disk space is shared, memory is not.
    Reflink,
    /// A separate file: nothing is shared.
    Copy,
}

impl BinarySharing {
    /// Its name in reports.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            BinarySharing::Link => "link",
            BinarySharing::Reflink => "reflink",
            BinarySharing::Copy => "copy",
        }
    }
}
