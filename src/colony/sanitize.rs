//! Shortens text of other programs before it is logged or printed.

use std::borrow::Cow;

/// The text, or its first `most` characters and `…`, because a row, a node or a program can send megabytes.
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
    fn shortens_long_text() {
        assert_eq!(excerpt("0.4.17", 6), "0.4.17");
        assert_eq!(excerpt("0.4.17", 5), "0.4.1…");
        assert_eq!(excerpt("äöü", 2), "äö…");
        assert_eq!(excerpt("", 0), "");
    }
}
