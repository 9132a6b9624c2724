//! Whole numbers as people and the peer write them.

/// The zeros of Unicode's decimal digits; each is followed by its one to nine.
const ZEROS: [u32; 67] = [
    0x30, 0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xde6, 0xe50,
    0xed0, 0xf20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50, 0x1bb0, 0x1c40,
    0x1c50, 0xa620, 0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0xff10, 0x104a0, 0x10d30, 0x11066,
    0x110f0, 0x11136, 0x111d0, 0x112f0, 0x11450, 0x114d0, 0x11650, 0x116c0, 0x11730, 0x118e0, 0x11950,
    0x11c50, 0x11d50, 0x11da0, 0x11f50, 0x16a60, 0x16ac0, 0x16b50, 0x1d7ce, 0x1d7d8, 0x1d7e2, 0x1d7ec,
    0x1d7f6, 0x1e140, 0x1e2f0, 0x1e950, 0x1fbf0,
];

/// `text` without the blanks around it; all that Unicode or the peer takes for a blank counts.
#[must_use]
pub fn strip(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || ('\x1c'..='\x1f').contains(&c))
}

/// A whole number: a sign or none, then digits, in any script, single `_` between them; blanks around
/// it do not count. Beyond 128 bits it stays at the bound. None: it is no whole number.
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
        value = value.saturating_mul(10).saturating_add(i128::from(digit(c)?));
        after_digit = true;
    }
    after_digit.then_some(if negative { -value } else { value })
}

fn digit(c: char) -> Option<u32> {
    if c.is_ascii() {
        return c.to_digit(10);
    }
    let code = u32::from(c);
    let below = ZEROS.partition_point(|zero| *zero <= code);
    let digit = code - ZEROS.get(below.checked_sub(1)?)?;
    (digit < 10).then_some(digit)
}

#[cfg(test)]
mod tests {
    use super::whole;

    #[test]
    fn whole_numbers_may_have_signs_and_single_underscores() {
        for (text, value) in [
            ("7", 7),
            (" +7\t", 7),
            ("-5", -5),
            ("007", 7),
            ("1_000", 1000),
            ("٣", 3),
            ("１２", 12),
            ("-0", 0),
        ] {
            assert_eq!(whole(text), Some(value), "{text}");
        }
        assert_eq!(whole("9".repeat(60).as_str()), Some(i128::MAX));
    }

    #[test]
    fn anything_else_is_no_whole_number() {
        for text in [
            "", " ", "1.0", "1e3", "0x10", "1__0", "1_", "_1", "--1", "+-1", "1 0", "²", "Ⅰ", "inf", "3O",
        ] {
            assert_eq!(whole(text), None, "{text}");
        }
    }
}
