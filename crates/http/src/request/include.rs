//! The parameter `include`: members that an address in a response has only on demand.

use std::borrow::Cow;

use addressbook_domain::FieldErrors;

/// A member that an address in a response has only on demand. The order is that in the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Included {
    /// The purposes for which it is the default address.
    DefaultFor,
    /// The lines of its label.
    Label,
}

impl Included {
    pub(crate) const ALL: [Self; 2] = [Self::DefaultFor, Self::Label];

    /// The name, in the query and in the address.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::DefaultFor => "default_for",
            Self::Label => "label",
        }
    }

    fn parse(name: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|known| known.name() == name);
        known.ok_or_else(|| {
            format!(
                "expected {}, separated by commas without blanks",
                Self::ALL.map(Self::name).join(" or ")
            )
        })
    }
}

/// Parses the values of the parameter, each of which is a list separated by commas. Sorts the names
/// and removes duplicates.
pub(crate) fn parse(values: &[Cow<'_, str>], errors: &mut FieldErrors) -> Option<Vec<Included>> {
    let names = values.iter().flat_map(|value| value.split(','));
    let included: Result<Vec<_>, _> = names.map(Included::parse).collect();
    let mut included = errors.check("include", included)?;
    included.sort_unstable();
    included.dedup();
    Some(included)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(values: &[&str]) -> Result<Vec<Included>, String> {
        let mut errors = FieldErrors::default();
        let values: Vec<_> = values.iter().map(|value| Cow::from(*value)).collect();
        parse(&values, &mut errors).ok_or_else(|| errors.to_string())
    }

    #[test]
    fn names_are_separated_by_commas_or_repeated() {
        assert_eq!(parsed(&[]), Ok(vec![]));
        for values in [
            &["label"][..],
            &["label,label"],
            &["label", "label"],
            &["label,label", "label"],
        ] {
            assert_eq!(parsed(values), Ok(vec![Included::Label]), "{values:?}");
        }
        let both = Ok(vec![Included::DefaultFor, Included::Label]);
        assert_eq!(parsed(&["label,default_for"]), both);
    }

    #[test]
    fn an_unknown_name_is_an_error_that_lists_the_known_ones() {
        for values in [
            &["labels"][..],
            &["Label"],
            &[""],
            &["label,"],
            &["label, label"],
            &["label", "lines"],
            &["label;label"],
        ] {
            let error = parsed(values).unwrap_err();
            assert_eq!(
                error, "include: expected default_for or label, separated by commas without blanks",
                "{values:?}"
            );
        }
    }
}
