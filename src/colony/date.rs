//! Moments as people write them: dates in UTC, and how long ago.

use super::Timestamp;
use super::parse_number::strip;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Smaller numbers are no moment anybody asks for, but a forgotten unit: `2` for `2h`.
const FIRST_UNIX_TIME: i64 = 100_000_000;

/// From when on something is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// So many seconds before now.
    Ago(i64),
    At(Timestamp),
}

impl Since {
    /// What `text` means: `2h`, `1d12h`, seconds since 1970, or a date with or without a time of day, in UTC
    /// where it does not say otherwise. None: it means nothing.
    #[must_use]
    pub fn parse(text: &str) -> Option<Since> {
        let text = strip(text);
        if let Ok(seconds) = text.parse::<i64>() {
            return (seconds >= FIRST_UNIX_TIME).then_some(Since::At(Timestamp(seconds)));
        }
        ago(text).map(Since::Ago).or_else(|| moment(text).map(Since::At))
    }

    /// The moment, seen from `now`.
    #[must_use]
    pub fn seen_from(self, now: Timestamp) -> Timestamp {
        match self {
            Since::Ago(seconds) => now.plus(-seconds),
            Since::At(moment) => moment,
        }
    }
}

impl Timestamp {
    /// As ISO 8601 has it: `2026-11-23T22:01:55Z`.
    #[must_use]
    pub fn utc(self) -> String {
        let (year, month, day) = date_of(self.0.div_euclid(DAY));
        let second = self.0.rem_euclid(DAY);
        format!(
            "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
            second / HOUR,
            second % HOUR / MINUTE,
            second % MINUTE
        )
    }
}

/// Seconds of `1d12h`; each part a number and its unit.
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

/// `2026-11-23`, `2026-11-23T22:01`, `2026-11-23 22:01:55+02:00`.
fn moment(text: &str) -> Option<Timestamp> {
    let (date, time) = match text.split_once(['T', 't', ' ']) {
        Some((date, time)) => (date, time),
        None => (text, "00:00"),
    };
    let [year, month, day] = numbers(date, '-', &[4, 2, 2])?[..] else {
        return None;
    };
    let (time, offset) = zone(time)?;
    let parts = numbers(time, ':', &[2, 2]).or_else(|| numbers(time, ':', &[2, 2, 2]))?;
    let second = parts.get(2).copied().unwrap_or_default();
    let (hour, minute) = (*parts.first()?, *parts.get(1)?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let days = days_to(year, month, day)?;
    Some(Timestamp(
        days * DAY + hour * HOUR + minute * MINUTE + second - offset,
    ))
}

/// A time of day without its zone, and the zone's seconds ahead of UTC.
fn zone(time: &str) -> Option<(&str, i64)> {
    if let Some(time) = time.strip_suffix(['Z', 'z']) {
        return Some((time, 0));
    }
    let Some(at) = time.rfind(['+', '-']) else {
        return Some((time, 0));
    };
    let (time, zone) = time.split_at(at);
    let [hours, minutes] = numbers(&zone[1..], ':', &[2, 2])?[..] else {
        return None;
    };
    let ahead = hours * HOUR + minutes * MINUTE;
    Some((time, if zone.starts_with('-') { -ahead } else { ahead }))
}

/// The numbers of `text`, each of so many digits.
fn numbers(text: &str, between: char, digits: &[usize]) -> Option<Vec<i64>> {
    let parts: Vec<&str> = text.split(between).collect();
    if parts.len() != digits.len() {
        return None;
    }
    let is_right =
        |(part, digits): (&&str, &usize)| part.len() == *digits && part.bytes().all(|b| b.is_ascii_digit());
    if !parts.iter().zip(digits).all(is_right) {
        return None;
    }
    parts.into_iter().map(|part| part.parse().ok()).collect()
}

/// Year, month and day of a day counted from 1970-01-01. Years are reckoned from March, so that the leap day
/// is a year's last.
fn date_of(days: i64) -> (i64, i64, i64) {
    let day = days + 719_468;
    let era = day.div_euclid(146_097);
    let of_era = day.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + i64::from(month <= 2), month, day)
}

/// The day counted from 1970-01-01; None: there is no such day.
fn days_to(year: i64, month: i64, day: i64) -> Option<i64> {
    let (from_march, shifted) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let era = from_march.div_euclid(400);
    let of_era = from_march.rem_euclid(400);
    let of_year = (153 * shifted + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    (date_of(days) == (year, month, day)).then_some(days)
}

#[cfg(test)]
mod tests {
    use super::{Since, Timestamp, date_of, days_to};

    #[test]
    fn a_moment_is_written_in_utc() {
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
    fn how_long_ago_is_a_number_and_its_unit() {
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
    fn a_moment_may_be_seconds_a_date_or_a_date_with_its_time_and_zone() {
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
    fn what_is_no_moment_means_nothing() {
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
        fn every_day_is_found_again(day in -800_000_i64..3_000_000) {
            let (year, month, of_month) = date_of(day);
            proptest::prop_assert_eq!(days_to(year, month, of_month), Some(day));
        }

        #[test]
        fn no_text_is_too_odd(text in "[-0-9TZ:+ smhdwé]{0,24}") {
            let _ = Since::parse(&text);
        }
    }
}
