//! Parses the number of a sample as decimal digits, because a binary fraction would lose hundredths and atto tokens.

use crate::colony::{DecimalText, MAX_DIGITS};

/// The value of a sample. Negative ones and NaN count as zero.
#[derive(Debug, PartialEq)]
pub enum SampleValue<'a> {
    Decimal(DecimalText<'a>),
    /// NaN, or anything negative.
    Zero,
    Infinite,
}

impl<'a> SampleValue<'a> {
    /// A number as OpenMetrics writes it; None for any other text.
    pub fn read(text: &'a [u8]) -> Option<SampleValue<'a>> {
        let (negative, text) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            _ => (false, text),
        };
        let number = SampleValue::read_unsigned(text)?;
        Some(if negative { SampleValue::Zero } else { number })
    }

    fn read_unsigned(text: &'a [u8]) -> Option<SampleValue<'a>> {
        if text.eq_ignore_ascii_case(b"nan") {
            return Some(SampleValue::Zero);
        }
        if text.eq_ignore_ascii_case(b"inf") || text.eq_ignore_ascii_case(b"infinity") {
            return Some(SampleValue::Infinite);
        }
        DecimalText::read(text).map(SampleValue::Decimal)
    }

    /// Rounded down to a whole number, at most `i64::MAX`.
    pub fn whole(&self) -> i64 {
        self.scaled(0).0
    }

    /// In hundredths, rounded to the nearest, at most `i64::MAX`.
    pub fn hundredths(&self) -> i64 {
        match self.scaled(2) {
            (number, true) => number.saturating_add(1),
            (number, false) => number,
        }
    }

    /// As decimal text with all its digits; `0` for what is no amount.
    pub fn text(&self) -> String {
        match self {
            SampleValue::Decimal(number) => amount(*number).unwrap_or_else(|| "0".to_owned()),
            SampleValue::Zero | SampleValue::Infinite => "0".to_owned(),
        }
    }

    /// The whole part after moving the point `places` to the right, and whether half or more was cut off.
    fn scaled(&self, places: i64) -> (i64, bool) {
        let DecimalText {
            whole,
            fraction,
            exponent,
        } = match self {
            SampleValue::Decimal(number) => *number,
            SampleValue::Zero => return (0, false),
            SampleValue::Infinite => return (i64::MAX, false),
        };
        let point = whole.len() as i64 + i64::from(exponent) + places;
        let mut digits = whole.iter().chain(fraction).map(|digit| i64::from(digit - b'0'));
        let mut number = 0_i64;
        for place in 0..point {
            let digit = match digits.next() {
                Some(digit) => digit,
                // Fill with zeros up to the point. Zeros after zero change nothing.
                None if number == 0 && place >= (whole.len() + fraction.len()) as i64 => break,
                None => 0,
            };
            match number.checked_mul(10).and_then(|tens| tens.checked_add(digit)) {
                Some(more) => number = more,
                None => return (i64::MAX, false),
            }
        }
        let half = point >= 0 && digits.next().is_some_and(|digit| digit >= 5);
        (number, half)
    }
}

/// The digits as they are written, also zeros at the end; with an exponent, the number without zeros at its ends.
fn amount(number: DecimalText<'_>) -> Option<String> {
    if number.exponent != 0 {
        return number.to_decimal().map(|decimal| decimal.to_string());
    }
    if number.whole.len() + number.fraction.len() > MAX_DIGITS {
        return None;
    }
    let whole = if number.whole.is_empty() {
        b"0"
    } else {
        number.whole
    };
    let point: &[u8] = if number.fraction.is_empty() { b"" } else { b"." };
    String::from_utf8([whole, point, number.fraction].concat()).ok()
}

#[cfg(test)]
mod tests {
    use super::SampleValue;

    fn read(text: &str) -> SampleValue<'_> {
        SampleValue::read(text.as_bytes()).unwrap_or_else(|| panic!("{text} is a number"))
    }

    #[test]
    fn whole_numbers_are_rounded_down_and_limited() {
        let cases = [
            ("10", 10),
            ("007", 7),
            ("10.9", 10),
            (".5", 0),
            ("5.", 5),
            ("+5", 5),
            ("-5", 0),
            ("8.64e4", 86_400),
            ("1E3", 1_000),
            ("12345e-3", 12),
            ("1e-400", 0),
            ("0e999999999999999999999", 0),
            ("NaN", 0),
            ("-Inf", 0),
            ("+Inf", i64::MAX),
            ("9223372036854775807", i64::MAX),
            ("9223372036854775808", i64::MAX),
            ("1e400", i64::MAX),
            ("0.00001e5", 1),
            ("000000000000000000000000000000000001", 1),
        ];
        for (text, number) in cases {
            assert_eq!(read(text).whole(), number, "{text}");
        }
    }

    #[test]
    fn hundredths_are_rounded_to_the_nearest() {
        let cases = [
            ("0.29", 29),
            ("8.2", 820),
            ("1.005", 101),
            ("1.15", 115),
            ("19.99", 1_999),
            ("0.009", 1),
            ("0.004", 0),
            ("0.0049999", 0),
            ("97.8125", 9_781),
            ("0.0353", 4),
            ("1234.56789", 123_457),
            ("2.5e-1", 25),
            ("5e-3", 1),
            ("5e-4", 0),
            ("9e17", i64::MAX),
            ("-1.5", 0),
        ];
        for (text, number) in cases {
            assert_eq!(read(text).hundredths(), number, "{text}");
        }
    }

    #[test]
    fn amounts_keep_all_digits() {
        let long = "1234567890123456789012345678901234567890";
        let cases = [
            ("1250000000000000000", "1250000000000000000"),
            (long, long),
            ("1250000000000000000.9", "1250000000000000000.9"),
            ("0.0", "0.0"),
            ("5.", "5"),
            (".5", "0.5"),
            ("1e18", "1000000000000000000"),
            ("1.25e18", "1250000000000000000"),
            ("1.5e-3", "0.0015"),
            ("15e-1", "1.5"),
            ("0.1e1", "1"),
            ("0.05e1", "0.5"),
            ("0e5", "0"),
            ("NaN", "0"),
            ("-1", "0"),
            ("+Inf", "0"),
            ("1e99999", "0"),
        ];
        for (text, amount) in cases {
            assert_eq!(read(text).text(), amount, "{text}");
        }
        assert_eq!(read("1e400").text().len(), 401);
    }

    #[test]
    fn rejects_other_text() {
        for text in [
            "", ".", "-", "e5", "1e", "1e+", "1.2.3", "1,5", "1_000", "0x10", "ten", "1e5.5", "٤٢", "--1",
        ] {
            assert_eq!(SampleValue::read(text.as_bytes()), None, "{text}");
        }
    }
}
