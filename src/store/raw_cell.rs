//! Reads cells of tables that only record: values that another program wrote are shown and cause no error.

use rusqlite::Row;
use rusqlite::types::ValueRef;

/// Any value as text; None for NULL. Invalid UTF-8 is replaced.
pub(super) fn text(row: &Row<'_>, index: usize) -> rusqlite::Result<Option<String>> {
    Ok(match row.get_ref(index)? {
        ValueRef::Null => None,
        ValueRef::Integer(number) => Some(number.to_string()),
        ValueRef::Real(number) => Some(number.to_string()),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
    })
}

/// A whole number; None for NULL and for text.
pub(super) fn whole(row: &Row<'_>, index: usize) -> rusqlite::Result<Option<i64>> {
    Ok(match row.get_ref(index)? {
        ValueRef::Integer(number) => Some(number),
        ValueRef::Real(number) => Some(number as i64),
        ValueRef::Text(_) | ValueRef::Blob(_) | ValueRef::Null => None,
    })
}
