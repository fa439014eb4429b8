use actix_web::http::Method;

/// What the log and the metrics call a request's method: one of those that are standard, as
/// a client may make up any other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Verb(usize);

impl Verb {
    /// All of them, by number.
    pub(crate) const ALL: [&str; 10] = [
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "other",
    ];
    /// Every one that is not standard.
    pub(crate) const OTHER: Self = Self(Self::ALL.len() - 1);

    pub(crate) fn of(method: &Method) -> Self {
        let mut all = Self::ALL.iter();
        all.position(|known| *known == method.as_str())
            .map_or(Self::OTHER, Self)
    }

    /// Its place in [`ALL`](Self::ALL).
    pub(crate) fn number(self) -> usize {
        self.0
    }

    pub(crate) fn as_str(self) -> &'static str {
        Self::ALL[self.0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_makes_up_is_not_repeated() {
        for (method, name) in [
            ("GET", "GET"),
            ("DELETE", "DELETE"),
            ("get", "other"),
            ("BREW", "other"),
            ("other", "other"),
        ] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            assert_eq!(Verb::of(&method).as_str(), name);
        }
    }
}
