use actix_web::http::Method;

/// The method of a request in the log and the metrics. All non-standard methods, which clients can
/// invent, share one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MethodName(usize);

impl MethodName {
    /// All methods, by number.
    pub(crate) const ALL: [&str; 10] = [
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "other",
    ];
    /// Stands for every non-standard method.
    pub(crate) const OTHER: Self = Self(Self::ALL.len() - 1);

    pub(crate) fn of(method: &Method) -> Self {
        let mut all = Self::ALL.iter();
        all.position(|known| *known == method.as_str())
            .map_or(Self::OTHER, Self)
    }

    pub(crate) fn as_str(self) -> &'static str {
        Self::ALL[self.0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invented_methods_are_not_repeated() {
        for (method, name) in [
            ("GET", "GET"),
            ("DELETE", "DELETE"),
            ("get", "other"),
            ("BREW", "other"),
            ("other", "other"),
        ] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            assert_eq!(MethodName::of(&method).as_str(), name);
        }
    }
}
