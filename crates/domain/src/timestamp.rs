use std::time::Duration;
use std::{fmt, str};

use chrono::{DateTime, Datelike, Timelike};
use thiserror::Error;

/// A moment in UTC, in whole milliseconds, from the year 0 to the year 9999; printed
/// as ISO 8601 with three digits of milliseconds, `2024-08-01T10:15:30.000Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp {
    unix_ms: i64,
}

/// The text or number is no [`Timestamp`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "expected a time by RFC 3339 from the years 0000 to 9999, such as 2024-08-01T10:15:30.000Z"
)]
pub struct TimestampError;

impl Timestamp {
    /// The length of a printed timestamp, in bytes.
    pub const LEN: usize = 24;

    /// The last moment, 9999-12-31T23:59:59.999Z.
    pub const MAX: Self = Self {
        unix_ms: Self::MAX_UNIX_MS,
    };

    const MIN_UNIX_MS: i64 = -62_167_219_200_000;
    const MAX_UNIX_MS: i64 = 253_402_300_799_999;

    /// Reads a time by RFC 3339 in any zone. Digits finer than a millisecond are
    /// cut off.
    ///
    /// # Errors
    /// [`TimestampError`] when the text is no such time.
    pub fn parse(text: &str) -> Result<Self, TimestampError> {
        let time = DateTime::parse_from_rfc3339(text).map_err(|_| TimestampError)?;
        Self::from_unix_ms(time.timestamp_millis())
    }

    /// The moment so many milliseconds after 1970-01-01T00:00:00Z.
    ///
    /// # Errors
    /// [`TimestampError`] when the moment lies outside the years 0 to 9999.
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

    /// The moment so long before this one, but not before the first.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        let ms = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        let unix_ms = self.unix_ms.saturating_sub(ms).max(Self::MIN_UNIX_MS);
        Self { unix_ms }
    }

    /// The moment so long after this one, but not after the last.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        let ms = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        let unix_ms = self.unix_ms.saturating_add(ms).min(Self::MAX_UNIX_MS);
        Self { unix_ms }
    }

    /// The printed form, as ASCII.
    pub fn to_iso8601(self) -> [u8; Self::LEN] {
        // Without its zone, whose offset each of the getters below would add again.
        let time = DateTime::from_timestamp_millis(self.unix_ms)
            .unwrap_or_default()
            .naive_utc();
        let mut text = *b"0000-00-00T00:00:00.000Z";
        let year = time.year().unsigned_abs();
        let ms = time.nanosecond() / 1_000_000;
        for (place, number) in [
            (0, year / 100),
            (2, year % 100),
            (5, time.month()),
            (8, time.day()),
            (11, time.hour()),
            (14, time.minute()),
            (17, time.second()),
            (20, ms / 10),
        ] {
            [text[place], text[place + 1]] = TWO_DIGITS[number as usize];
        }
        text[22] += (ms % 10) as u8;
        text
    }
}

/// The numbers below 100, printed: looked up in half the time that two divisions take.
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
        fn prints_as_chrono_does_and_reads_it_back(
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
    fn its_range_is_the_years_0_to_9999() {
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
    fn reads_other_zones_and_cuts_finer_digits() {
        let timestamp = Timestamp::parse("2024-08-01T12:15:30.0009+02:00").unwrap();
        assert_eq!(timestamp.to_string(), "2024-08-01T10:15:30.000Z");
    }

    #[test]
    fn refuses_what_is_no_time() {
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
