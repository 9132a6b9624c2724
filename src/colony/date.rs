//! Parses and formats dates and durations.

use time::{Date, Month, OffsetDateTime};

use super::Timestamp;
use super::parse_number::strip;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Smaller numbers are rejected, because the unit was probably forgotten: `2` for `2h`.
const FIRST_UNIX_TIME: i64 = 100_000_000;

/// The start of a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// This many seconds ago.
    Ago(i64),
    At(Timestamp),
}

impl Since {
    /// Parses `2h`, `1d12h`, seconds since 1970, or a date with an optional time and time zone; the default is UTC. None:
    /// invalid.
    #[must_use]
    pub fn parse(text: &str) -> Option<Since> {
        let text = strip(text);
        if let Ok(seconds) = text.parse::<i64>() {
            return (seconds >= FIRST_UNIX_TIME).then_some(Since::At(Timestamp(seconds)));
        }
        ago(text).map(Since::Ago).or_else(|| moment(text).map(Since::At))
    }

    /// The time, relative to `now`.
    #[must_use]
    pub fn seen_from(self, now: Timestamp) -> Timestamp {
        match self {
            Since::Ago(seconds) => now.plus(-seconds),
            Since::At(moment) => moment,
        }
    }
}

/// The end of a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// In this many seconds.
    In(i64),
    /// Tomorrow, this many seconds after midnight, in UTC.
    Tomorrow(i64),
    At(Timestamp),
}

impl Until {
    /// Parses `2h`, `1d12h`, `tomorrow`, `tomorrow 06:00`, or a date with an optional time and time zone; the default is
    /// UTC. None: invalid.
    #[must_use]
    pub fn parse(text: &str) -> Option<Until> {
        let text = strip(text);
        if let Some(rest) = text.strip_prefix("tomorrow") {
            let time = strip(rest);
            let (time, ahead) = zone(if time.is_empty() { "00:00" } else { time })?;
            let [hour, minute] = numbers(time, ':', [2, 2])?.map(i64::from);
            let is_time = hour < 24 && minute < 60;
            return is_time.then_some(Until::Tomorrow(hour * HOUR + minute * MINUTE - ahead));
        }
        ago(text).map(Until::In).or_else(|| moment(text).map(Until::At))
    }

    /// The time, relative to `now`.
    #[must_use]
    pub fn seen_from(self, now: Timestamp) -> Timestamp {
        match self {
            Until::In(seconds) => now.plus(seconds),
            Until::Tomorrow(seconds) => Timestamp((now.0.div_euclid(DAY) + 1) * DAY + seconds),
            Until::At(moment) => moment,
        }
    }
}

impl Timestamp {
    /// Formats as ISO 8601: `2026-11-23T22:01:55Z`; as seconds if the year is not from -9999 to 9999.
    #[must_use]
    pub fn utc(self) -> String {
        let Ok(moment) = OffsetDateTime::from_unix_timestamp(self.0) else {
            return format!("{} s after 1970-01-01", self.0);
        };
        let (year, month, day) = (moment.year(), u8::from(moment.month()), moment.day());
        let (hour, minute, second) = moment.to_hms();
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

/// Parses `1d12h` to seconds; each part is a number and a unit.
fn ago(text: &str) -> Option<i64> {
    let mut rest = text;
    let mut total: i64 = 0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit())?;
        let (digits, behind) = rest.split_at(end);
        let seconds = match behind.chars().next()? {
            's' => 1,
            'm' => MINUTE,
            'h' => HOUR,
            'd' => DAY,
            'w' => 7 * DAY,
            _ => return None,
        };
        total = total.checked_add(digits.parse::<i64>().ok()?.checked_mul(seconds)?)?;
        rest = &behind[1..];
    }
    (!text.is_empty()).then_some(total)
}

/// Parses `2026-11-23`, `2026-11-23T22:01`, `2026-11-23 22:01:55+02:00`.
fn moment(text: &str) -> Option<Timestamp> {
    let (date, time) = text.split_once(['T', 't', ' ']).unwrap_or((text, "00:00"));
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
    let date = Date::from_calendar_date(i32::from(year), month, u8::try_from(day).ok()?).ok()?;
    let (time, ahead) = zone(time)?;
    let [hour, minute, second] = match numbers(time, ':', [2, 2]) {
        Some([hour, minute]) => [hour, minute, 0],
        None => numbers(time, ':', [2, 2, 2])?,
    };
    let part = |number: u16| u8::try_from(number).ok();
    let moment = date.with_hms(part(hour)?, part(minute)?, part(second)?).ok()?;
    Some(Timestamp(moment.assume_utc().unix_timestamp() - ahead))
}

