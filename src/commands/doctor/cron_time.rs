//! When cron runs a line.

/// The minutes of a day.
pub const MINUTES: usize = 24 * 60;

/// The minutes at which cron runs a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CronTime {
    /// For each minute of a day, whether the line runs then.
    pub minutes: Vec<bool>,
    /// Whether that holds for every day.
    pub is_daily: bool,
}

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];
const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

impl CronTime {
    /// Parses five fields, or a word such as `@hourly`. `None`: cron rejects it.
    pub fn parse(schedule: &str) -> Option<CronTime> {
        let schedule = match schedule.trim() {
            "@reboot" => {
                return Some(CronTime {
                    minutes: vec![false; MINUTES],
                    is_daily: false,
                });
            }
            "@yearly" | "@annually" => "0 0 1 1 *",
            "@monthly" => "0 0 1 * *",
            "@weekly" => "0 0 * * 0",
            "@daily" | "@midnight" => "0 0 * * *",
            "@hourly" => "0 * * * *",
            fields => fields,
        };
        let fields: Vec<&str> = schedule.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields.as_slice() else {
            return None;
        };
        let minute = values(minute, 0, 59, &[])?;
        let hour = values(hour, 0, 23, &[])?;
        let all = |values: &[u32], count: usize| values.len() == count;
        let days = values(day, 1, 31, &[])?;
        let months = values(month, 1, 12, &MONTHS)?;
        let mut weekdays = values(weekday, 0, 7, &DAYS)?;
        weekdays.iter_mut().for_each(|day| *day %= 7);
        weekdays.sort_unstable();
        weekdays.dedup();
        // If neither field begins with `*`, one of them is enough.
        let is_either = !day.starts_with('*') && !weekday.starts_with('*');
        let (every_day, every_weekday) = (all(&days, 31), all(&weekdays, 7));
        let is_daily = all(&months, 12)
            && match is_either {
                true => every_day || every_weekday,
                false => every_day && every_weekday,
            };
        let mut minutes = vec![false; MINUTES];
        for hour in &hour {
            for minute in &minute {
                minutes[(hour * 60 + minute) as usize] = true;
            }
        }
        Some(CronTime { minutes, is_daily })
    }
}

/// The longest time in minutes between two runs, if lines run at these minutes of each day.
pub fn longest_gap(minutes: &[bool]) -> usize {
    let runs: Vec<usize> = (0..minutes.len()).filter(|at| minutes[*at]).collect();
    let Some(first) = runs.first() else {
        return usize::MAX;
    };
    let next = runs.iter().skip(1).copied().chain([first + minutes.len()]);
    runs.iter()
        .zip(next)
        .map(|(at, next)| next - at)
        .max()
        .unwrap_or(usize::MAX)
}

/// The values of a field: `*`, `5`, `1-5`, `*/2`, `1-59/2`, `mon-fri`, and lists of them.
fn values(field: &str, low: u32, high: u32, names: &[&str]) -> Option<Vec<u32>> {
    let first = if names.len() == 12 { 1 } else { 0 };
    let number = |text: &str| {
        let name = names.iter().position(|name| name.eq_ignore_ascii_case(text));
        let value = match name {
            Some(at) => u32::try_from(at).ok()? + first,
            None => text.parse().ok()?,
        };
        (low..=high).contains(&value).then_some(value)
    };
    let mut all = Vec::new();
    for part in field.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(step.parse::<u32>().ok().filter(|step| *step > 0)?)),
            None => (part, None),
        };
        let (from, to) = match (range, range.split_once('-')) {
            ("*", _) => (low, high),
            (_, Some((from, to))) => (number(from)?, number(to)?),
            (one, None) => match step {
                // cron takes a step only after a range.
                Some(_) => return None,
                None => (number(one)?, number(one)?),
            },
        };
        if from > to {
            return None;
        }
        all.extend((from..=to).step_by(step.unwrap_or(1) as usize));
    }
    all.sort_unstable();
    all.dedup();
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::{CronTime, longest_gap};

    #[test]
    fn gaps_between_runs_are_those_of_cron() {
        for (schedule, gap) in [
            ("* * * * *", Some(1)),
            ("*/1 */1 * * *", Some(1)),
            ("0-59 * * * *", Some(1)),
            ("0-59/2 0-23 1-31 jan-dec sun-sat", Some(2)),
            ("*/5 * * * *", Some(5)),
            ("5-55/5 * * * *", Some(10)),
            ("*/7 * * * *", Some(7)),
            ("0,5,10,15,20,25,30,35,40,45,50,55 * * * *", Some(5)),
            ("0-11 * * * *", Some(49)),
            ("* 3 * * *", Some(23 * 60 + 1)),
            ("@hourly", Some(60)),
            ("60 * * * *", None),
            ("*/0 * * * *", None),
            ("5/5 * * * *", None),
            ("* * * *", None),
            ("@often", None),
        ] {
            let time = CronTime::parse(schedule);
            assert_eq!(time.map(|time| longest_gap(&time.minutes)), gap, "{schedule}");
        }
        for (schedule, is_daily) in [
            ("* * * * 1-7", true),
            ("* * * * mon-fri", false),
            ("* * 1-30 * *", false),
            ("* * * 2 *", false),
            ("* * 1 * 0-6", true),
            ("@reboot", false),
        ] {
            let time = CronTime::parse(schedule);
            assert_eq!(time.map(|time| time.is_daily), Some(is_daily), "{schedule}");
        }
    }
}
