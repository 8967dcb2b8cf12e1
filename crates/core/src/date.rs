//! Dates and moments, without a clock: the present comes in through [`crate::context::Context`].

use std::fmt;
use std::str::FromStr;

/// A day of the proleptic Gregorian calendar, UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Date {
    /// Days since 1970-01-01.
    days: i32,
}

/// A text that is no date of the form `YYYY-MM-DD`.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{0}` is not a date of the form YYYY-MM-DD")]
pub struct DateError(pub String);

impl Date {
    /// The day that lies `days` after 1970-01-01.
    pub fn from_days(days: i32) -> Self {
        Self { days }
    }

    /// The day that contains a moment given in seconds since 1970-01-01T00:00:00Z.
    pub fn from_unix_seconds(seconds: i64) -> Self {
        Self { days: i32::try_from(seconds.div_euclid(86_400)).unwrap_or(i32::MAX) }
    }

    /// The day of this year, month and day, if there is one; years 1 to 9999.
    pub fn from_ymd(year: i32, month: u32, day: u32) -> Option<Self> {
        if !(1..=9999).contains(&year) || !(1..=12).contains(&month) || day == 0 || day > days_in(year, month)
        {
            return None;
        }
        // Count years from March, so that the leap day is the last of its year (the usual civil-calendar arithmetic).
        let (year, month) =
            if month > 2 { (i64::from(year), month - 3) } else { (i64::from(year) - 1, month + 9) };
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let day_of_year = i64::from((153 * month + 2) / 5 + day - 1);
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        i32::try_from(era * 146_097 + day_of_era - 719_468).ok().map(Self::from_days)
    }

    /// Days since 1970-01-01.
    pub fn days(self) -> i32 {
        self.days
    }

    /// The day that lies `days` later.
    pub fn plus_days(self, days: i32) -> Self {
        Self { days: self.days.saturating_add(days) }
    }

    /// Year, month (1–12) and day (1–31).
    pub fn ymd(self) -> (i64, u32, u32) {
        let shifted = i64::from(self.days) + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month = (5 * day_of_year + 2) / 153;
        let day = u32::try_from(day_of_year - (153 * month + 2) / 5 + 1).unwrap_or(1);
        let (year, month) = if month < 10 {
            (year_of_era + era * 400, month + 3)
        } else {
            (year_of_era + era * 400 + 1, month - 9)
        };
        (year, u32::try_from(month).unwrap_or(1), day)
    }
}

fn days_in(year: i32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

impl fmt::Display for Date {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.ymd();
        write!(out, "{year:04}-{month:02}-{day:02}")
    }
}

impl FromStr for Date {
    type Err = DateError;

    fn from_str(text: &str) -> Result<Self, DateError> {
        let wrong = || DateError(text.to_owned());
        let mut parts = text.splitn(3, '-');
        let mut number = |width: usize| {
            let part = parts.next().filter(|part| part.len() == width)?;
            part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse::<u32>().ok())?
        };
        let (year, month, day) = (number(4), number(2), number(2));
        let (Some(year), Some(month), Some(day)) = (year, month, day) else { return Err(wrong()) };
        i32::try_from(year).ok().and_then(|year| Self::from_ymd(year, month, day)).ok_or_else(wrong)
    }
}

/// A moment, in whole seconds since 1970-01-01T00:00:00Z; written as RFC 3339 writes it, in UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Moment(pub i64);

/// A text that is no moment of RFC 3339.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{0}` is not a time of the form 2026-01-31T12:00:00Z")]
pub struct MomentError(pub String);

impl fmt::Display for Moment {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let day = Date::from_unix_seconds(self.0);
        let rest = self.0.rem_euclid(86_400);
        write!(out, "{day}T{:02}:{:02}:{:02}Z", rest / 3600, rest / 60 % 60, rest % 60)
    }
}

impl FromStr for Moment {
    type Err = MomentError;

    /// Reads a moment (RFC 3339, section 5.6), with any offset. Parts of seconds are dropped; a leap second is the one before.
    fn from_str(text: &str) -> Result<Self, MomentError> {
        moment(text).ok_or_else(|| MomentError(text.to_owned()))
    }
}

fn moment(text: &str) -> Option<Moment> {
    let (day, rest) = (text.get(..10)?, text.get(10..)?);
    let day: Date = day.parse().ok()?;
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let (clock, rest) = (rest.get(..8)?, rest.get(8..)?);
    let [hour, minute, second] = <[&str; 3]>::try_from(clock.split(':').collect::<Vec<_>>()).ok()?;
    let rest = match rest.strip_prefix('.') {
        None => rest,
        Some(rest) => {
            let parts = rest.trim_start_matches(|letter: char| letter.is_ascii_digit());
            (parts.len() < rest.len()).then_some(parts)?
        }
    };
    let offset = match rest {
        "Z" | "z" => 0,
        rest => {
            let sign = if rest.starts_with('+') { 1 } else { -1 };
            let (hour, minute) = rest.strip_prefix(['+', '-'])?.split_once(':')?;
            sign * (number(hour, 23)? * 3600 + number(minute, 59)? * 60)
        }
    };
    let seconds = number(hour, 23)? * 3600 + number(minute, 59)? * 60 + number(second, 60)?.min(59);
    Some(Moment(i64::from(day.days()) * 86_400 + seconds - offset))
}

/// Two digits that are not more than this.
fn number(text: &str, most: i64) -> Option<i64> {
    let is_plain = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| is_plain && *number <= most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_read_as_it_is_written_and_with_every_offset() {
        for seconds in [0, 1, 1_709_164_799, 1_709_164_800, -1, -86_400] {
            assert_eq!(Moment(seconds).to_string().parse(), Ok(Moment(seconds)));
        }
        for (text, expected) in [
            ("2024-02-29T00:00:00Z", Some(1_709_164_800)),
            ("2024-02-29t00:00:00.999z", Some(1_709_164_800)),
            ("2024-02-29T01:30:00+01:30", Some(1_709_164_800)),
            ("2024-02-28T19:00:00-05:00", Some(1_709_164_800)),
            ("2024-02-28T23:59:60Z", Some(1_709_164_799)),
            ("2024-02-30T00:00:00Z", None),
            ("2024-02-29T24:00:00Z", None),
            ("2024-02-29T00:00:00", None),
            ("2024-02-29T00:00:00.Z", None),
            ("2024-02-29T00:00:00+1:00", None),
            ("2024-02-29T0:00:000Z", None),
            ("2024-02-29", None),
            ("2024-02-2\u{e9}T00:00:00Z", None),
            ("", None),
        ] {
            assert_eq!(text.parse().ok(), expected.map(Moment), "{text}");
        }
    }

    #[test]
    fn every_day_of_four_centuries_survives_the_round_trip() {
        for days in -200_000..200_000 {
            let date = Date::from_days(days);
            assert_eq!(date.to_string().parse::<Date>(), Ok(date));
        }
        assert_eq!(Date::from_days(0).to_string(), "1970-01-01");
        assert_eq!(Date::from_unix_seconds(1_709_164_800).to_string(), "2024-02-29");
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "2024",
            "2023-02-29",
            "2024-13-01",
            "2024-00-01",
            "24-01-01",
            "2024-1-01",
            "2024-01-01T00:00",
        ] {
            assert!(text.parse::<Date>().is_err(), "{text}");
        }
    }
}