/// Splits a time of day into the time and the offset of its zone from UTC in seconds.
fn zone(time: &str) -> Option<(&str, i64)> {
    if let Some(time) = time.strip_suffix(['Z', 'z']) {
        return Some((time, 0));
    }
    let Some(at) = time.rfind(['+', '-']) else {
        return Some((time, 0));
    };
    let (time, zone) = time.split_at(at);
    let [hours, minutes] = numbers(&zone[1..], ':', [2, 2])?.map(i64::from);
    let ahead = hours * HOUR + minutes * MINUTE;
    Some((time, if zone.starts_with('-') { -ahead } else { ahead }))
}

/// Parses the numbers of `text`, each with the given number of digits.
fn numbers<const N: usize>(text: &str, between: char, digits: [usize; N]) -> Option<[u16; N]> {
    let parts: Vec<&str> = text.split(between).collect();
    let mut numbers = [0; N];
    if parts.len() != N {
        return None;
    }
    for ((number, part), digits) in numbers.iter_mut().zip(parts).zip(digits) {
        if part.len() != digits || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        *number = part.parse().ok()?;
    }
    Some(numbers)
}

#[cfg(test)]
mod tests {
    use super::{DAY, Since, Timestamp, Until};

    #[test]
    fn reads_the_end_of_a_period() {
        let now = Timestamp(1_795_471_315);
        let end = |text: &str| Until::parse(text).map(|until| until.seen_from(now).utc());
        assert_eq!(now.utc(), "2026-11-23T22:01:55Z");
        for (text, expected) in [
            ("2h", "2026-11-24T00:01:55Z"),
            ("tomorrow", "2026-11-24T00:00:00Z"),
            ("tomorrow 06:00", "2026-11-24T06:00:00Z"),
            ("tomorrow 06:00+01:00", "2026-11-24T05:00:00Z"),
            ("2026-12-24", "2026-12-24T00:00:00Z"),
        ] {
            assert_eq!(end(text).as_deref(), Some(expected), "{text}");
        }
        for odd in ["", "tomorrow 25:00", "tomorrow noon", "yesterday", "2", "-2h"] {
            assert_eq!(end(odd), None, "{odd}");
        }
    }

    #[test]
    fn formats_in_utc() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_795_471_315, "2026-11-23T22:01:55Z"),
            (-1, "1969-12-31T23:59:59Z"),
        ] {
            assert_eq!(Timestamp(seconds).utc(), text);
            assert_eq!(Since::parse(text), Some(Since::At(Timestamp(seconds))), "{text}");
        }
    }

    #[test]
    fn parses_numbers_with_units() {
        let ago = |text| match Since::parse(text) {
            Some(Since::Ago(seconds)) => Some(seconds),
            _ => None,
        };
        assert_eq!(ago("45s"), Some(45));
        assert_eq!(ago("90m"), Some(5400));
        assert_eq!(ago(" 2h "), Some(7200));
        assert_eq!(ago("1d12h"), Some(129_600));
        assert_eq!(ago("1w"), Some(604_800));
        assert_eq!(
            Since::Ago(60).seen_from(Timestamp(1_800_000_000)),
            Timestamp(1_799_999_940)
        );
    }

    #[test]
    fn parses_seconds_and_dates_with_time_and_zone() {
        let at = |text| match Since::parse(text) {
            Some(Since::At(moment)) => moment.0,
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!(at("1795471315"), 1_795_471_315);
        assert_eq!(at("2026-11-23"), 1_795_392_000);
        assert_eq!(at("2026-11-23T22:01"), 1_795_471_260);
        assert_eq!(at("2026-11-23 22:01:55"), 1_795_471_315);
        assert_eq!(at("2026-11-24T00:01:55+02:00"), 1_795_471_315);
        assert_eq!(at("2026-11-23T17:01:55-05:00"), 1_795_471_315);
    }

    #[test]
    fn rejects_other_text() {
        for text in [
            "",
            "2",
            "h",
            "2x",
            "2 h",
            "yesterday",
            "2026-02-30",
            "2026-13-01",
            "2026-1-1",
            "2026-11-23T24:00",
            "2026-11-23T",
            "2026-11-23T1:00",
            "-5m",
            "99999999999999999999d",
            "2h30",
        ] {
            assert_eq!(Since::parse(text), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn every_day_is_parsed_as_it_is_formatted(day in -700_000_i64..2_900_000) {
            let moment = Timestamp(day * DAY);
            proptest::prop_assert_eq!(Since::parse(&moment.utc()), Some(Since::At(moment)));
        }

        #[test]
        fn never_panics_on_any_text(text in "[-0-9TZ:+ smhdwé]{0,24}") {
            let _ = Since::parse(&text);
        }
    }
}
