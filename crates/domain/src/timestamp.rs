use std::time::Duration;
use std::{fmt, str};

use chrono::DateTime;
use thiserror::Error;

/// A time in UTC, in whole milliseconds, from the year 0 to the year 9999. Formatted as ISO 8601
/// with three digits of milliseconds: `2024-08-01T10:15:30.000Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp {
    unix_ms: i64,
}

/// The text or number is not a [`Timestamp`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("expected an RFC 3339 time from year 0000 to 9999, such as 2024-08-01T10:15:30.000Z")]
pub struct TimestampError;

impl Timestamp {
    /// The length of a formatted timestamp, in bytes.
    pub const LEN: usize = 24;

    /// The latest time, 9999-12-31T23:59:59.999Z.
    pub const MAX: Self = Self {
        unix_ms: Self::MAX_UNIX_MS,
    };

    const MIN_UNIX_MS: i64 = -62_167_219_200_000;
    const MAX_UNIX_MS: i64 = 253_402_300_799_999;

    /// Parses an RFC 3339 time in any time zone. Digits beyond the millisecond are
    /// cut off.
    ///
    /// # Errors
    /// [`TimestampError`] if the text is not such a time, or is outside the years 0 to 9999.
    pub fn parse(text: &str) -> Result<Self, TimestampError> {
        let time = DateTime::parse_from_rfc3339(text).map_err(|_| TimestampError)?;
        Self::from_unix_ms(time.timestamp_millis())
    }

    /// Creates a timestamp from milliseconds since 1970-01-01T00:00:00Z.
    ///
    /// # Errors
    /// [`TimestampError`] if the time is outside the years 0 to 9999.
    pub const fn from_unix_ms(unix_ms: i64) -> Result<Self, TimestampError> {
        if Self::MIN_UNIX_MS <= unix_ms && unix_ms <= Self::MAX_UNIX_MS {
            Ok(Self { unix_ms })
        } else {
            Err(TimestampError)
        }
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub const fn unix_ms(self) -> i64 {
        self.unix_ms
    }

    /// Subtracts a duration. Stops at the earliest time.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        let ms = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        let unix_ms = self.unix_ms.saturating_sub(ms).max(Self::MIN_UNIX_MS);
        Self { unix_ms }
    }

    /// Adds a duration. Stops at the latest time.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        let ms = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        let unix_ms = self.unix_ms.saturating_add(ms).min(Self::MAX_UNIX_MS);
        Self { unix_ms }
    }

    /// Formats the timestamp as ASCII.
    pub fn to_iso8601(self) -> [u8; Self::LEN] {
        const MS_PER_DAY: i64 = 24 * 60 * 60 * 1000;
        // Both divisions have a remainder of at least 0, and fit in 32 bits in these years.
        let (year, month, day) = civil_from_days(self.unix_ms.div_euclid(MS_PER_DAY) as i32);
        let ms = self.unix_ms.rem_euclid(MS_PER_DAY) as u32;
        let seconds = ms / 1000;
        let mut text = *b"0000-00-00T00:00:00.000Z";
        for (place, number) in [
            (0, year / 100),
            (2, year % 100),
            (5, month),
            (8, day),
            (11, seconds / 3600),
            (14, seconds / 60 % 60),
            (17, seconds % 60),
            (20, ms % 1000 / 10),
        ] {
            [text[place], text[place + 1]] = TWO_DIGITS[number as usize];
        }
        text[22] += (ms % 10) as u8;
        text
    }
}

/// The year, month and day of a day since 1970-01-01, in years from 0 on.
///
/// This is `civil_from_days` of <https://howardhinnant.github.io/date_algorithms.html>. A page has
/// two times for each address, and `chrono` takes ten times as many instructions for each.
const fn civil_from_days(days: i32) -> (u32, u32, u32) {
    const DAYS_PER_ERA: u32 = 146_097; // 400 years
    // Years begin in March here, so that the leap day is their last. With 400 years more, none of
    // these numbers is negative.
    let days = (days + 719_468 + DAYS_PER_ERA.cast_signed()) as u32; // since 400 years before 0000-03-01
    let (era, day_of_era) = (days / DAYS_PER_ERA, days % DAYS_PER_ERA);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153; // since March
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let year = 400 * era + year_of_era;
    match month {
        0..10 => (year - 400, month + 3, day),
        _ => (year - 399, month - 9, day),
    }
}

/// The numbers below 100 as text. The look-up takes half the time of two divisions.
const TWO_DIGITS: [[u8; 2]; 100] = {
    let mut printed = [*b"00"; 100];
    let mut number = 0;
    while number < 100 {
        printed[number][0] += number as u8 / 10;
        printed[number][1] += number as u8 % 10;
        number += 1;
    }
    printed
};

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(str::from_utf8(&self.to_iso8601()).map_err(|_| fmt::Error)?)
    }
}

#[cfg(test)]
mod tests {
    use chrono::SecondsFormat;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn formats_like_chrono_and_parses_its_own_output(
            unix_ms in Timestamp::MIN_UNIX_MS..=Timestamp::MAX_UNIX_MS
        ) {
            let timestamp = Timestamp::from_unix_ms(unix_ms).unwrap();
            let expected = DateTime::from_timestamp_millis(unix_ms)
                .unwrap()
                .to_rfc3339_opts(SecondsFormat::Millis, true);
            prop_assert_eq!(timestamp.to_string(), expected);
            prop_assert_eq!(Timestamp::parse(&timestamp.to_string()), Ok(timestamp));
        }
    }

    #[test]
    fn the_range_is_the_years_0_to_9999() {
        for (unix_ms, text) in [
            (Timestamp::MIN_UNIX_MS, "0000-01-01T00:00:00.000Z"),
            (Timestamp::MAX_UNIX_MS, "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(Timestamp::from_unix_ms(unix_ms).unwrap().to_string(), text);
        }
        assert!(Timestamp::from_unix_ms(Timestamp::MIN_UNIX_MS - 1).is_err());
        assert!(Timestamp::from_unix_ms(Timestamp::MAX_UNIX_MS + 1).is_err());
        assert!(Timestamp::parse("0000-01-01T00:00:00+00:01").is_err());
    }

    #[test]
    fn parses_other_time_zones_and_cuts_off_finer_digits() {
        let timestamp = Timestamp::parse("2024-08-01T12:15:30.0009+02:00").unwrap();
        assert_eq!(timestamp.to_string(), "2024-08-01T10:15:30.000Z");
    }

    #[test]
    fn rejects_any_other_text() {
        for text in [
            "",
            "2024-08-01",
            "2024-08-01T10:15:30",
            "2024-02-30T00:00:00Z",
            "1722507330",
        ] {
            assert_eq!(Timestamp::parse(text), Err(TimestampError), "{text:?}");
        }
    }
}
