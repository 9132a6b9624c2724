//! Values of a row's cells: how each type is written, and how it is read from whatever a cell holds.

use std::path::{Path, PathBuf};

use rusqlite::ToSql;
use rusqlite::types::{ToSqlOutput, ValueRef};

use crate::colony::{BinaryKey, NodeId, NodeName, NodeState, ServiceName, Timestamp, Version};
use crate::store::error::quoted;

/// One value to be written to a cell.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell<'a> {
    Null,
    Integer(i64),
    Text(&'a str),
    OwnedText(String),
    /// Stored as text. A path that is not UTF-8 cannot be stored.
    Path(&'a Path),
}

impl ToSql for Cell<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Cell::Null => ValueRef::Null,
            Cell::Integer(number) => ValueRef::Integer(*number),
            Cell::Text(text) => ValueRef::Text(text.as_bytes()),
            Cell::OwnedText(text) => ValueRef::Text(text.as_bytes()),
            Cell::Path(path) => ValueRef::Text(path.as_os_str().as_encoded_bytes()),
        }))
    }
}

/// A type that a column of table `node` can have.
pub(super) trait CellType: Sized {
    fn to_cell(&self) -> Cell<'_>;

    /// # Errors
    /// What is wrong with the value. Anybody may have written it.
    fn from_cell(cell: ValueRef<'_>) -> Result<Self, String>;
}

fn integer(cell: ValueRef<'_>) -> Result<Option<i64>, String> {
    match cell {
        ValueRef::Null => Ok(None),
        ValueRef::Integer(number) => Ok(Some(number)),
        // Other writers may leave such values: the fraction is cut off, NaN becomes 0.
        ValueRef::Real(number) => Ok(Some(number as i64)),
        ValueRef::Text(text) => Err(format!("{} is no number", quoted(&String::from_utf8_lossy(text)))),
        ValueRef::Blob(_) => Err("a blob is no number".to_owned()),
    }
}

fn in_range<T: TryFrom<i64>>(cell: ValueRef<'_>, low: i64, high: i64) -> Result<T, String> {
    let number = integer(cell)?;
    let valid = number.filter(|number| (low..=high).contains(number));
    valid.and_then(|number| T::try_from(number).ok()).ok_or_else(|| {
        let found = number.map_or("nothing".to_owned(), |number| format!("`{number}`"));
        format!("{found} is no number from {low} to {high}")
    })
}

impl CellType for NodeId {
    fn to_cell(&self) -> Cell<'_> {
        Cell::Integer(self.0.into())
    }

    fn from_cell(cell: ValueRef<'_>) -> Result<NodeId, String> {
        in_range(cell, 1, u32::MAX.into()).map(NodeId)
    }
}

/// A port.
impl CellType for u16 {
    fn to_cell(&self) -> Cell<'_> {
        Cell::Integer((*self).into())
    }

    fn from_cell(cell: ValueRef<'_>) -> Result<u16, String> {
        in_range(cell, 0, u16::MAX.into())
    }
}

/// A figure. It only informs, so a negative one counts as 0.
impl CellType for i64 {
    fn to_cell(&self) -> Cell<'_> {
        Cell::Integer(*self)
    }

    fn from_cell(cell: ValueRef<'_>) -> Result<i64, String> {
        Ok(integer(cell)?.unwrap_or(0).max(0))
    }
}

/// A counter: as a figure, and at most `u32::MAX`.
impl CellType for u32 {
    fn to_cell(&self) -> Cell<'_> {
        Cell::Integer((*self).into())
    }

    fn from_cell(cell: ValueRef<'_>) -> Result<u32, String> {
        i64::from_cell(cell).map(|number| u32::try_from(number).unwrap_or(u32::MAX))
    }
}

impl CellType for Timestamp {
    fn to_cell(&self) -> Cell<'_> {
        Cell::Integer(self.0)
    }

    fn from_cell(cell: ValueRef<'_>) -> Result<Timestamp, String> {
        Ok(Timestamp(integer(cell)?.unwrap_or(0)))
    }
}

impl CellType for Option<Timestamp> {
    fn to_cell(&self) -> Cell<'_> {
        self.map_or(Cell::Null, |at| Cell::Integer(at.0))
    }

    fn from_cell(cell: ValueRef<'_>) -> Result<Option<Timestamp>, String> {
        Ok(integer(cell)?.map(Timestamp))
    }
}

