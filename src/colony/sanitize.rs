//! Words of others within a sentence of ours.

use std::borrow::Cow;

/// A text, or so many of its first characters and `…`: a row, a node or a program may say a megabyte.
#[must_use]
pub fn excerpt(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        None => Cow::Borrowed(text),
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_told_than_a_person_reads() {
        assert_eq!(excerpt("0.4.17", 6), "0.4.17");
        assert_eq!(excerpt("0.4.17", 5), "0.4.1…");
        assert_eq!(excerpt("äöü", 2), "äö…");
        assert_eq!(excerpt("", 0), "");
    }
}
