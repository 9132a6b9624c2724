//! Whole numbers in the forms that the Python wnm accepts.

/// `text` without the white space of Unicode and Python around it.
#[must_use]
pub fn strip(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || ('\x1c'..='\x1f').contains(&c))
}

/// Parses a whole number: an optional sign, then ASCII digits with single `_` between them. White space around it is
/// ignored. A number beyond 128 bits becomes the largest or smallest such number.
#[must_use]
pub fn whole(text: &str) -> Option<i128> {
    let text = strip(text);
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let mut value: i128 = 0;
    let mut after_digit = false;
    for c in digits.chars() {
        if c == '_' && after_digit {
            after_digit = false;
            continue;
        }
        value = value
            .saturating_mul(10)
            .saturating_add(i128::from(c.to_digit(10)?));
        after_digit = true;
    }
    after_digit.then_some(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::whole;

    #[test]
    fn whole_numbers_can_have_signs_and_single_underscores() {
        for (text, value) in [
            ("7", 7),
            (" +7\t", 7),
            ("-5", -5),
            ("007", 7),
            ("1_000", 1000),
            ("-0", 0),
        ] {
            assert_eq!(whole(text), Some(value), "{text}");
        }
        assert_eq!(whole("9".repeat(60).as_str()), Some(i128::MAX));
    }

    #[test]
    fn rejects_anything_else() {
        for text in [
            "", " ", "1.0", "1e3", "0x10", "1__0", "1_", "_1", "--1", "+-1", "1 0", "²", "Ⅰ", "٣", "１２",
            "inf", "3O",
        ] {
            assert_eq!(whole(text), None, "{text}");
        }
    }
}