impl CellType for Option<String> {
    fn to_cell(&self) -> Cell<'_> {
        self.as_deref().map_or(Cell::Null, Cell::Text)
    }

    fn from_cell(cell: ValueRef<'_>) -> Result<Option<String>, String> {
        let text = match cell {
            ValueRef::Null => return Ok(None),
            ValueRef::Integer(number) => Some(number.to_string()),
            ValueRef::Real(number) => Some(number.to_string()),
            ValueRef::Text(text) => std::str::from_utf8(text).ok().map(str::to_owned),
            ValueRef::Blob(_) => None,
        };
        match text {
            // Such text cannot name a file, a unit or an argument.
            Some(text) if text.contains('\0') => Err("its text holds a NUL".to_owned()),
            Some(text) => Ok(Some(text)),
            None => Err("it is not UTF-8 text".to_owned()),
        }
    }
}

impl CellType for String {
    fn to_cell(&self) -> Cell<'_> {
        Cell::Text(self)
    }

    fn from_cell(cell: ValueRef<'_>) -> Result<String, String> {
        Option::<String>::from_cell(cell).map(Option::unwrap_or_default)
    }
}

impl CellType for NodeName {
    fn to_cell(&self) -> Cell<'_> {
        Cell::Text(&self.0)
    }

    fn from_cell(cell: ValueRef<'_>) -> Result<NodeName, String> {
        String::from_cell(cell).map(NodeName)
    }
}

impl CellType for ServiceName {
    fn to_cell(&self) -> Cell<'_> {
        Cell::Text(&self.0)
    }

    fn from_cell(cell: ValueRef<'_>) -> Result<ServiceName, String> {
        String::from_cell(cell).map(ServiceName)
    }
}

impl CellType for PathBuf {
    fn to_cell(&self) -> Cell<'_> {
        Cell::Path(self)
    }

    fn from_cell(cell: ValueRef<'_>) -> Result<PathBuf, String> {
        match String::from_cell(cell)? {
            text if text.is_empty() => Err("there is no path".to_owned()),
            text => Ok(PathBuf::from(text)),
        }
    }
}

impl CellType for Option<PathBuf> {
    fn to_cell(&self) -> Cell<'_> {
        self.as_deref().map_or(Cell::Null, Cell::Path)
    }

    fn from_cell(cell: ValueRef<'_>) -> Result<Option<PathBuf>, String> {
        let text = Option::<String>::from_cell(cell)?;
        Ok(text.filter(|text| !text.is_empty()).map(PathBuf::from))
    }
}

impl CellType for Option<Version> {
    fn to_cell(&self) -> Cell<'_> {
        let text = self.as_ref().map(Version::as_str);
        text.map_or(Cell::Null, Cell::Text)
    }

    fn from_cell(cell: ValueRef<'_>) -> Result<Option<Version>, String> {
        let text = Option::<String>::from_cell(cell)?;
        Ok(text.filter(|text| !text.is_empty()).map(Version::new))
    }
}

impl CellType for NodeState {
    fn to_cell(&self) -> Cell<'_> {
        Cell::Text(self.word())
    }

    fn from_cell(cell: ValueRef<'_>) -> Result<NodeState, String> {
        let word = String::from_cell(cell)?;
        NodeState::from_word(&word).ok_or_else(|| format!("{} is no state", quoted(&word)))
    }
}

/// `SIZE:MTIME_NS:INODE`.
impl CellType for Option<BinaryKey> {
    fn to_cell(&self) -> Cell<'_> {
        let text = |key: BinaryKey| format!("{}:{}:{}", key.size, key.mtime_ns, key.inode);
        self.map_or(Cell::Null, |key| Cell::OwnedText(text(key)))
    }

    /// An invalid key counts as none: the next survey reads the key from the file.
    fn from_cell(cell: ValueRef<'_>) -> Result<Option<BinaryKey>, String> {
        let text = Option::<String>::from_cell(cell)?.unwrap_or_default();
        let [size, mtime_ns, inode] = text.split(':').collect::<Vec<_>>()[..] else {
            return Ok(None);
        };
        let key = || {
            Some(BinaryKey {
                size: size.parse().ok()?,
                mtime_ns: mtime_ns.parse().ok()?,
                inode: inode.parse().ok()?,
            })
        };
        Ok(key())
    }
}
