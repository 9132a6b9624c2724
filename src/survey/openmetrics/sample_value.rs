//! Parses the number of a sample as decimal digits, because a binary fraction would lose hundredths and atto tokens.

/// Longest amount in digits. A longer one is not an amount of tokens.
const AMOUNT_MOST: usize = 512;

/// The value of a sample. Negative ones and NaN count as zero.
#[derive(Debug, PartialEq)]
pub enum SampleValue<'a> {
    /// `whole.fraction` times ten to the `exponent`.
    Decimal {
        whole: &'a [u8],
        fraction: &'a [u8],
        exponent: i64,
    },
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
        let (mantissa, exponent) = match text.iter().position(|byte| matches!(byte, b'e' | b'E')) {
            Some(at) => (&text[..at], read_exponent(&text[at + 1..])?),
            None => (text, 0),
        };
        let (whole, fraction) = match mantissa.iter().position(|byte| *byte == b'.') {
            Some(at) => (&mantissa[..at], &mantissa[at + 1..]),
            None => (mantissa, &mantissa[..0]),
        };
        let digits = |part: &[u8]| part.iter().all(u8::is_ascii_digit);
        let sound = digits(whole) && digits(fraction) && whole.len() + fraction.len() > 0;
        sound.then_some(SampleValue::Decimal {
            whole,
            fraction,
            exponent,
        })
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
            SampleValue::Decimal {
                whole,
                fraction,
                exponent,
            } => amount(whole, fraction, *exponent).unwrap_or_else(|| "0".to_owned()),
            SampleValue::Zero | SampleValue::Infinite => "0".to_owned(),
        }
    }

    /// The whole part after moving the point `places` to the right, and whether half or more was cut off.
    fn scaled(&self, places: i64) -> (i64, bool) {
        let (whole, fraction, exponent) = match self {
            SampleValue::Decimal {
                whole,
                fraction,
                exponent,
            } => (*whole, *fraction, *exponent),
            SampleValue::Zero => return (0, false),
            SampleValue::Infinite => return (i64::MAX, false),
        };
        let point = whole.len() as i64 + exponent + places;
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

/// More than the number of digits in any line.
const EXPONENT_MOST: i64 = 1_000_000;

fn read_exponent(text: &[u8]) -> Option<i64> {
    let (sign, digits) = match text {
        [b'-', rest @ ..] => (-1, rest),
        [b'+', rest @ ..] => (1, rest),
        _ => (1, text),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let size = digits.iter().fold(0_i64, |size, digit| {
        (size * 10 + i64::from(digit - b'0')).min(EXPONENT_MOST)
    });
    Some(sign * size)
}

fn amount(whole: &[u8], fraction: &[u8], exponent: i64) -> Option<String> {
    let digits: Vec<u8> = whole.iter().chain(fraction).copied().collect();
    let point = whole.len() as i64 + exponent;
    if digits.len() > AMOUNT_MOST || !(-(AMOUNT_MOST as i64)..=AMOUNT_MOST as i64).contains(&point) {
        return None;
    }
    let mut text = String::new();
    // A number below 1 has one zero before the point.
    if point <= 0 {
        text.push('0');
    }
    let noughts_before = usize::try_from(-point).unwrap_or(0);
    if noughts_before > 0 {
        text.push('.');
        text.extend(std::iter::repeat_n('0', noughts_before));
    }
    for (place, digit) in digits.iter().enumerate() {
        if place as i64 == point {
            text.push('.');
        }
        text.push(char::from(*digit));
    }
    for _ in digits.len() as i64..point {
        text.push('0');
    }
    if exponent != 0 {
        // After shifting by an exponent, remove zeros at both ends.
        if text.contains('.') {
            text.truncate(text.trim_end_matches('0').trim_end_matches('.').len());
        }
        let leading = text.len() - text.trim_start_matches('0').len();
        let kept = if text[leading..].starts_with('.') || leading == text.len() {
            leading.saturating_sub(1)
        } else {
            leading
        };
        text.drain(..kept);
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::SampleValue;

    fn read(text: &str) -> SampleValue<'_> {
        SampleValue::read(text.as_bytes()).unwrap_or_else(|| panic!("{text} is a number"))
    }

    #[test]
    fn whole_numbers_are_rounded_down_and_kept_in_their_bounds() {
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
    fn amounts_keep_all_their_digits() {
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
    fn other_text_is_no_number() {
        for text in [
            "", ".", "-", "e5", "1e", "1e+", "1.2.3", "1,5", "1_000", "0x10", "ten", "1e5.5", "٤٢", "--1",
        ] {
            assert_eq!(SampleValue::read(text.as_bytes()), None, "{text}");
        }
    }
}
