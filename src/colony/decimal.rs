//! Decimal numbers of any length. Adding them loses no digit; amounts of tokens exceed every number type.

/// A decimal number of 0 or more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decimal {
    /// The digits, lowest first; the last is not 0.
    digits: Vec<u8>,
    /// The number of digits after the point.
    decimals: usize,
}

/// The most digits, and the largest exponent, so that `1e999999999` does not fill the memory.
pub const MAX_DIGITS: usize = 512;

/// A decimal number as it is written, without its sign: `whole.fraction` times ten to the `exponent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecimalText<'a> {
    pub whole: &'a [u8],
    pub fraction: &'a [u8],
    pub exponent: i32,
}

impl<'a> DecimalText<'a> {
    /// Reads digits with a point and an exponent. None: any other text.
    #[must_use]
    pub fn read(text: &'a [u8]) -> Option<DecimalText<'a>> {
        let (mantissa, exponent) = match text.iter().position(|byte| matches!(byte, b'e' | b'E')) {
            Some(at) => (&text[..at], read_exponent(&text[at + 1..])?),
            None => (text, 0),
        };
        let (whole, fraction) = match mantissa.iter().position(|byte| *byte == b'.') {
            Some(at) => (&mantissa[..at], &mantissa[at + 1..]),
            None => (mantissa, &mantissa[..0]),
        };
        let has_only_digits = |part: &[u8]| part.iter().all(u8::is_ascii_digit);
        (has_only_digits(whole) && has_only_digits(fraction) && !(whole.is_empty() && fraction.is_empty()))
            .then_some(DecimalText {
                whole,
                fraction,
                exponent,
            })
    }

    /// The number. None: it has too many digits, or its exponent is too large.
    #[must_use]
    pub fn to_decimal(self) -> Option<Decimal> {
        let mut digits: Vec<u8> = self
            .whole
            .iter()
            .chain(self.fraction)
            .map(|byte| byte - b'0')
            .collect();
        if digits.len() > MAX_DIGITS || self.exponent.unsigned_abs() as usize > MAX_DIGITS {
            return None;
        }
        digits.reverse();
        let amount = Decimal {
            digits,
            decimals: self.fraction.len(),
        };
        Some(amount.times_ten_to(self.exponent))
    }
}

/// Larger than the number of digits in any line of a metrics page.
const MAX_EXPONENT: i32 = 1_000_000;

fn read_exponent(text: &[u8]) -> Option<i32> {
    let (sign, digits) = match text {
        [b'-', rest @ ..] => (-1, rest),
        [b'+', rest @ ..] => (1, rest),
        _ => (1, text),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let size = digits.iter().fold(0, |size: i32, digit| {
        (size * 10 + i32::from(digit - b'0')).min(MAX_EXPONENT)
    });
    Some(sign * size)
}

impl Decimal {
    /// Parses digits with a point and an exponent. None: not an amount.
    #[must_use]
    pub fn parse(text: &str) -> Option<Decimal> {
        let text = text.trim();
        DecimalText::read(text.strip_prefix('+').unwrap_or(text).as_bytes())?.to_decimal()
    }

    /// The amount times 10 to the power of `exponent`.
    #[must_use]
    pub fn times_ten_to(mut self, exponent: i32) -> Decimal {
        let places = exponent.unsigned_abs() as usize;
        if exponent < 0 {
            self.decimals += places;
        } else {
            let zeros = places.saturating_sub(self.decimals);
            self.decimals = self.decimals.saturating_sub(places);
            self.digits.splice(0..0, std::iter::repeat_n(0, zeros));
        }
        self.trimmed()
    }

    /// Adds `other`.
    pub fn add(&mut self, other: &Decimal) {
        let decimals = self.decimals.max(other.decimals);
        let digit = |amount: &Decimal, place: usize| {
            let lead = decimals - amount.decimals;
            place
                .checked_sub(lead)
                .and_then(|place| amount.digits.get(place))
                .copied()
                .unwrap_or(0)
        };
        let length = (self.digits.len() + decimals - self.decimals)
            .max(other.digits.len() + decimals - other.decimals);
        let mut digits = Vec::with_capacity(length + 1);
        let mut carry = 0;
        for place in 0..=length {
            let sum = digit(self, place) + digit(other, place) + carry;
            digits.push(sum % 10);
            carry = sum / 10;
        }
        *self = Decimal { digits, decimals }.trimmed();
    }

    /// Removes zeros at both ends that do not change the value.
    fn trimmed(mut self) -> Decimal {
        let zeros = self
            .digits
            .iter()
            .take(self.decimals)
            .take_while(|digit| **digit == 0)
            .count();
        self.digits.drain(..zeros);
        self.decimals -= zeros;
        while self.digits.last() == Some(&0) {
            self.digits.pop();
        }
        if self.digits.is_empty() {
            self.decimals = 0;
        }
        self
    }
}

/// All digits, and a point only if digits follow it.
impl std::fmt::Display for Decimal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let length = self.digits.len().max(self.decimals + 1);
        let mut text = String::with_capacity(length + 1);
        for place in (0..length).rev() {
            text.push(char::from(b'0' + self.digits.get(place).copied().unwrap_or(0)));
            if place == self.decimals && place > 0 {
                text.push('.');
            }
        }
        f.write_str(&text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Decimal;

    fn sum(texts: &[&str]) -> String {
        let mut total = Decimal::default();
        for text in texts {
            total.add(&Decimal::parse(text).unwrap());
        }
        total.to_string()
    }

    #[test]
    fn sum_keeps_every_digit() {
        assert_eq!(sum(&[]), "0");
        assert_eq!(sum(&["0", "0.0", "00"]), "0");
        assert_eq!(
            sum(&["1250000000000000000", "0.5", "123456789012345678901234567890"]),
            "123456789013595678901234567890.5"
        );
        assert_eq!(sum(&["0.5", ".5"]), "1");
        assert_eq!(sum(&["9999", "0.001"]), "9999.001");
        assert_eq!(sum(&["1e18", "1.25E+18", "5e-1"]), "2250000000000000000.5");
    }

    #[test]
    fn converts_atto_to_tokens() {
        let tokens = |text| Decimal::parse(text).unwrap().times_ten_to(-18).to_string();
        assert_eq!(tokens("1250000000000000000"), "1.25");
        assert_eq!(tokens("1"), "0.000000000000000001");
        assert_eq!(tokens("0"), "0");
        assert_eq!(tokens("3000000000000000000"), "3");
    }

    #[test]
    fn rejects_text_that_is_not_an_amount() {
        for text in [
            "",
            "not-a-number",
            "-1",
            "1.2.3",
            "1e",
            "0x10",
            "inf",
            "1e999999999",
            "1 2",
            ".",
        ] {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn adds_like_integers(one in 0..u64::MAX, two in 0..u64::MAX) {
            let total = (u128::from(one) + u128::from(two)).to_string();
            prop_assert_eq!(sum(&[&one.to_string(), &two.to_string()]), total);
        }

        #[test]
        fn never_panics_on_any_text(text in "[-+.0-9eEx ]{0,12}") {
            let _ = Decimal::parse(&text).map(|amount| amount.to_string());
        }
    }
}
