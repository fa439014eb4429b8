//! Parses the values of settings.

use std::fmt::Display;
use std::net::ToSocketAddrs;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// Returns a parser for whole numbers in a range.
pub(crate) fn whole_number<T: FromStr + PartialOrd + Display + Clone>(
    range: RangeInclusive<T>,
) -> impl Fn(&str) -> Result<T, String> + Clone {
    move |text| {
        let number = text.parse().ok().filter(|number| range.contains(number));
        let (least, most) = (range.start(), range.end());
        number.ok_or_else(|| format!("expected a whole number from {least} to {most}"))
    }
}

/// Parses the usual spellings of true and false, for variables.
pub(crate) fn true_or_false(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "t" | "yes" | "y" | "on" | "1" => Ok(true),
        "false" | "f" | "no" | "n" | "off" | "0" => Ok(false),
        _ => Err("expected true or false".to_owned()),
    }
}

pub(crate) fn host_and_port(text: &str) -> Result<String, String> {
    match text.to_socket_addrs() {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(format!(
            "expected HOST:PORT such as 127.0.0.1:8080 ({error})"
        )),
    }
}
